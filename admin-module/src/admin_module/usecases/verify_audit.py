"""Is the audit trail what was written? Every digest is made anew, every signature checked."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from admin_module.database import audit
from admin_module.database.transactions import Database
from admin_module.domain import checkpoint_signing
from admin_module.domain.audit import Chain, Checkpoint, Fault, Record
from admin_module.domain.sealing import Seal


@dataclass(frozen=True, slots=True)
class Verdict:
    """`records` were found to be right; `fault` is the first that is not."""

    records: int
    checkpoints: int
    digest: bytes
    fault: Fault | None


async def verify_audit(
    *, database: Database, seal: Seal, noted: tuple[int, bytes] | None = None
) -> Verdict:
    """Read the trail as it is at this moment, from its first record to its last.

    `noted` is the number and digest of a record that somebody kept elsewhere: what the trail
    cannot prove by itself, that its end was not cut off, that does.
    """
    async with database.begin() as connection:
        sealed = await audit.sealed_key(connection)
        signed = await audit.checkpoints(connection)
        end = await audit.head(connection)
        known = [end, *([noted] if noted else []), *((point.seq, point.digest) for point in signed)]
        chain, broken = await _followed(audit.in_order(connection, up_to=end[0]), known)
    faults = [fault for fault in (broken, _forged(signed, seal, sealed)) if fault]
    first = min(faults, key=lambda fault: fault.seq, default=None)
    return Verdict(chain.records, len(signed), chain.digest, first)


async def _followed(
    records: AsyncIterator[Record], known: Sequence[tuple[int, bytes]]
) -> tuple[Chain, Fault | None]:
    """Follow the chain to its end or its first fault, past what is known of it from elsewhere."""
    chain = Chain()
    digests: dict[int, set[bytes]] = {}
    for seq, digest in known:
        digests.setdefault(seq, set()).add(digest)
    async for record in records:
        if fault := chain.fault_of(record):
            return chain, fault
        if digests.pop(chain.records, {chain.digest}) != {chain.digest}:
            return chain, Fault(chain.records, "the record is not the one that was signed or noted")
    if max(digests, default=0) > chain.records:
        return chain, Fault(chain.records + 1, "the record is missing: the trail was longer")
    return chain, None


def _forged(signed: Sequence[Checkpoint], seal: Seal, sealed: bytes | None) -> Fault | None:
    if not signed:
        return None
    if sealed is None:
        return Fault(signed[0].seq, "the key of its checkpoint is missing")
    key = checkpoint_signing.import_key(seal.open(sealed))
    for point in signed:
        if not checkpoint_signing.is_genuine(point, key):
            return Fault(point.seq, "the signature of its checkpoint is not ours")
    return None
