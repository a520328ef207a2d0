"""What a place for bytes must offer; `usecases/store_file.py` says in which order it is used."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from storage_element.domain.room import Space


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that arrived whole and are durable, but not yet in place."""

    size: int
    sha256: str


class BlobStore(Protocol):
    """Bytes and attribute documents, named by their place under the storage root.

    Every write is durable when it returns, and every method may be repeated.
    """

    @property
    def exclusive(self) -> bool:
        """Whether no other process can be writing here: then every open journal entry is ours."""
        ...

    async def stage(self, file_id: UUID, chunks: AsyncIterable[bytes]) -> Staged:
        """Take in a body, hashing it; after an error `discard` removes what came."""
        ...

    async def publish(self, file_id: UUID, place: str) -> None:
        """Put staged bytes in place."""
        ...

    async def write_attributes(self, file_id: UUID, place: str, document: bytes) -> None:
        """Write or replace the attributes atomically. For a new file: the commit point."""
        ...

    async def read_attributes(self, place: str) -> bytes | None:
        """Return the attributes document, or None where there is none."""
        ...

    async def remove_attributes(self, place: str) -> None:
        """Remove the attributes: from here on the file does not exist."""
        ...

    async def discard(self, file_id: UUID, place: str) -> None:
        """Remove whatever there is of a file, its attributes first."""
        ...

    async def size(self, place: str) -> int | None:
        """Return the number of bytes in place, or None where there are none."""
        ...

    def read(self, place: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Yield `length` bytes from `start`; raises TruncatedError where there are fewer."""
        ...

    def attributes(self) -> AsyncIterator[list[tuple[str, bytes]]]:
        """Yield batches of (place, attributes document) of all files."""
        ...

    async def space(self) -> Space:
        """Measure what the store could still take."""
        ...


class TruncatedError(Exception):
    """A file holds fewer bytes than its attributes say."""
