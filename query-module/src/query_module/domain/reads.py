"""How often files were read, as far as the database has not been told."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

# More files than these are counted in the totals alone until the database takes the counts.
_FILES = 100_000


@dataclass(slots=True)
class Reads:
    """Of one file, or of all: a read that was resumed or done in parts is one download."""

    downloads: int = 0
    bytes: int = 0
    last_read: datetime | None = None

    def add(self, downloads: int, sent: int, at: datetime | None) -> None:
        self.downloads += downloads
        self.bytes += sent
        self.last_read = max(filter(None, (self.last_read, at)), default=None)


class Tally:
    """Counts since the last flush, of at most `limit` files."""

    def __init__(self, limit: int = _FILES) -> None:
        self._limit = limit
        self.files: dict[UUID, Reads] = {}
        self.total = Reads()

    def count(self, file_id: UUID, *, downloads: int, sent: int, at: datetime) -> None:
        self.total.add(downloads, sent, at)
        if file_id in self.files or len(self.files) < self._limit:
            self.files.setdefault(file_id, Reads()).add(downloads, sent, at)

    def take(self) -> "Tally":
        """Return what was counted and begin anew."""
        taken = Tally()
        taken.files, taken.total = self.files, self.total
        self.files, self.total = {}, Reads()
        return taken

    def give_back(self, taken: "Tally") -> None:
        """Count again what the database has not taken."""
        self.total.add(taken.total.downloads, taken.total.bytes, taken.total.last_read)
        for file_id, reads in taken.files.items():
            if file_id in self.files or len(self.files) < self._limit:
                self.files.setdefault(file_id, Reads()).add(
                    reads.downloads, reads.bytes, reads.last_read
                )
