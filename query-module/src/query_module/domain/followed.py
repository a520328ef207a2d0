"""How the index keeps up with the elements, as this replica knows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Following(StrEnum):
    """`standby`: another replica follows the element. `starting`: nothing is known yet."""

    STARTING = "starting"
    LEADING = "leading"
    STANDBY = "standby"
    TROUBLE = "trouble"


@dataclass(slots=True)
class Followed:
    """One element: `lag` in entries of its feed, when it last answered, what is wrong with it."""

    state: Following = Following.STARTING
    lag: int | None = None
    contact: datetime | None = None
    trouble: str = ""

    def details(self) -> dict[str, object]:
        """Return what an operator may be told."""
        return {
            "state": self.state.value,
            "lag_entries": self.lag,
            "contact_at": self.contact and self.contact.isoformat(),
            # The kind of trouble alone: addresses are for the log.
            **({"reason": self.trouble.partition(":")[0]} if self.trouble else {}),
        }
