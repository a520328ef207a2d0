"""The index of a million files, built once and kept beside the repository."""

import asyncio
import json
import multiprocessing
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

import search_corpus
from artstore_kit import database
from artstore_kit.settings import DatabaseSettings
from artstore_kit.testing.postgres import USERNAME, Postgres

NAME = "query"
ELEMENT = "se-01"
_PASSWORD = "only-on-loopback"  # noqa: S105 - a database of invented files
_WRITERS = 2
_CHUNK = 5000


def server(folder: Path) -> Postgres:
    """Return the server of the data set, not started."""
    return Postgres(folder / "postgres", _PASSWORD, durable=False, shared_buffers="2GB")


async def build(postgres: Postgres, files: int) -> None:
    """Fill the index as the followers would, unless it holds that many files."""
    await asyncio.to_thread(postgres.create_database, NAME)
    engine = database.connect(DatabaseSettings.model_validate(settings(postgres)))
    await database.migrate(engine, "query_module")
    await engine.dispose()
    connection = await open_database(postgres.port, postgres.password, NAME)
    if await connection.fetchval("SELECT count(*) FROM files") != files:
        await fill(connection, postgres, files, ELEMENT)
    await connection.close()


async def fill(
    connection: asyncpg.Connection, postgres: Postgres, files: int, element: str
) -> None:
    """Replace the content of the index by that many files of an element."""
    definition = await connection.fetchval("SELECT pg_get_indexdef('files_search'::regclass)")
    await connection.execute("TRUNCATE files, words, word_changes; DROP INDEX files_search")
    await asyncio.to_thread(_copy, postgres, files, element)
    await connection.execute("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'")
    await connection.execute(definition)
    await connection.execute(
        """
        INSERT INTO words SELECT uploaded_by, word, sum(files) FROM (
            SELECT unnest(ARRAY['', uploaded_by]) AS uploaded_by, word, sum(files) AS files
            FROM word_changes, unnest(words) word GROUP BY uploaded_by, word, 1
        ) counted GROUP BY uploaded_by, word
        """
    )
    await connection.execute("TRUNCATE word_changes")
    await connection.execute("VACUUM (ANALYZE) files")
    await connection.execute("VACUUM (ANALYZE) words")


def _copy(postgres: Postgres, files: int, element: str) -> None:
    work = partial(_write, port=postgres.port, password=postgres.password, element=element)
    in_parts(partial(work, total=files), files)


def in_parts(work: Callable[[range], None], files: int) -> None:
    """Share the numbers of files among processes; `work` can be pickled.

    They take turns: what is written is in the order of time, as followers read it.
    """
    parts = [range(start * _CHUNK, files, _WRITERS * _CHUNK) for start in range(_WRITERS)]
    with multiprocessing.get_context("spawn").Pool(_WRITERS) as pool:
        pool.map(work, parts)


def chunks(part: range, total: int) -> Iterator[Iterator[dict[str, Any]]]:
    """Yield the documents of the files, as many at a time as one statement takes."""
    for start in part:
        yield search_corpus.documents(start, min(_CHUNK, total - start), total)


def _write(part: range, *, port: int, password: str, element: str, total: int) -> None:
    async def copy_in() -> None:
        connection = await open_database(port, password, NAME)
        for chunk in chunks(part, total):
            await connection.copy_records_to_table(
                "files",
                columns=search_corpus.COLUMNS,
                records=[search_corpus.row(document, element) for document in chunk],
            )
        await connection.close()

    asyncio.run(copy_in())


async def open_database(port: int, password: str, name: str) -> asyncpg.Connection:
    """Connect to one of the databases of an embedded server."""
    return await asyncpg.connect(
        host="127.0.0.1", port=port, user=USERNAME, password=password, database=name
    )


def settings(postgres: Postgres) -> dict[str, str]:
    """Return the settings of a service that uses the data set."""
    return {name.lower(): value for name, value in postgres.environment(NAME).items()}


def summary(postgres: Postgres) -> str:
    """Say how large the parts of the index are."""
    rows = postgres.execute(
        """
        SELECT relname, pg_size_pretty(pg_total_relation_size(oid)) AS total,
            pg_size_pretty(pg_indexes_size(oid)) AS indexes, reltuples::bigint AS rows
        FROM pg_class WHERE relname IN ('files', 'words') ORDER BY 1
        """,
        NAME,
    )
    return "\n".join(json.dumps(dict(row), ensure_ascii=False) for row in rows)
