"""What an endpoint is given: who calls, and what the process has opened."""

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
from query_module.database.search import Searches

Reader = Annotated[Account, Depends(requires(Scope.FILES_READ, Scope.FILES_READ_OWN))]


@dataclass(frozen=True)
class Services:
    """Everything outside, opened once at start."""

    tokens: TokenValidator
    discovery: Discovery
    elements: StorageElements
    searches: Searches
    recent: RecentFiles
    checks: tuple[Dependency, ...]

    def dependencies(self) -> tuple[Dependency, ...]:
        return self.checks


def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


Opened = Annotated[Services, Depends(_services)]


def visible_owner(caller: Account) -> str | None:
    """Return whose files alone the caller may see, or None for everybody's."""
    return None if Scope.FILES_READ in caller.scopes else caller.client_id
