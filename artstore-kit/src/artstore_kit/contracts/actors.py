"""On whose behalf a module calls a storage element.

A module's own token lets it speak to elements; it does not make the module the owner of anyone's
files. The element therefore asks who acts, and with which scopes, and applies its rules to those.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

ACCOUNT_HEADER = "ArtStore-Account"
SCOPE_HEADER = "ArtStore-Scope"

AccountId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$")]


class Actor(BaseModel):
    """The account whose request is being carried out, and the scopes of its token."""

    model_config = ConfigDict(frozen=True)

    account: AccountId
    scopes: frozenset[str]

    def to_headers(self) -> dict[str, str]:
        """Return the header fields that tell an element who acts."""
        return {ACCOUNT_HEADER: self.account, SCOPE_HEADER: " ".join(sorted(self.scopes))}
