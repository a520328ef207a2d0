"""How much more an element can take, counting what uploads in flight will need."""

from dataclasses import dataclass, field
from enum import StrEnum

# Kept free on the disk so that edits, deletes and recovery go on working when it is full.
RESERVED_BYTES = 64 * 1024 * 1024
RESERVED_INODES = 64
# The bytes, the attributes and the folders of one more file.
_INODES_A_FILE = 6


class Shortage(StrEnum):
    """Why there is no room."""

    READ_ONLY = "the storage is mounted read-only"
    INODES = "the disk has no inodes left"
    LIMIT = "STORAGE_MAX_SIZE is reached"
    DISK = "the disk is full"


@dataclass(frozen=True, slots=True)
class Space:
    """What the store could still take, as measured."""

    free_bytes: int = 0
    free_inodes: int | None = None
    read_only: bool = False


@dataclass
class Room:
    """`used`, `files` and the space are measured now and then; reservations bridge the time.

    `held` is what unfinished uploads have left in the store so far.

    Of an upload in flight, `reserved` counts all that is promised to it, `arrived` what came. What
    had arrived when the space was measured was on the disk then, and must not count twice.
    """

    limit: int | None = None
    used: int = 0
    files: int = 0
    held: int = 0
    reserved: int = 0
    arrived: int = 0
    uploads: int = 0
    _space: Space = field(default_factory=Space)
    _arrived_then: int = 0
    _kept_since: int = 0

    def measured(self, space: Space, *, used: int, files: int, held: int = 0) -> None:
        """Take note of what was measured just now."""
        self.used, self.files, self.held = used, files, held
        self._space, self._arrived_then, self._kept_since = space, self.arrived, 0

    @property
    def free(self) -> int:
        """Bytes that a new upload may still take."""
        if self._space.read_only or self._lacks_inodes():
            return 0
        free = self._disk_free()
        if self.limit is not None:
            free = min(free, self.limit - self.used - self.held - self.reserved)
        return max(free, 0)

    @property
    def capacity(self) -> int:
        disk = self.used + self.held + max(self._space.free_bytes - RESERVED_BYTES, 0)
        return disk if self.limit is None else min(self.limit, disk)

    def shortage(self, size: int) -> Shortage | None:
        """Say why there is no room for `size` more bytes; None when there is."""
        if self._space.read_only:
            return Shortage.READ_ONLY
        if self._lacks_inodes():
            return Shortage.INODES
        taken = self.used + self.held + self.reserved
        if self.limit is not None and taken + size > self.limit:
            return Shortage.LIMIT
        return Shortage.DISK if size > self._disk_free() else None

    def give_back(self, size: int) -> None:
        """Count the bytes of a file that was removed as free again; the disk is measured soon."""
        self.used -= size

    def ended(self, *, reserved: int, arrived: int, kept: int) -> None:
        """Count an upload as over; its `kept` bytes are now used."""
        self.uploads -= 1
        self.reserved -= reserved
        self.arrived -= arrived
        self.used += kept
        # Careful rather than exact until the disk is measured again.
        self._arrived_then = max(self._arrived_then - arrived, 0)
        self._kept_since += kept

    def _disk_free(self) -> int:
        promised = self.reserved - self._arrived_then + self._kept_since
        return self._space.free_bytes - RESERVED_BYTES - promised

    def _lacks_inodes(self) -> bool:
        free = self._space.free_inodes
        return free is not None and free - RESERVED_INODES < (self.uploads + 1) * _INODES_A_FILE


class Reservation:
    """The room of one upload: reserved beforehand or as it arrives, given back when it ends."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._reserved = 0
        self._arrived = 0
        room.uploads += 1

    def reserve(self, size: int) -> Shortage | None:
        """Reserve room for `size` bytes in all; says why not when there is not that much."""
        more = size - self._reserved
        if more < 0:
            return None
        # The first reservation, perhaps for nothing, also asks whether files can be made at all.
        shortage = self._room.shortage(more) if more or not self._reserved else None
        if shortage is None:
            self._room.reserved += more
            self._reserved = size
        return shortage

    def arrive(self, size: int) -> Shortage | None:
        """Count `size` more bytes as arrived; says why there is no room for them."""
        shortage = self.reserve(self._arrived + size)
        if shortage is None:
            self._arrived += size
            self._room.arrived += size
        return shortage

    def release(self, *, kept: int) -> None:
        """Give the room back; `kept` bytes of it are now used."""
        self._room.ended(reserved=self._reserved, arrived=self._arrived, kept=kept)
