"""Rebuild the database's knowledge of files from the attributes, which are the truth."""

import time
from dataclasses import dataclass

from pydantic import ValidationError

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore, Entry
from storage_element.database.files import Files

logger = get_logger(__name__)

_PROGRESS_SECONDS = 5


@dataclass
class Rebuild:
    """What was found: files now known, and attributes that could not be believed."""

    files: int = 0
    broken: int = 0


async def rebuild_index(*, blobs: BlobStore, files: Files) -> Rebuild:
    """Read every attributes document of the store and make its file known; safe to repeat.

    Attributes that cannot be read, or whose bytes are absent or of another size, are logged and
    left as they are: a person has to look.
    """
    rebuild = Rebuild()
    reported = time.monotonic()
    async for batch in blobs.entries():
        described = [entry for entry in batch if entry.document is not None]
        sound = [
            (entry.place, attributes)
            for entry in described
            if (attributes := _sound(entry)) is not None
        ]
        rebuild.files += await files.adopt(sound)
        rebuild.broken += len(described) - len(sound)
        if time.monotonic() - reported > _PROGRESS_SECONDS:
            reported = time.monotonic()
            logger.info("rebuild_progress", files=rebuild.files, broken=rebuild.broken)
    logger.info("rebuild_done", files=rebuild.files, broken=rebuild.broken)
    return rebuild


def _sound(entry: Entry) -> FileAttributes | None:
    place = entry.place
    try:
        attributes = FileAttributes.model_validate_json(entry.document or b"")
    except ValidationError as error:
        logger.error("attributes_unreadable", place=place, faults=error.error_count())  # noqa: TRY400 - its text would quote the document
        return None
    if entry.size != attributes.size:
        logger.error("bytes_do_not_match", place=place, expected=attributes.size, found=entry.size)
        return None
    return attributes
