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
from ingester_module.clients.upload_sessions import UploadSessions
from ingester_module.usecases.hold_body import SmallBodies
from ingester_module.usecases.resume_upload import UploadPorts, Whereabouts

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
    uploads: UploadSessions
    whereabouts: Whereabouts
    max_upload_size: int
    grants: Grants | None
    checks: tuple[Dependency, ...]

    def uploading(self) -> UploadPorts:
        """Return what an upload in pieces needs, with the elements as they are known now."""
        return UploadPorts(self.uploads, self.whereabouts, self.recent, self.discovery.elements)

    def dependencies(self) -> tuple[Dependency, ...]:
        return self.checks


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


Opened = Annotated[Services, Depends(_services)]
