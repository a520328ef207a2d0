"""Say which elements may take a file, best first (DESIGN 7)."""

from collections.abc import Sequence

from artstore_kit.contracts.files import RetentionPolicy
from artstore_kit.discovery import Element
from artstore_kit.errors import NoSpaceError, UnavailableError
from ingester_module.clients.storage_element import StorageElements
from ingester_module.domain.placement import eligible

AGAIN = "upload again, with the same Idempotency-Key if you sent one"


def place_file(
    *,
    policy: RetentionPolicy,
    size: int | None,
    known: Sequence[Element],
    elements: StorageElements,
) -> list[Element]:
    """Return the elements with room for `size` bytes (None: not known) in the order to try.

    One that keeps failing is left out. One that has said nothing lately may have been restarted: it
    comes last. Raises UnavailableError when none can be asked, NoSpaceError when none has room.
    """
    fitting = [item for item in eligible(known, policy) if not elements.is_resting(item)]
    usable = [element for element in fitting if element.healthy]
    usable += [element for element in fitting if element.stale]
    if not usable:
        message = f"no element for {policy} files is in reach; {AGAIN}"
        raise UnavailableError(message)
    roomy = [element for element in usable if element.has_room(size)]
    if not roomy:
        message = f"no element has room for {size} bytes" if size else "every element is full"
        raise NoSpaceError(message)
    return roomy
