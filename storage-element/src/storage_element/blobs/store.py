"""What a place for bytes must offer; `usecases/store_file.py` says in which order it is used."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from artstore_kit.health import UnreadyError
from storage_element.blobs.uploads import UploadStore
from storage_element.domain.room import Space


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that arrived whole and are durable, but not yet in place."""

    size: int
    sha256: str


# Tells the journal, before any byte goes, the id under which a store keeps an unfinished upload.
Note = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies at one place: the size of its bytes, its attributes; None for what is not there."""

    place: str
    size: int | None
    document: bytes | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload in parts that was begun and neither finished nor aborted."""

    place: str
    upload_id: str
    begun_at: datetime


class Staging(Protocol):
    """How the bytes of a new file come into the store, and leave it when they do not become one."""

    async def stage(
        self, file_id: UUID, place: str, chunks: AsyncIterable[bytes], note: Note
    ) -> Staged:
        """Take in a body, hashing it; after an error `discard` removes what came."""
        ...

    async def publish(self, file_id: UUID, place: str) -> None:
        """Put staged bytes in place."""
        ...

    async def discard(self, file_id: UUID, place: str, upload_id: str | None = None) -> None:
        """Remove whatever there is of a file, its attributes first; `upload_id` as it was noted."""
        ...

    async def drop(self, file_id: UUID, place: str) -> None:
        """Let go of an upload that somebody else settled; what lies at its place is not ours."""
        ...


class BlobStore(Staging, Protocol):
    """Bytes and attribute documents, named by their place under the storage root.

    Every write is durable when it returns, and every method may be repeated.
    """

    @property
    def exclusive(self) -> bool:
        """Whether no other process can be writing here: then every open journal entry is ours."""
        ...

    @property
    def uploads(self) -> UploadStore:
        """Return where the bytes of uploads in pieces are until they are whole."""
        ...

    @property
    def max_file_size(self) -> int:
        """Return how many bytes one file may have here."""
        ...

    async def open(self) -> None:
        """Make the store ready; raises StorageUnreadyError saying what is wrong."""
        ...

    async def open_for_reading(self) -> None:
        """Make the store ready for reads alone, beside whoever has it open."""
        ...

    async def close(self) -> None:
        """Give the store back, after the work that is under way."""
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

    async def size(self, place: str) -> int | None:
        """Return the number of bytes in place, or None where there are none."""
        ...

    def read(self, place: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Yield `length` bytes from `start`; raises TruncatedError where there are fewer."""
        ...

    def path(self, place: str) -> Path | None:
        """Return the file in which bytes are, or None where they are in none."""
        ...

    def entries(self, *, after: str = "") -> AsyncIterator[list[Entry]]:
        """Yield, in the order of their places, batches of all there is behind the place `after`."""
        ...

    async def count(self) -> int:
        """Return at how many places there is something."""
        ...

    def unfinished(self) -> AsyncIterator[Unfinished]:
        """Yield uploads in parts on their way, whoever began them."""
        ...

    async def abort(self, upload: Unfinished) -> None:
        """Give up an upload in parts; what is in place stays."""
        ...

    async def write_description(self, name: str, content: bytes) -> None:
        """Write or replace a document about the store itself, at its root."""
        ...

    async def space(self) -> Space:
        """Measure what the store could still take; raises StorageUnreadyError."""
        ...


class TruncatedError(Exception):
    """A file holds fewer bytes than its attributes say."""


class StorageUnreadyError(UnreadyError):
    """The store cannot be used as it is; the message says what to do."""
