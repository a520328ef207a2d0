"""What an endpoint is given: who calls, what they may see, and what the process has opened."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from artstore_kit.auth import requires
from artstore_kit.contracts.scopes import Scope
from artstore_kit.discovery import Discovery
from artstore_kit.health import Dependency
from artstore_kit.tokens import Account, TokenValidator
from query_module.clients.recent_files import RecentFiles
from query_module.clients.storage_element import StorageElements
from query_module.database.files import FileIndex
from query_module.database.search import SearchIndex
from query_module.database.words import WordIndex

_reader = requires(Scope.FILES_READ, Scope.FILES_READ_OWN)


@dataclass(frozen=True)
class Services:
    """Everything outside, opened once at start."""

    tokens: TokenValidator
    discovery: Discovery
    elements: StorageElements
    index: FileIndex
    search: SearchIndex
    words: WordIndex
    recent: RecentFiles
    checks: tuple[Dependency, ...]

    def dependencies(self) -> tuple[Dependency, ...]:
        return self.checks


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


async def _visible_uploads(account: Annotated[Account, Depends(_reader)]) -> str | None:
    return None if Scope.FILES_READ in account.scopes else account.client_id


async def _closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


Opened = Annotated[Services, Depends(_services)]
# Whose files the caller may see: None is everybody's.
VisibleUploads = Annotated[str | None, Depends(_visible_uploads)]
# Closes what it is given when the answer has been sent, or the client has gone away.
Closing = Annotated[AsyncExitStack, Depends(_closing)]
