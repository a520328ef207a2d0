"""Which tokens were ended before they expire: what Admin publishes and every service asks."""

from pydantic import BaseModel, Field, field_serializer

REVOCATIONS_KEY = "artstore:revocations"


class Revocations(BaseModel):
    """`accounts`: the oldest generation of an account's tokens that still counts, by client id.

    A suspended or deleted account has one that no token carries. `tokens`: single ones, by `jti`.
    """

    accounts: dict[str, int] = Field(default_factory=dict)
    tokens: set[str] = Field(default_factory=set)

    def revokes(self, *, client_id: str, generation: int, token_id: str) -> bool:
        """Say whether such a token is refused although it is signed and has not expired."""
        return generation < self.accounts.get(client_id, 0) or token_id in self.tokens

    @field_serializer("tokens")
    def _in_order(self, value: set[str]) -> list[str]:
        # The same revocations are the same document, so that publishers can compare.
        return sorted(value)
