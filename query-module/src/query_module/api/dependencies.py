"""What an endpoint is given: who calls, what they may see, and what the process has opened."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from artstore_kit.auth import requires
from artstore_kit.contracts.scopes import Scope
from artstore_kit.grants import Grants
from artstore_kit.health import Dependency
from artstore_kit.tokens import Account, TokenValidator
from query_module.clients.restores import Restores
from query_module.database.files import FileIndex
from query_module.database.statistics import Statistics
from query_module.database.words import WordIndex
from query_module.usecases.download_file import Sources

_reader = requires(Scope.FILES_READ, Scope.FILES_READ_OWN)


@dataclass(frozen=True)
class Services:
    """Everything outside, opened once at start; `grants` where direct mode is on."""

    tokens: TokenValidator
    index: FileIndex
    words: WordIndex
    sources: Sources
    restores: Restores
    grants: Grants | None
    statistics: Statistics
    checks: tuple[Dependency, ...]

    def dependencies(self) -> tuple[Dependency, ...]:
        return self.checks


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


def visible_uploads(account: Account) -> str | None:
    """Say whose files the account may see; None is everybody's."""
    return None if Scope.FILES_READ in account.scopes else account.client_id


async def _visible_uploads(account: Annotated[Account, Depends(_reader)]) -> str | None:
    return visible_uploads(account)


async def _closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


Opened = Annotated[Services, Depends(_services)]
Reader = Annotated[Account, Depends(_reader)]
Operator = Annotated[Account, Depends(requires(Scope.FILES_ADMIN))]
VisibleUploads = Annotated[str | None, Depends(_visible_uploads)]
# Closes what it is given when the answer has been sent, or the client has gone away.
Closing = Annotated[AsyncExitStack, Depends(_closing)]
