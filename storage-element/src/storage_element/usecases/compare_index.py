"""Walk the store and the database side by side and find where they disagree.

Both are read in the order of places, a batch at a time. What is being written meanwhile looks
wrong without being so: a disagreement counts when it is still there with the file at rest.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile

from pydantic import ValidationError

from artstore_kit.contracts.files import FileAttributes
from storage_element.blobs.store import BlobStore, Entry
from storage_element.database.files import Files, StoredRow
from storage_element.database.journal import Journal
from storage_element.domain.filenames import file_id_of
from storage_element.domain.maintenance import Problem

_ROWS_BATCH = 1000


@dataclass(slots=True)
class Comparison:
    """What lies between the position before and `position`, on either side."""

    position: str
    places: int = 0
    unknown: list[tuple[str, FileAttributes]] = field(default_factory=list)
    suspects: list[str] = field(default_factory=list)


async def compare(*, after: str, blobs: BlobStore, files: Files) -> AsyncIterator[Comparison]:
    """Yield what the store and the database have behind the place `after`."""
    position = after
    async for batch in blobs.entries(after=after):
        left = batch
        while left:
            rows = await files.between(position, left[-1].place, limit=_ROWS_BATCH)
            whole = len(rows) < _ROWS_BATCH
            position = left[-1].place if whole else rows[-1].place
            upto = list(takewhile(lambda entry: entry.place <= position, left))  # noqa: B023 - used at once
            yield _compared(position, upto, rows)
            left = left[len(upto) :]
    while rows := await files.between(position, None, limit=_ROWS_BATCH):
        position = rows[-1].place
        yield _compared(position, [], rows)


def _compared(position: str, entries: list[Entry], rows: list[StoredRow]) -> Comparison:
    known = {row.place: row for row in rows}
    result = Comparison(position, places=len(entries))
    for entry in entries:
        problem, attributes = judge(entry, known.pop(entry.place, None))
        if problem is Problem.UNKNOWN and attributes is not None:
            result.unknown.append((entry.place, attributes))
        elif problem is not None:
            result.suspects.append(entry.place)
    result.places += len(known)
    result.suspects += known
    return result


def judge(entry: Entry, row: StoredRow | None) -> tuple[Problem | None, FileAttributes | None]:
    """Say what is wrong between what lies at a place and its row; also return the attributes."""
    if entry.document is None:
        missing = Problem.GONE if entry.size is None else Problem.ATTRIBUTES_MISSING
        # Bytes that nobody knows are garbage, and its collector's business.
        return (missing if row else None), None
    try:
        attributes = FileAttributes.model_validate_json(entry.document)
    except ValidationError:
        return Problem.ATTRIBUTES_UNREADABLE, None
    faults = {
        Problem.BYTES_MISSING: entry.size is None,
        Problem.SIZE_DIFFERS: entry.size != attributes.size,
        Problem.DUPLICATE: attributes.file_id != file_id_of(entry.place),
        Problem.UNKNOWN: row is None,
        Problem.OUTDATED: row is not None and row.attributes != attributes,
    }
    return next((problem for problem, there in faults.items() if there), None), attributes


async def problem_at(
    place: str, *, blobs: BlobStore, journal: Journal, files: Files
) -> Problem | None:
    """Look at one place again; None too while its file is being written."""
    file_id = file_id_of(place)
    before = await files.at(place)
    if await journal.is_open(file_id):
        return None
    document, size = await blobs.read_attributes(place), await blobs.size(place)
    if await journal.is_open(file_id) or await files.at(place) != before:
        return None
    problem, _ = judge(Entry(place, size, document, datetime.now(UTC)), before)
    return problem
