"""What an endpoint is given: who calls, and what the process has opened."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from artstore_kit.admin_api import AdminApi
from artstore_kit.auth import requires
from artstore_kit.contracts.scopes import Scope
from artstore_kit.discovery import Discovery
from artstore_kit.grants import Grants
from artstore_kit.health import Dependency
from artstore_kit.recent_files import RecentFiles
from artstore_kit.tokens import Account, TokenValidator
from ingester_module.clients.storage_element import StorageElements
from ingester_module.usecases.hold_body import SmallBodies

Uploader = Annotated[Account, Depends(requires(Scope.FILES_WRITE))]


@dataclass(frozen=True)
class Services:
    """Everything outside, opened once at start; `grants` where direct mode is on."""

    tokens: TokenValidator
    admin: AdminApi
    discovery: Discovery
    elements: StorageElements
    recent: RecentFiles
    small: SmallBodies
    grants: Grants | None
    checks: tuple[Dependency, ...]

    def dependencies(self) -> tuple[Dependency, ...]:
        return self.checks


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


Opened = Annotated[Services, Depends(_services)]
