"""What an endpoint is given: who calls, and what the process has opened."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from artstore_kit.auth import requires
from artstore_kit.contracts.scopes import Scope
from artstore_kit.health import Dependency
from artstore_kit.tokens import Account, TokenValidator
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal
from storage_element.domain.element import Element

Reader = Annotated[Account, Depends(requires(Scope.ELEMENTS_READ))]
Writer = Annotated[Account, Depends(requires(Scope.ELEMENTS_WRITE))]


@dataclass(frozen=True)
class Services:
    """Everything outside, opened once at start."""

    tokens: TokenValidator
    element: Element
    blobs: BlobStore
    journal: Journal
    files: Files
    feed: Feed
    checks: tuple[Dependency, ...]

    def dependencies(self) -> tuple[Dependency, ...]:
        return self.checks


def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


Opened = Annotated[Services, Depends(_services)]
