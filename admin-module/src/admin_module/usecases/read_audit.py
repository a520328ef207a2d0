"""What the audit trail says; and what it is told of requests that were refused."""

from admin_module.database import audit
from admin_module.database.audit import Wanted
from admin_module.database.transactions import Database
from admin_module.domain.audit import Entry, Record
from artstore_kit.database import DATABASE_ERRORS
from artstore_kit.logging import get_logger

logger = get_logger(__name__)


async def read_audit(wanted: Wanted, *, limit: int, database: Database) -> list[Record]:
    """Return the newest records of those wanted, newest first."""
    async with database.begin() as connection:
        return await audit.page(connection, wanted, limit=limit)


async def record_refusal(refused: Entry, *, database: Database) -> None:
    """Write down what was refused; nothing was changed, so there is no transaction to share."""
    try:
        async with database.begin() as connection:
            await audit.append(connection, refused)
    except DATABASE_ERRORS:
        # It stays refused. Whatever else happened to the database is answered in its own words.
        logger.exception("refusal_not_recorded", action=refused.action, target=refused.target)
