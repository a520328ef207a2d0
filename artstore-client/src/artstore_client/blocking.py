"""The same client for programs without asyncio: one event loop in a thread of its own.

Nothing is written twice: every method here is the asynchronous one, run there and waited for.
"""

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import anyio.from_thread

from artstore_client.accounts import AsyncAccounts, AsyncTokens
from artstore_client.client import PATIENCE_SECONDS, AsyncArtStore
from artstore_client.elements import AsyncDrains, AsyncElements
from artstore_client.endpoints import Endpoints
from artstore_client.journal import Journal
from artstore_client.moves import AsyncRestores, AsyncTransfers
from artstore_client.records import AsyncAudit, AsyncKeys

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")


class Blocking(Generic[A]):
    """Something asynchronous, and the loop it lives in."""

    def __init__(self, portal: anyio.from_thread.BlockingPortal, wrapped: A) -> None:
        self._portal = portal
        self._wrapped = wrapped

    def run(self, method: Callable[..., Coroutine[Any, Any, R]], *args: Any, **options: Any) -> R:
        """Run a method of what is wrapped and wait for its result."""
        call: Callable[[], Coroutine[Any, Any, R]]
        call = functools.partial(method, self._wrapped, *args, **options)
        running = self._portal.start_task_soon(call)
        try:
            result: R = running.result()
        except BaseException:
            # Ctrl-C comes here and not into the loop: what runs there ends too.
            running.cancel()
            raise
        return result

    def iterate(
        self, method: Callable[..., AsyncIterator[R]], *args: Any, **options: Any
    ) -> Iterator[R]:
        """Yield what a method of what is wrapped yields."""

        async def begin() -> AsyncIterator[R]:
            return method(self._wrapped, *args, **options)

        items = self._portal.call(begin)
        nothing = object()
        while (item := self._portal.call(anext, items, nothing)) is not nothing:
            yield item


def _waiting(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Blocking[A], P], R]:
    def call(self: Blocking[A], /, *args: P.args, **options: P.kwargs) -> R:
        return self.run(method, *args, **options)

    functools.update_wrapper(call, method)
    return call


def _yielding(
    method: Callable[Concatenate[A, P], AsyncIterator[R]],
) -> Callable[Concatenate[Blocking[A], P], Iterator[R]]:
    def call(self: Blocking[A], /, *args: P.args, **options: P.kwargs) -> Iterator[R]:
        return self.iterate(method, *args, **options)

    functools.update_wrapper(call, method)
    return call


class Accounts(Blocking[AsyncAccounts]):
    """Service accounts, for administrators."""

    list = _yielding(AsyncAccounts.list)
    get = _waiting(AsyncAccounts.get)
    create = _waiting(AsyncAccounts.create)
    edit = _waiting(AsyncAccounts.edit)
    delete = _waiting(AsyncAccounts.delete)
    rotate_secret = _waiting(AsyncAccounts.rotate_secret)
    suspend = _waiting(AsyncAccounts.suspend)
    activate = _waiting(AsyncAccounts.activate)


class Tokens(Blocking[AsyncTokens]):
    """Access tokens: one's own, and what another is good for."""

    get = _waiting(AsyncTokens.get)
    inspect = _waiting(AsyncTokens.inspect)
    revoke = _waiting(AsyncTokens.revoke)
    revocations = _waiting(AsyncTokens.revocations)


class Elements(Blocking[AsyncElements]):
    """Storage elements, for administrators."""

    list = _yielding(AsyncElements.list)
    get = _waiting(AsyncElements.get)
    register = _waiting(AsyncElements.register)
    discover = _waiting(AsyncElements.discover)
    set_priority = _waiting(AsyncElements.set_priority)
    set_mode = _waiting(AsyncElements.set_mode)
    remove = _waiting(AsyncElements.remove)
    capacity = _waiting(AsyncElements.capacity)
    tasks = _yielding(AsyncElements.tasks)
    task = _waiting(AsyncElements.task)
    run_task = _waiting(AsyncElements.run_task)
    damaged_files = _yielding(AsyncElements.damaged_files)


