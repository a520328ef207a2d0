"""Ask the elements which of them has a file."""

from collections.abc import Iterable
from http import HTTPStatus
from uuid import UUID

from admin_module.clients.elements import Elements
from admin_module.domain.elements import RegisteredElement
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import NotFoundError, ServiceError, UnavailableError


async def locate_file(
    file_id: UUID, possible: Iterable[RegisteredElement], *, peers: Elements
) -> tuple[RegisteredElement, FileAttributes]:
    """Find the element that has the file, and where several have, the one that it lives on.

    Raises NotFoundError, UnavailableError while an element that may have it does not say.
    """
    found: list[tuple[RegisteredElement, FileAttributes]] = []
    away = False
    for element in possible:
        try:
            found.append((element, await peers.describe(str(element.url), file_id)))
        except ServiceError as error:
            away = away or error.status != HTTPStatus.NOT_FOUND
    settled = [pair for pair in found if pair[1].moving_to is None]
    if settled or found:
        return max(settled or found, key=lambda pair: pair[1].revision)
    if away:
        raise UnavailableError("an element that may have the file cannot be reached")
    raise NotFoundError("no storage element has this file", code="file_not_found")
