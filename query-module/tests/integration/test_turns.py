"""Questions take turns on some of the connections, and leave the others to followers and files."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database
from query_module.database.search import SearchIndex


async def test_questions_leave_connections_to_others(engine: AsyncEngine) -> None:
    index = SearchIndex(engine, at_once=1)
    answered: list[int] = []

    async def ask(number: int) -> None:
        async with index.held() as held:
            await held.fetch("SELECT 1")
            answered.append(number)

    async with index.held():
        asking = [asyncio.create_task(ask(number)) for number in range(3)]
        for _ in range(10):
            await database.fetch(engine, "SELECT 1")
        assert answered == []
    await asyncio.gather(*asking)

    assert answered == [0, 1, 2]
