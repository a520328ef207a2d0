"""Which role may use which route of Admin; what is not public stands here."""

from artstore_kit.contracts.scopes import Role

ADMIN = frozenset({Role.ADMIN})
MODULES = ADMIN | {Role.MODULE}
WRITERS = MODULES | {Role.USER}
EVERYBODY = frozenset(Role)
AUDITORS = ADMIN | {Role.AUDITOR}
ELEMENT: dict[str, object] = {"element_id": "se-01", "url": "http://se-01:8010", "mode": "edit"}
ELEMENTS, ACCOUNTS = "/api/v1/storage-elements", "/api/v1/service-accounts"
DRAIN, TRANSFERS = f"{ELEMENTS}/{{element_id}}/drain", "/api/v1/transfers"
FILE = "01930000-0000-7000-8000-000000000000"
RESTORES = "/api/v1/restore-requests"
KEYS = "/api/v1/signing-keys"
AUDIT = "/api/v1/audit"

# (method, path) -> a body, and who may.
ROUTES: dict[tuple[str, str], tuple[dict[str, object] | None, frozenset[Role]]] = {
    ("POST", ELEMENTS): (ELEMENT, MODULES),
    ("POST", f"{ELEMENTS}/discover"): ({"url": "http://127.0.0.1:9/"}, ADMIN),
    ("GET", ELEMENTS): (None, MODULES),
    ("PUT", f"{ELEMENTS}/{{element_id}}/mode"): ({"mode": "ro"}, ADMIN),
    ("GET", f"{ELEMENTS}/{{element_id}}"): (None, MODULES),
    ("PATCH", f"{ELEMENTS}/{{element_id}}"): ({"priority": 1}, ADMIN),
    ("DELETE", f"{ELEMENTS}/{{element_id}}"): (None, ADMIN),
    ("GET", ACCOUNTS): (None, ADMIN),
    ("POST", ACCOUNTS): ({"client_id": "new", "role": "USER"}, ADMIN),
    ("GET", f"{ACCOUNTS}/{{client_id}}"): (None, ADMIN),
    ("PATCH", f"{ACCOUNTS}/{{client_id}}"): ({"name": "new"}, ADMIN),
    ("POST", f"{ACCOUNTS}/{{client_id}}/rotate-secret"): (None, ADMIN),
    ("POST", f"{ACCOUNTS}/{{client_id}}/suspend"): (None, ADMIN),
    ("POST", f"{ACCOUNTS}/{{client_id}}/activate"): (None, ADMIN),
    ("DELETE", f"{ACCOUNTS}/{{client_id}}"): (None, ADMIN),
    ("POST", DRAIN): ({}, ADMIN),
    ("GET", DRAIN): (None, ADMIN),
    ("POST", f"{DRAIN}/pause"): (None, ADMIN),
    ("DELETE", DRAIN): (None, ADMIN),
    ("POST", f"{DRAIN}/resume"): (None, ADMIN),
    ("POST", TRANSFERS): ({"file_id": FILE, "permanent": True}, WRITERS),
    ("GET", TRANSFERS): (None, MODULES),
    ("GET", f"{TRANSFERS}/{{transfer_id}}"): (None, WRITERS),
    ("POST", RESTORES): ({"file_id": FILE, "element_id": "none"}, EVERYBODY),
    ("GET", RESTORES): (None, EVERYBODY),
    ("GET", f"{RESTORES}/{{request_id}}"): (None, EVERYBODY),
    ("POST", f"{RESTORES}/{{request_id}}/start"): (None, ADMIN),
    ("POST", f"{RESTORES}/{{request_id}}/complete"): ({"restored_file_id": FILE}, ADMIN),
    ("POST", f"{RESTORES}/{{request_id}}/fail"): ({"reason": "lost"}, ADMIN),
    ("GET", f"{RESTORES}/{{request_id}}/deliveries"): (None, ADMIN),
    ("GET", KEYS): (None, ADMIN),
    ("POST", f"{KEYS}/rotate"): (None, ADMIN),
    ("DELETE", f"{KEYS}/{{kid}}"): (None, ADMIN),
    ("GET", AUDIT): (None, AUDITORS),
    ("GET", f"{AUDIT}/verify"): (None, AUDITORS),
    ("GET", f"{AUDIT}/checkpoints"): (None, AUDITORS),
    ("GET", "/api/v1/auth/revocations"): (None, MODULES),
}
# A client shows its own credentials there, not a token.
OPEN = ("/api/v1/auth/token", "/api/v1/auth/introspect", "/api/v1/auth/revoke")
PUBLIC = ("/health/", "/.well-known/", *OPEN)
