"""The registry of storage elements.

A change and the next version of the registry are one transaction; what Redis shows is made from
them afterwards, and again whenever it differs.
"""

from admin_module.database import audit, elements
from admin_module.database.transactions import Database
from admin_module.domain.audit import Action, Caller, Entry
from admin_module.domain.elements import RegisteredElement
from admin_module.usecases.publish_registry import RegistryPublisher
from artstore_kit.contracts.elements import Registration
from artstore_kit.errors import NotFoundError


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
