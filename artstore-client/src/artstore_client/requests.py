"""Requests whose answers are documents, one or many."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from artstore_client.models import Document
from artstore_client.retrying import document_of
from artstore_client.transport import Request, Transport

D = TypeVar("D", bound=Document)

PAGE = 100


@dataclass(frozen=True, slots=True)
class Documents:
    """What one service says, read as documents."""

    transport: Transport
    base: str

    async def one(self, kind: type[D], method: str, path: str, **options: Any) -> D:
        """Send a request; options as those of `Request`."""
        answer = await self.transport.send(Request(method, self.base + path, **options))
        return kind.model_validate(document_of(answer))

    async def none(self, method: str, path: str, **options: Any) -> None:
        """Send a request whose answer says no more than that it was done."""
        await self.transport.send(Request(method, self.base + path, **options))

    async def items(
        self,
        kind: type[D],
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        limit: int | None = PAGE,
    ) -> AsyncIterator[D]:
        """Yield everything of a list, `limit` at a time; None where it has no pages."""
        cursor = None
        while True:
            asked = _given({"limit": limit, **(params or {}), "cursor": cursor})
            answer = await self.transport.send(Request("GET", self.base + path, params=asked))
            page = document_of(answer)
            for item in page["items"]:
                yield kind.model_validate(item)
            if (cursor := page.get("next_cursor")) is None:
                return


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
