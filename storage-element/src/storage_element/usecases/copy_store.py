"""Copy all files of one store into another: a backup, or a restore from one.

A backup is itself a storage root: plain files in the same places. For each file the order is that
of any write: bytes, their digest compared with the attributes, then the attributes. So a copy that
breaks off has no file that is not whole, and goes on where it was when it is run again.

The source may be in use. What is deleted from it meanwhile is left out.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore, Staged, TruncatedError
from storage_element.domain.filenames import file_id_of

logger = get_logger(__name__)


@dataclass(slots=True)
class Copied:
    """How far the copy is: `size` in bytes, `damaged` the places whose files are not whole."""

    files: int = 0
    size: int = 0
    unchanged: int = 0
    removed: int = 0
    damaged: list[str] = field(default_factory=list)


async def copy_store(
    source: BlobStore, target: BlobStore, *, prune: bool = False
) -> AsyncIterator[Copied]:
    """Copy what `target` does not hold yet, and yield how far it is after every file.

    With `prune`, what `source` no longer holds is removed from `target` at the end. Raises OSError
    when either store fails.
    """
    copying = _Copying(source, target)
    async for entry in _whole(source):
        await copying.copy(*entry)
        yield copying.done
    if prune:
        async for place, _ in _whole(target):
            if await source.read_attributes(place) is None:
                await target.discard(file_id_of(place), place)
                copying.done.removed += 1
        yield copying.done


async def _whole(store: BlobStore) -> AsyncIterator[tuple[str, bytes]]:
    """Yield the place and the attributes of everything that is a file."""
    async for batch in store.entries():
        for entry in batch:
            if entry.document is not None:
                yield entry.place, entry.document


class _Copying:
    def __init__(self, source: BlobStore, target: BlobStore) -> None:
        self._source = source
        self._target = target
        self.done = Copied()

    async def copy(self, place: str, document: bytes) -> None:
        try:
            attributes = FileAttributes.model_validate_json(document)
        except ValidationError:
            self._note_damage(place)
            return
        # Bytes never change; attributes may have been edited.
        if await self._target.size(place) != attributes.size:
            if not await self._copy_bytes(place, attributes):
                # What was deleted meanwhile is not damaged.
                if await self._source.read_attributes(place) is not None:
                    self._note_damage(place)
                return
            self.done.size += attributes.size
        elif await self._target.read_attributes(place) == document:
            self.done.unchanged += 1
            return
        reached("copy.bytes_copied")
        await self._target.write_attributes(attributes.file_id, place, document)
        reached("copy.attributes_written")
        self.done.files += 1

    async def _copy_bytes(self, place: str, attributes: FileAttributes) -> bool:
        """Copy the bytes into place, unless they are gone or not what the attributes say."""
        file_id = attributes.file_id
        chunks = self._source.read(place, 0, attributes.size)
        try:
            staged = await self._target.stage(file_id, place, chunks, _note_nothing)
        except (FileNotFoundError, TruncatedError):
            staged = None
        if staged != Staged(attributes.size, attributes.sha256):
            await self._target.discard(file_id, place)
            return False
        await self._target.publish(file_id, place)
        return True

    def _note_damage(self, place: str) -> None:
        logger.error("file_not_copied", place=place)
        self.done.damaged.append(place)


async def _note_nothing(upload_id: str) -> None:
    """Keep no note: an upload in parts that we leave behind is found by its listing."""
    del upload_id
