"""Make the database say what the store holds: the attributes are the truth (DESIGN 4.3).

It may run beside uploads, edits and deletes, be killed at any point and run again. Attributes that
cannot be read, or whose bytes are absent or of another size, are listed and left as they are: a
person has to look. Nothing is ever removed from the store.
"""

from collections.abc import AsyncIterator
from uuid import UUID

from pydantic import ValidationError

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import InProgressError, Journal, Operation
from storage_element.domain.filenames import file_id_of
from storage_element.domain.maintenance import Finding, Problem, Run, Step
from storage_element.usecases.compare_index import Comparison, compare, problem_at

logger = get_logger(__name__)

_DATABASE_IS_WRONG = {Problem.OUTDATED, Problem.GONE}


async def rebuild_index(
    run: Run, *, blobs: BlobStore, journal: Journal, files: Files, feed: Feed
) -> AsyncIterator[Step]:
    """Add, correct and forget files until the database agrees; then begin a new feed."""
    # Whatever is deleted from now on is not to be added by what we have read of it.
    head = (await feed.element()).head
    run.total = await blobs.count()
    async for comparison in compare(after=run.position, blobs=blobs, files=files):
        step = await _apply(comparison, head, blobs=blobs, journal=journal, files=files)
        reached("rebuild.batch_applied")
        feed.announce()
        yield step
    reached("rebuild.applied")
    await feed.renew()
    reached("rebuild.renewed")


async def _apply(
    comparison: Comparison, head: int, *, blobs: BlobStore, journal: Journal, files: Files
) -> Step:
    added = await files.adopt(comparison.unknown, head=head)
    corrected, findings = 0, []
    suspects = list(comparison.suspects)
    if added < len(comparison.unknown):
        suspects += [place for place, _ in comparison.unknown]
    for place in suspects:
        problem = await problem_at(place, blobs=blobs, journal=journal, files=files)
        if problem in _DATABASE_IS_WRONG:
            corrected += await _correct(place, blobs=blobs, journal=journal, files=files)
        elif problem is not None:
            # It could not be added: a file with its id or idempotency key is known already.
            problem = Problem.DUPLICATE if problem is Problem.UNKNOWN else problem
            logger.error("file_not_rebuilt", place=place, problem=problem)
            findings.append(Finding(place, problem))
    counts = {"added": added, "corrected": corrected, "broken": len(findings)}
    return Step(comparison.position, comparison.places, counts, findings)


async def _correct(place: str, *, blobs: BlobStore, journal: Journal, files: Files) -> bool:
    """Let the row of one file follow the store; False when it is in other hands or unreadable."""
    file_id = file_id_of(place)
    try:
        row = await journal.begin_change(file_id, Operation.REBUILD)
    except InProgressError:
        row = None
    if row is None:
        return False
    try:
        return await _follow(row.place, file_id, blobs=blobs, journal=journal, files=files)
    finally:
        journal.let_go(file_id)


async def _follow(
    place: str, file_id: UUID, *, blobs: BlobStore, journal: Journal, files: Files
) -> bool:
    reached("rebuild.correcting")
    document = await blobs.read_attributes(place)
    if document is None:
        await files.forget(file_id)
        return True
    try:
        attributes = FileAttributes.model_validate_json(document)
    except ValidationError:
        await journal.abandon(file_id)
        return False
    await files.commit(place, attributes, correcting=True)
    return True
