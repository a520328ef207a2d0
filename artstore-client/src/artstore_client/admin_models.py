"""What an administrator keeps: accounts, elements, keys, the audit trail."""

from uuid import UUID

from pydantic import AwareDatetime, Field

from artstore_client.models import Document


class Account(Document):
    """A service account."""

    client_id: str
    name: str
    role: str
    status: str
    configured: bool
    rate_limit: int | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    secret_expires_at: AwareDatetime | None = None


class AccountWithSecret(Account):
    """An account with a secret that is shown this once."""

    client_secret: str


class Element(Document):
    """A storage element in the registry; a lower `priority` is filled first."""

    element_id: str
    url: str
    mode: str
    storage_type: str
    priority: int
    draining: bool = False
    registered_at: AwareDatetime
    updated_at: AwareDatetime


class Capacity(Document):
    """How full an element is: bytes, and files."""

    capacity: int
    used: int
    free: int
    files: int


class MaintenanceRun(Document):
    """How far a maintenance task of an element has come, or how it ended."""

    task: str
    state: str


class Drain(Document):
    """An element that is being emptied: `files` and `bytes` by the state of their transfer."""

    element_id: str
    state: str
    parallelism: int
    bytes_per_second: int | None = None
    error: str | None = None
    files: dict[str, int]
    bytes: dict[str, int]


class SigningKey(Document):
    """A key that signs tokens, did, or will."""

    kid: str
    state: str
    created_at: AwareDatetime
    active_from: AwareDatetime


class AuditRecord(Document):
    """Who did what, or was refused."""

    seq: int
    at: AwareDatetime
    action: str
    target: str
    outcome: str
    account: str | None
    address: str | None
    trace_id: str
    details: dict[str, object]


class AuditCheckpoint(Document):
    """Where the trail was signed."""

    seq: int
    at: AwareDatetime
    digest: str
    signature: str


class AuditFault(Document):
    """The first record that is not what was written."""

    seq: int
    reason: str


class AuditVerdict(Document):
    """Whether the trail is what was written."""

    intact: bool
    records: int
    checkpoints: int
    digest: str
    fault: AuditFault | None = None


class Health(Document):
    """Whether a service is ready, and the state of what it needs."""

    status: str
    dependencies: dict[str, dict[str, object]] = Field(default_factory=dict)


class Revocations(Document):
    """Tokens that are refused although they have not expired."""

    accounts: dict[str, int]
    tokens: list[str]


class DamagedFile(Document):
    """A file whose bytes are not what they were."""

    file_id: UUID
