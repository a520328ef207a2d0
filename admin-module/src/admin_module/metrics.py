"""Every metric of Admin."""

from prometheus_client import Counter, Gauge

TOKENS = Counter(
    "artstore_admin_token_requests_total",
    "Token requests by outcome: issued, or RFC 6749's error code",
    ["outcome"],
)
GUESSES_SLOWED = Counter(
    "artstore_admin_guesses_slowed_total",
    "Attempts to authenticate that were delayed or refused because so many before had failed",
    ["how"],
)
SECRET_EXPIRY = Gauge(
    "artstore_admin_secret_expiry_timestamp_seconds",
    "When the newest secret of an account expires, for accounts whose secrets do",
    ["client_id"],
)
TRANSFER_STEPS = Counter(
    "artstore_admin_transfer_steps_total",
    "Steps of transfers that were tried, by the state before and outcome: done or failed",
    ["state", "outcome"],
)
PUBLICATIONS = Counter(
    "artstore_admin_registry_publications_total",
    "Publications of the registry to Redis by outcome: published or failed",
    ["outcome"],
)
WEBHOOK_ATTEMPTS = Counter(
    "artstore_admin_webhook_attempts_total",
    "Attempts to tell the webhook of an event by outcome: delivered, failed or abandoned",
    ["outcome"],
)
ELEMENTS = Gauge("artstore_admin_elements", "Registered storage elements, by mode", ["mode"])
STALE_ELEMENTS = Gauge(
    "artstore_admin_stale_elements",
    "Registered storage elements that have neither reported nor answered for half a minute",
)
TRANSFERS = Gauge(
    "artstore_admin_transfers", "Transfers of files that go on or have failed, by state", ["state"]
)
RESTORES = Gauge("artstore_admin_restore_requests", "Restore requests, by state", ["state"])
KEY_SIGNS_SINCE = Gauge(
    "artstore_admin_signing_key_active_since_timestamp_seconds",
    "When the key that signs tokens began to; overdue once that is KEY_LIFETIME ago",
)
AUDIT_RECORDS = Gauge("artstore_admin_audit_records", "Records in the audit trail")
AUDIT_SIGNED_RECORDS = Gauge(
    "artstore_admin_audit_signed_records", "Records of the audit trail up to its last checkpoint"
)
AUDIT_BROKEN = Gauge(
    "artstore_admin_audit_broken",
    "1 if the audit trail was not what was written when it was last verified, else 0",
)
AUDIT_VERIFIED_AT = Gauge(
    "artstore_admin_audit_verified_timestamp_seconds", "When the audit trail was last verified"
)
LAST_BACKUP = Gauge(
    "artstore_admin_last_backup_timestamp_seconds",
    "When the last backup ended well; 0 before the first",
)
