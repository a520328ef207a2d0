"""A migration leaves the code of the release before it working: CONTRIBUTING.md, "Migrations"."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from alembic import command
from alembic.script import ScriptDirectory
from schema import Migration, Schema, config_of
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from artstore_kit import database
from artstore_kit.settings import DatabaseSettings

PACKAGES = ("admin_module", "query_module", "storage_element")
# What breaks the rules, and why it may: exactly this, nothing that is not listed and nothing less.
_BEFORE_THE_FIRST = "no release is older, so no replica runs that knows the schema before"
EXCEPTIONS = {
    ("admin_module", "0003"): (
        _BEFORE_THE_FIRST,
        "drops column service_accounts.secret_expires_at",
        "drops column service_accounts.secret_hash",
        "rewrites table service_accounts",
    ),
    ("admin_module", "0004"): (
        _BEFORE_THE_FIRST,
        "adds column signing_keys.active_from",
        "drops column signing_keys.state",
        "drops index signing_keys: signing_keys_one_active",
        "writes to signing_keys",
    ),
    ("admin_module", "0006"): (_BEFORE_THE_FIRST, "adds index transfers: transfers_failed"),
    ("query_module", "0002"): (
        _BEFORE_THE_FIRST,
        "adds index files: files_name",
        "adds index files: files_sha256",
        "adds index files: files_size",
        "adds trigger files: files_counted",
        "adds trigger files: files_indexed",
        "changes index files: files_search",
        "drops index files: files_filename",
        "drops index files: files_own_newest",
        "writes to cursors",
    ),
    ("storage_element", "0002_deleted_files"): (
        _BEFORE_THE_FIRST,
        "adds index changes: changes_deleted",
    ),
    ("storage_element", "0005_maintenance"): (
        _BEFORE_THE_FIRST,
        "adds index files: files_damaged",
        "adds index files: files_expiry",
        "adds index files: files_verified",
        "changes column files.place",
    ),
}
CONCURRENTLY = "CREATE INDEX CONCURRENTLY files_size ON files (size)"


@pytest_asyncio.fixture
async def connection(environment: pytest.MonkeyPatch) -> AsyncIterator[AsyncConnection]:
    engine = database.connect(DatabaseSettings(), pooled=False)
    async with engine.connect() as opened:
        yield opened
    await engine.dispose()


def revisions(package: str) -> list[str]:
    scripts = ScriptDirectory.from_config(config_of(package)).walk_revisions()
    return [script.revision for script in scripts][::-1]


def observed(connection: Connection, before: Schema, statements: Sequence[str]) -> Migration:
    connection.commit()
    done = list(statements)
    return Migration(before, Schema.read(connection), done)


def upgrade(connection: Connection, package: str) -> dict[str, list[str]]:
    """Apply one migration after the other; return what each would break."""
    statements: list[str] = []
    event.listen(
        connection, "before_cursor_execute", lambda *given: statements.append(str(given[2]))
    )
    found: dict[str, list[str]] = {}
    config = config_of(package)
    config.attributes["connection"] = connection
    for revision in revisions(package):
        before = Schema.read(connection)
        statements.clear()
        command.upgrade(config, revision)
        found[revision] = observed(connection, before, statements).breaks()
    return found


@pytest.mark.parametrize("package", PACKAGES)
async def test_what_the_release_before_needs_stays_as_it_was(
    package: str, connection: AsyncConnection
) -> None:
    found = await connection.run_sync(upgrade, package)

    excepted = {
        revision: sorted(breaks)
        for (owner, revision), (_reason, *breaks) in EXCEPTIONS.items()
        if owner == package
    }
    assert {revision: breaks for revision, breaks in found.items() if breaks} == excepted


@pytest.mark.parametrize(
    ("statement", "breaks"),
    [
        ("CREATE TABLE words (word text NOT NULL UNIQUE)", []),
        ("ALTER TABLE files ADD COLUMN tag text", []),
        ("ALTER TABLE files ADD COLUMN tag text NOT NULL DEFAULT ''", []),
        ("ALTER TABLE files ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY", ["rewrites"]),
        ("ALTER TABLE files ADD COLUMN tag text DEFAULT gen_random_uuid()", ["rewrites"]),
        ("ALTER TABLE files ADD COLUMN tag text NOT NULL", ["adds column"]),
        ("ALTER TABLE files ALTER COLUMN name SET NOT NULL", ["changes column"]),
        ("ALTER TABLE files ALTER COLUMN name TYPE varchar(9)", ["changes column", "rewrites"]),
        ("ALTER TABLE files DROP COLUMN name", ["drops column", "drops index"]),
        ("ALTER TABLE files RENAME COLUMN name TO title", ["changes index", "drops column"]),
        ("ALTER TABLE files RENAME TO documents", ["drops column"] * 2 + ["drops", "drops table"]),
        ("ALTER TABLE files ADD CHECK (size > 0)", ["adds constraint"]),
        ("CREATE UNIQUE INDEX once ON files (name)", ["adds index"]),
        ("CREATE INDEX files_size ON files (size)", ["adds index"]),
        (CONCURRENTLY, []),
        ("DROP INDEX files_name", ["drops index"]),
        ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'", ["changes"]),
        ("DROP FUNCTION f", ["drops function"]),
        ("UPDATE files SET size = 1", ["writes to files"]),
        ("INSERT INTO files SELECT 'x', 1", ["writes to files"]),
    ],
)
async def test_what_could_fail_or_stall_it_is_noticed(
    statement: str, breaks: list[str], connection: AsyncConnection
) -> None:
    for there in (
        "CREATE TABLE files (name text, size int)",
        "CREATE INDEX files_name ON files (name)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ):
        await connection.execute(text(there))
    await connection.commit()
    before = await connection.run_sync(Schema.read)

    if "CONCURRENTLY" in statement:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
    await connection.execute(text(statement))
    migration = await connection.run_sync(observed, before, [statement])

    found = migration.breaks()
    assert len(found) == len(breaks), found
    for one, expected in zip(found, breaks, strict=True):
        assert one.startswith(expected)
