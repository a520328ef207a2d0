"""What an endpoint is given: who calls, and what the process has opened."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import ValidationError

from artstore_kit.auth import bearer, requires
from artstore_kit.contracts.actors import ACCOUNT_HEADER, SCOPE_HEADER, Actor
from artstore_kit.contracts.scopes import Role, Scope
from artstore_kit.errors import ForbiddenError, InvalidRequestError
from artstore_kit.grants import GRANT_PARAMETER, Grants
from artstore_kit.health import Dependency
from artstore_kit.recent_files import RecentFiles
from artstore_kit.tokens import Account, TokenValidator
from storage_element.blobs.store import BlobStore
from storage_element.clients.peers import Peers
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal
from storage_element.database.maintenance import Maintenance
from storage_element.database.scrubbing import Scrubbing
from storage_element.domain.element import Element
from storage_element.usecases.find_upload import UploadPorts
from storage_element.usecases.maintain import Maintainer

_reader = requires(Scope.ELEMENTS_READ)
Reader = Annotated[Account, Depends(_reader)]
Writer = Annotated[Account, Depends(requires(Scope.ELEMENTS_WRITE))]


@dataclass(frozen=True)
class Services:
    """Everything outside, opened once at start; `grants` where direct mode is on."""

    tokens: TokenValidator
    grants: Grants | None
    recent: RecentFiles
    element: Element
    blobs: BlobStore
    journal: Journal
    files: Files
    feed: Feed
    scrubbing: Scrubbing
    runs: Maintenance
    maintainer: Maintainer
    peers: Peers
    uploading: UploadPorts
    clock: Callable[[], datetime]
    patience: float
    checks: tuple[Dependency, ...]

    def dependencies(self) -> tuple[Dependency, ...]:
        return self.checks


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


Opened = Annotated[Services, Depends(_services)]


async def _content_reader(  # noqa: PLR0917 - one parameter a part of the request
    file_id: UUID,
    request: Request,
    services: Opened,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    grant: Annotated[
        str | None,
        Query(alias=GRANT_PARAMETER, description="from Query, in direct mode: instead of a token"),
    ] = None,
) -> None:
    """Let in who holds a grant for this file, or a token."""
    if grant is None:
        await _reader(request, credentials)
    elif services.grants is None:
        raise ForbiddenError("direct mode is off: send a token", code="direct_mode_off")
    else:
        services.grants.verify(grant, "read", file_id)


ContentReader = Depends(_content_reader)


async def _actor(
    caller: Writer,
    account: Annotated[
        str | None,
        Header(alias=ACCOUNT_HEADER, description="account on whose behalf a module calls"),
    ] = None,
    scope: Annotated[
        str | None,
        Header(alias=SCOPE_HEADER, description="the scopes of that account's token, by spaces"),
    ] = None,
) -> Actor | None:
    """Say whose request this is: the account a module names; None for the module's own.

    Any other caller acts for itself, and may not name somebody else.
    """
    if caller.role is not Role.MODULE:
        if account is not None or scope is not None:
            raise ForbiddenError(f"only a module may send {ACCOUNT_HEADER}", code="not_a_module")
        return Actor(account=caller.client_id, scopes=caller.scopes)
    if account is None and scope is None:
        return None
    if account is None or scope is None:
        raise InvalidRequestError(f"send both {ACCOUNT_HEADER} and {SCOPE_HEADER}, or neither")
    try:
        return Actor(account=account, scopes=frozenset(scope.split()))
    except ValidationError as error:
        raise InvalidRequestError(f"{ACCOUNT_HEADER} is not an account's name") from error


Acting = Annotated[Actor | None, Depends(_actor)]
