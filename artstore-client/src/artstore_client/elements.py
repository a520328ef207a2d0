"""Storage elements: the registry, what an element says of itself, and emptying one."""

from collections.abc import AsyncIterator
from typing import TypedDict, Unpack
from urllib.parse import urlsplit

from artstore_client.admin_models import Capacity, DamagedFile, Drain, Element, MaintenanceRun
from artstore_client.requests import Documents

_ELEMENTS = "/storage-elements"


class ElementFields(TypedDict, total=False):
    """What may be said of an element that is entered by hand."""

    storage_type: str
    priority: int


class Speed(TypedDict, total=False):
    """How fast an element is emptied; `grace_seconds` until its copies are deleted."""

    parallelism: int
    bytes_per_second: int
    grace_seconds: int


class AsyncElements:
    """Storage elements, for administrators.

    What concerns one element alone is asked of it at its own address, which must be reachable.
    """

    def __init__(self, admin: Documents) -> None:
        self._admin = admin

    def list(self) -> AsyncIterator[Element]:
        """Yield the elements by id."""
        return self._admin.items(Element, _ELEMENTS)

    async def get(self, element_id: str) -> Element:
        """Return one element."""
        return await self._admin.one(Element, "GET", f"{_ELEMENTS}/{element_id}")

    async def register(
        self, element_id: str, url: str, mode: str, **fields: Unpack[ElementFields]
    ) -> Element:
        """Enter an element by hand."""
        asked = {"element_id": element_id, "url": url, "mode": mode, **fields}
        return await self._admin.one(Element, "POST", _ELEMENTS, json=asked)

    async def discover(self, url: str, *, priority: int = 100) -> Element:
        """Enter the element that answers at an address, by what it says of itself."""
        asked = {"url": url, "priority": priority}
        return await self._admin.one(Element, "POST", f"{_ELEMENTS}/discover", json=asked)

    async def set_priority(self, element_id: str, priority: int) -> Element:
        """Say when an element is filled: the lower, the sooner."""
        path = f"{_ELEMENTS}/{element_id}"
        return await self._admin.one(Element, "PATCH", path, json={"priority": priority})

    async def remove(self, element_id: str) -> None:
        """Take an element out of the registry; its files stay where they are."""
        await self._admin.none("DELETE", f"{_ELEMENTS}/{element_id}")

    async def set_mode(self, element_id: str, mode: str, *, confirm: bool = False) -> Element:
        """Change an element's mode; back from `ro` to `rw` only with `confirm`."""
        path = f"{_ELEMENTS}/{element_id}/mode"
        asked = {"mode": mode, "confirm": confirm}
        return await self._admin.one(Element, "PUT", path, json=asked)

    async def capacity(self, element_id: str) -> Capacity:
        """Say how full an element is."""
        return await (await self._own(element_id)).one(Capacity, "GET", "/capacity")

    async def tasks(self, element_id: str) -> AsyncIterator[MaintenanceRun]:
        """Yield the present or last run of every maintenance task."""
        async for run in (await self._own(element_id)).items(MaintenanceRun, "/maintenance"):
            yield run

    async def task(self, element_id: str, task: str) -> MaintenanceRun:
        """Say how far a maintenance task has come, or how it ended."""
        element = await self._own(element_id)
        return await element.one(MaintenanceRun, "GET", f"/maintenance/{task}")

    async def run_task(
        self, element_id: str, task: str, *, dry_run: bool = False
    ) -> MaintenanceRun:
        """Begin `rebuild`, `verify`, `scrub` or `gc`; only `gc` has a dry run."""
        asked = {"dry_run": "true"} if dry_run else None
        element = await self._own(element_id)
        return await element.one(MaintenanceRun, "POST", f"/maintenance/{task}", params=asked)

    async def damaged_files(self, element_id: str) -> AsyncIterator[DamagedFile]:
        """Yield the files whose bytes are not what they were; they are not served."""
        element = await self._own(element_id)
        async for file in element.items(DamagedFile, "/maintenance/damaged-files"):
            yield file

    async def _own(self, element_id: str) -> Documents:
        registered = await self.get(element_id)
        parts = urlsplit(registered.url)
        return Documents(self._admin.transport, f"{parts.scheme}://{parts.netloc}/api/v1")


class AsyncDrains:
    """Elements that are being emptied, for administrators."""

    def __init__(self, admin: Documents) -> None:
        self._admin = admin

    async def begin(self, element_id: str, **speed: Unpack[Speed]) -> Drain:
        """Move every file of an element elsewhere; asked for again, go on at another speed."""
        return await self._admin.one(Drain, "POST", _drain(element_id), json=speed)

    async def get(self, element_id: str) -> Drain:
        """Say how far a drain is, and what keeps it."""
        return await self._admin.one(Drain, "GET", _drain(element_id))

    async def pause(self, element_id: str) -> Drain:
        """Begin no further copy until resumed."""
        return await self._admin.one(Drain, "POST", f"{_drain(element_id)}/pause")

    async def resume(self, element_id: str) -> Drain:
        """Go on with a drain that was paused."""
        return await self._admin.one(Drain, "POST", f"{_drain(element_id)}/resume")

    async def end(self, element_id: str) -> None:
        """End a drain: uploads are placed on the element again."""
        await self._admin.none("DELETE", _drain(element_id))


def _drain(element_id: str) -> str:
    return f"{_ELEMENTS}/{element_id}/drain"
