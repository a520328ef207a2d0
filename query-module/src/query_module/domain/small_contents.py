"""What a process remembers of small files' bytes: they never change, and are asked for again."""

from dataclasses import dataclass
from uuid import UUID

from cachetools import LRUCache

from artstore_kit.contracts.files import StoredFile

# Larger files gain little by it: their bytes cost more than the question for them.
MOST_BYTES = 64 * 1024
_ALL_BYTES = 32 * 1024 * 1024
# What Python makes of an entry beside its bytes, roughly.
_ENTRY_BYTES = 2048


@dataclass(frozen=True, slots=True)
class SmallContent:
    """A whole file whose digest was right, and what its element said of it."""

    headers: dict[str, str]
    content: bytes


class SmallContents:
    """The small files that were read last; each revision is a file of its own.

    Who may read a file, and whether it is still there, is never asked here.
    """

    def __init__(self, all_bytes: int = _ALL_BYTES) -> None:
        self._known: LRUCache[tuple[UUID, int], SmallContent] = LRUCache(
            all_bytes, getsizeof=lambda known: len(known.content) + _ENTRY_BYTES
        )

    def get(self, file: StoredFile) -> SmallContent | None:
        return self._known.get((file.file_id, file.revision))

    def keep(self, file: StoredFile, headers: dict[str, str], content: bytes) -> None:
        self._known[file.file_id, file.revision] = SmallContent(headers, content)
