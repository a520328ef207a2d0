"""What a store must offer for uploads in pieces, beside what it offers for files."""

import hashlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Kept:
    """What is durable of an upload: its first `size` bytes; `notes` say where the store has them.

    What lies beyond them counts for nothing and is overwritten.
    """

    size: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


# Told each time more has become durable; raises to end the write.
Record = Callable[[Kept], Awaitable[None]]


class Digest(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...


class RunningDigest:
    """The SHA-256 of the first `size` bytes of an upload."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size = 0

    def update(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self.size += len(data)

    def copy(self) -> "RunningDigest":
        other = RunningDigest()
        other._digest, other.size = self._digest.copy(), self.size
        return other

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Leftover:
    """Bytes of an upload as they lie in the store, whether or not anybody knows of it."""

    file_id: UUID
    changed_at: datetime


class UploadStore(Protocol):
    """Bytes of unfinished uploads. Every method may be repeated."""

    async def append(
        self,
        file_id: UUID,
        place: str,
        before: Kept,
        chunks: AsyncIterable[bytes],
        *,
        digests: Sequence[Digest],
        record: Record,
    ) -> None:
        """Add a body behind `before`, feeding the digests what is written.

        `record` is told of what has become durable now and then and at the end; also when the body
        breaks off: what came of it is kept.
        """
        ...

    async def cut(self, file_id: UUID, kept: Kept, dropped: Kept) -> None:
        """Go back to `kept`: what was `dropped` was never recorded, and never will be."""
        ...

    async def supersede(self, before: Kept, kept: Kept) -> None:
        """Remove what only `before` needs: `kept` has been recorded since."""
        ...

    async def digest(self, file_id: UUID, place: str, kept: Kept) -> RunningDigest:
        """Read all that was kept, and hash it."""
        ...

    def read(self, file_id: UUID, place: str, kept: Kept) -> AsyncGenerator[bytes, None]:
        """Yield all that was kept."""
        ...

    async def publish(self, file_id: UUID, place: str, kept: Kept) -> None:
        """Put the bytes in place as one piece."""
        ...

    async def release(self, file_id: UUID, place: str) -> None:
        """Remove what is left of an upload beside the bytes in place."""
        ...

    def leftovers(self) -> AsyncIterator[Leftover]:
        """Yield whatever there is of unfinished uploads."""
        ...
