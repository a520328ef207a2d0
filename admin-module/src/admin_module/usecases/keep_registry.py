"""The registry of storage elements.

A change and the next version of the registry are one transaction; what Redis shows is made from
them afterwards, and again whenever it differs.
"""

from pydantic import HttpUrl

from admin_module.clients.elements import Elements
from admin_module.database import audit, elements
from admin_module.database.transactions import Database
from admin_module.domain.audit import Action, Caller, Entry
from admin_module.domain.elements import RegisteredElement
from admin_module.usecases.publish_registry import RegistryPublisher
from artstore_kit.contracts.elements import Mode, Registration
from artstore_kit.errors import NotFoundError, UnprocessableError
from artstore_kit.http_client import PeerError


def _unknown() -> NotFoundError:
    return NotFoundError("no such storage element")


async def register_element(
    registration: Registration,
    *,
    by: Caller,
    database: Database,
    publisher: RegistryPublisher,
) -> tuple[RegisteredElement, bool]:
    """Enter or refresh an element; return it, and whether it is new."""
    async with database.begin() as connection:
        await elements.lock(connection)
        known = await elements.find(connection, registration.element_id)
        if known and known.says_the_same(registration):
            return known, False
        element = await elements.put(connection, registration)
        await elements.bump_version(connection)
        details = registration.model_dump(mode="json", exclude={"element_id"})
        action = Action.ELEMENT_CHANGED if known else Action.ELEMENT_REGISTERED
        await audit.append(connection, Entry(action, element.element_id, by, details=details))
    publisher.registry_changed()
    return element, known is None


async def find_element(element_id: str, *, database: Database) -> RegisteredElement:
    async with database.begin() as connection:
        element = await elements.find(connection, element_id)
    if element is None:
        raise _unknown()
    return element


async def list_elements(*, after: str, limit: int, database: Database) -> list[RegisteredElement]:
    async with database.begin() as connection:
        return await elements.page(connection, after=after, limit=limit)


async def discover_element(
    url: HttpUrl,
    priority: int,
    *,
    by: Caller,
    database: Database,
    peers: Elements,
    publisher: RegistryPublisher,
) -> tuple[RegisteredElement, bool]:
    """Ask who answers at a URL, and enter that; return it, and whether it is new.

    Raises UnprocessableError where no storage element answers, UnavailableError where nobody does.
    """
    try:
        info = await peers.info(str(url))
    except PeerError as error:
        message = f"no storage element answers there: {error.detail}"
        raise UnprocessableError(message, code="not_an_element") from error
    registration = Registration(
        element_id=info.element_id,
        url=url,
        mode=info.mode,
        storage_type=info.storage_type,
        priority=priority,
    )
    return await register_element(registration, by=by, database=database, publisher=publisher)


async def set_mode(
    element_id: str,
    mode: Mode,
    *,
    confirm: bool,
    by: Caller,
    database: Database,
    peers: Elements,
    publisher: RegistryPublisher,
) -> RegisteredElement:
    """Have an element change its mode, and show the new one at once.

    The element decides (PeerError is its refusal); who dies in between leaves its next
    registration to show it.
    """
    known = await find_element(element_id, database=database)
    info = await peers.set_mode(str(known.url), mode, confirm=confirm)
    async with database.begin() as connection:
        await elements.lock(connection)
        known = await elements.find(connection, element_id) or known
        if known.mode is info.mode:
            return known
        element = await elements.set_mode(connection, element_id, info.mode)
        if element is None:
            raise _unknown()
        await elements.bump_version(connection)
        details = {"mode": info.mode, "before": known.mode}
        await audit.append(
            connection, Entry(Action.ELEMENT_CHANGED, element_id, by, details=details)
        )
    publisher.registry_changed()
    return element


async def set_priority(
    element_id: str,
    priority: int,
    *,
    by: Caller,
    database: Database,
    publisher: RegistryPublisher,
) -> RegisteredElement:
    async with database.begin() as connection:
        await elements.lock(connection)
        element = await elements.set_priority(connection, element_id, priority)
        if element is None:
            raise _unknown()
        await elements.bump_version(connection)
        entry = Entry(Action.ELEMENT_CHANGED, element_id, by, details={"priority": priority})
        await audit.append(connection, entry)
    publisher.registry_changed()
    return element


async def remove_element(
    element_id: str, *, by: Caller, database: Database, publisher: RegistryPublisher
) -> None:
    async with database.begin() as connection:
        await elements.lock(connection)
        if not await elements.remove(connection, element_id):
            raise _unknown()
        await elements.bump_version(connection)
        await audit.append(connection, Entry(Action.ELEMENT_REMOVED, element_id, by))
    publisher.registry_changed()
