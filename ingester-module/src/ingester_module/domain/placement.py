"""Which elements an upload may go to, best first (DESIGN 7)."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from artstore_kit.contracts.elements import Mode
from artstore_kit.contracts.files import RetentionPolicy


class Placeable(Protocol):
    @property
    def element_id(self) -> str: ...
    @property
    def mode(self) -> Mode: ...
    @property
    def priority(self) -> int: ...
    @property
    def draining(self) -> bool: ...


ElementT = TypeVar("ElementT", bound=Placeable)


def eligible(elements: Iterable[ElementT], policy: RetentionPolicy) -> list[ElementT]:
    """Return the elements whose mode fits, in the order in which they are filled.

    None that is being emptied. Temporary files need `edit`; permanent ones `rw`, or `edit` where
    no `rw` is registered.
    """
    known = [item for item in elements if not item.draining]
    wanted = Mode.EDIT
    if policy is RetentionPolicy.PERMANENT and any(item.mode is Mode.RW for item in known):
        wanted = Mode.RW
    fitting = [item for item in known if item.mode is wanted]
    return sorted(fitting, key=lambda item: (item.priority, item.element_id))