class Drains(Blocking[AsyncDrains]):
    """Elements that are being emptied, for administrators."""

    begin = _waiting(AsyncDrains.begin)
    get = _waiting(AsyncDrains.get)
    pause = _waiting(AsyncDrains.pause)
    resume = _waiting(AsyncDrains.resume)
    end = _waiting(AsyncDrains.end)


class Transfers(Blocking[AsyncTransfers]):
    """Files on their way from one element to another."""

    list = _yielding(AsyncTransfers.list)
    get = _waiting(AsyncTransfers.get)
    begin = _waiting(AsyncTransfers.begin)
    wait = _waiting(AsyncTransfers.wait)


class Restores(Blocking[AsyncRestores]):
    """Requests to bring bytes back from an archive."""

    list = _yielding(AsyncRestores.list)
    get = _waiting(AsyncRestores.get)
    request = _waiting(AsyncRestores.request)
    deliveries = _yielding(AsyncRestores.deliveries)
    start = _waiting(AsyncRestores.start)
    complete = _waiting(AsyncRestores.complete)
    fail = _waiting(AsyncRestores.fail)


class Keys(Blocking[AsyncKeys]):
    """The keys that sign tokens, for administrators."""

    list = _yielding(AsyncKeys.list)
    rotate = _waiting(AsyncKeys.rotate)
    withdraw = _waiting(AsyncKeys.withdraw)


class Audit(Blocking[AsyncAudit]):
    """The audit trail, for auditors."""

    list = _yielding(AsyncAudit.list)
    verify = _waiting(AsyncAudit.verify)
    checkpoints = _yielding(AsyncAudit.checkpoints)


class ArtStore(Blocking[AsyncArtStore]):
    """A client of ArtStore; use it in `with`, or close it.

    `url`: of the gateway, or Endpoints with one address per service. `patience`: the seconds for
    which a request that fails for the moment is tried again, as `Retry-After` asks. `journal`:
    where uploads that are under way are noted, so that another process can go on with them.
    """

    def __init__(
        self,
        url: str | Endpoints,
        client_id: str,
        client_secret: str,
        *,
        patience: float = PATIENCE_SECONDS,
        journal: Journal | None = None,
    ) -> None:
        self._opened = ExitStack()
        portal = self._opened.enter_context(anyio.from_thread.start_blocking_portal())

        async def begin() -> AsyncArtStore:
            return AsyncArtStore(url, client_id, client_secret, patience=patience, journal=journal)

        super().__init__(portal, store := portal.call(begin))
        self._opened.callback(portal.call, store.close)
        self.tokens = Tokens(portal, store.tokens)
        self.accounts = Accounts(portal, store.accounts)
        self.elements = Elements(portal, store.elements)
        self.drains = Drains(portal, store.drains)
        self.transfers = Transfers(portal, store.transfers)
        self.restores = Restores(portal, store.restores)
        self.keys = Keys(portal, store.keys)
        self.audit = Audit(portal, store.audit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the loop."""
        self._opened.close()

    whoami = _waiting(AsyncArtStore.whoami)
    health = _waiting(AsyncArtStore.health)
    upload = _waiting(AsyncArtStore.upload)
    upload_many = _waiting(AsyncArtStore.upload_many)
    get = _waiting(AsyncArtStore.get)
    search = _yielding(AsyncArtStore.search)
    search_page = _waiting(AsyncArtStore.search_page)
    suggest = _waiting(AsyncArtStore.suggest)
    statistics = _waiting(AsyncArtStore.statistics)
    read_statistics = _waiting(AsyncArtStore.read_statistics)
    read = _yielding(AsyncArtStore.read)
    download = _waiting(AsyncArtStore.download)
    edit = _waiting(AsyncArtStore.edit)
    retag = _waiting(AsyncArtStore.retag)
    delete = _waiting(AsyncArtStore.delete)
    finalize = _waiting(AsyncArtStore.finalize)
