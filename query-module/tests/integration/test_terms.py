"""What terms and marks are to the index is asked once, and long ones are not kept."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database
from query_module.database.terms import Terms
from query_module.domain.search import Mark

SHORT, LONG = "акты", "слово " * 30


@pytest.mark.parametrize(("text", "asked_again"), [(SHORT, 0), (LONG, 2)])
async def test_what_was_asked_once_is_known(
    engine: AsyncEngine, text: str, asked_again: int
) -> None:
    terms, statements = Terms(), list[str]()

    async def fetch(statement: str, *arguments: Any) -> list[Any]:
        statements.append(statement)
        return await database.fetch(engine, statement, *arguments)

    async def ask() -> tuple[object, object]:
        return await terms.known([text, text], fetch), await terms.marked([Mark("t", text)], fetch)

    first = await ask()
    assert len(statements) == 2
    assert await ask() == first
    assert len(statements) == 2 + asked_again
