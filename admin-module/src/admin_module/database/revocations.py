"""What ends tokens before they expire, in PostgreSQL, for as long as there can be such tokens."""

from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import revoked_accounts, revoked_tokens
from artstore_kit.contracts.revocations import Revocations

# No token lives longer (TOKEN_TTL); the rest is for clocks that differ.
_LONGEST_TOKEN = text("now() + interval '25 hours'")


async def revoke_account(connection: AsyncConnection, client_id: str, generation: int) -> None:
    """End every token of the account that is of an earlier generation."""
    values = {"generation": generation, "until": _LONGEST_TOKEN}
    statement = insert(revoked_accounts).values(client_id=client_id, **values)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["client_id"], set_=values)
    )


async def revoke_token(
    connection: AsyncConnection, token_id: str, client_id: str, until: datetime
) -> bool:
    """End one token; return False where it was ended before."""
    statement = insert(revoked_tokens).values(token_id=token_id, client_id=client_id, until=until)
    return (await connection.execute(statement.on_conflict_do_nothing())).rowcount > 0


async def count_of(connection: AsyncConnection, client_id: str) -> int:
    """Count the account's tokens that were ended one by one."""
    statement = select(func.count()).where(revoked_tokens.c.client_id == client_id)
    count: int = (await connection.execute(statement)).scalar_one()
    return count


async def current(connection: AsyncConnection) -> Revocations:
    accounts = select(revoked_accounts.c.client_id, revoked_accounts.c.generation).where(
        revoked_accounts.c.until > func.now()
    )
    tokens = select(revoked_tokens.c.token_id).where(revoked_tokens.c.until > func.now())
    return Revocations(
        accounts={row[0]: row[1] for row in await connection.execute(accounts)},
        tokens=set((await connection.execute(tokens)).scalars()),
    )


async def forget_old(connection: AsyncConnection) -> None:
    """Drop what no living token can meet any more."""
    for table in (revoked_accounts, revoked_tokens):
        await connection.execute(delete(table).where(table.c.until <= func.now()))
