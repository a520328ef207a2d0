"""The audit trail over HTTP, for auditors."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, field_serializer

from admin_module.api.audited import AuditedRoute
from admin_module.api.dependencies import Auditor, Limit, Opened
from admin_module.database.audit import Wanted
from admin_module.domain.audit import Outcome
from admin_module.usecases.read_audit import read_audit
from admin_module.usecases.sign_audit import list_checkpoints
from admin_module.usecases.verify_audit import verify_audit
from artstore_kit.errors import problems

router = APIRouter(
    prefix="/api/v1/audit",
    tags=["audit"],
    route_class=AuditedRoute,
    responses=problems(401, 403, 422, 429, 503),
)

_TEXT = r"^[^\x00]*$"
Text = Annotated[str | None, Query(max_length=256, pattern=_TEXT)]
Number = Annotated[int, Query(ge=0, lt=2**63)]


class _Sealed(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    seq: int
    at: AwareDatetime
    digest: bytes

    @field_serializer("digest")
    def _as_hex(self, value: bytes) -> str:
        return value.hex()


class RecordView(_Sealed):
    action: str
    target: str
    outcome: Outcome
    account: str | None
    address: str | None
    trace_id: str
    details: dict[str, object]


class RecordPage(BaseModel):
    items: list[RecordView]
    next_cursor: str | None


class CheckpointView(_Sealed):
    signature: str


class CheckpointPage(BaseModel):
    items: list[CheckpointView]
    next_cursor: str | None


class FaultView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    seq: int
    reason: str


class VerdictView(BaseModel):
    intact: bool
    records: int
    checkpoints: int
    digest: str
    fault: FaultView | None


class Filters(BaseModel):
    """What is not given does not matter; `cursor` is the `next_cursor` of the page before."""

    model_config = ConfigDict(extra="forbid")

    account: Text = None
    action: Text = None
    target: Text = None
    outcome: Outcome | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    cursor: Annotated[int | None, Query(ge=1, lt=2**63)] = None
    limit: Limit = 100


@router.get("")
async def list_records(
    asked: Annotated[Filters, Query()], services: Opened, _caller: Auditor
) -> RecordPage:
    """Read the trail, newest first: every change, and every attempt that was refused.

    In: filters by account, action, target and outcome (exactly), by time (`since` included,
    `until` not), and a page. Errors: 401, 403 without `audit:read`, 422.
    """
    wanted = Wanted(**asked.model_dump(exclude={"cursor", "limit"}), before=asked.cursor)
    records = await read_audit(wanted, limit=asked.limit + 1, database=services.database)
    items = [RecordView.model_validate(record) for record in records[: asked.limit]]
    more = len(records) > asked.limit
    return RecordPage(items=items, next_cursor=str(items[-1].seq) if more else None)


@router.get("/verify")
async def verify(services: Opened, _caller: Auditor) -> VerdictView:
    """Make every digest of the trail anew, and compare with what is stored and was signed.

    Out: whether it is intact, how many records are right, and the first that is not. The same
    without Admin: `python -m admin_module audit verify`. Errors: 401, 403 without `audit:read`.
    """
    verdict = await verify_audit(database=services.database, seal=services.seal)
    fault = verdict.fault
    return VerdictView(
        intact=fault is None,
        records=verdict.records,
        checkpoints=verdict.checkpoints,
        digest=verdict.digest.hex(),
        fault=FaultView.model_validate(fault) if fault else None,
    )


@router.get("/checkpoints")
async def checkpoints(
    services: Opened, _caller: Auditor, limit: Limit = 100, cursor: Number = 0
) -> CheckpointPage:
    """List where the trail was signed: number and digest of a record, and a JWS (Ed25519) of both.

    Keep one elsewhere to be able to prove that nothing was cut off behind it.
    Errors: 401, 403 without `audit:read`, 422.
    """
    found = await list_checkpoints(after=cursor, limit=limit + 1, database=services.database)
    items = [CheckpointView.model_validate(checkpoint) for checkpoint in found[:limit]]
    more = len(found) > limit
    return CheckpointPage(items=items, next_cursor=str(items[-1].seq) if more else None)
