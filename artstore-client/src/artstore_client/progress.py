"""How far an upload or a download is, for whoever wants to show it."""

from collections.abc import Callable
from dataclasses import dataclass

# Called with the bytes that are over, which may become fewer when a connection broke; and of how
# many in all.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """Tells of one file."""

    total: int
    tell: OnProgress | None = None

    def at(self, done: int) -> None:
        """Say that so many bytes are over."""
        if self.tell is not None:
            self.tell(done, self.total)
