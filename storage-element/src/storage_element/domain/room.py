"""How much more an element can take, counting what uploads in flight will need."""

from dataclasses import dataclass

# Kept free on the disk so that deletes, attributes and the database next door go on working.
DISK_RESERVE_BYTES = 64 * 1024 * 1024


@dataclass
class Room:
    """`used` and `disk_free` are refreshed from outside; reservations bridge the time between."""

    limit: int | None = None
    used: int = 0
    files: int = 0
    disk_free: int = 0
    reserved: int = 0

    @property
    def free(self) -> int:
        """Bytes that a new upload may still take."""
        free = self.disk_free - DISK_RESERVE_BYTES
        if self.limit is not None:
            free = min(free, self.limit - self.used)
        return max(free - self.reserved, 0)

    @property
    def capacity(self) -> int:
        disk = self.used + max(self.disk_free - DISK_RESERVE_BYTES, 0)
        return disk if self.limit is None else min(self.limit, disk)

    def give_back(self, size: int) -> None:
        """Count the bytes of a file that was removed as free again."""
        self.used -= size
        self.disk_free += size


class Reservation:
    """The room of one upload: taken as it grows, given back when it ends."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def grow_to(self, size: int) -> bool:
        """Take room for `size` bytes in all; False when there is not that much."""
        more = size - self._size
        if more <= 0:
            return True
        if more > self._room.free:
            return False
        self._room.reserved += more
        self._size = size
        return True

    def release(self, *, kept: int) -> None:
        """Give the room back; `kept` bytes of it are now used."""
        self._room.reserved -= self._size
        self._size = 0
        self._room.used += kept
        self._room.disk_free -= kept
