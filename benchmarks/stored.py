"""ArtStore when much has been stored: made-up rows in its databases, attributes on its disk.

It is built once and kept under `.local/`, for the next run; a file's bytes are not there, which
nobody asks for.
"""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import search_data
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.testing.postgres import Postgres
from stack import DATA, Stack, running
from storage_element.domain.filenames import ATTRIBUTES_SUFFIX, place_of
from systems import ArtStore, Starter, System

# Where permanent files go, and its database.
_ELEMENT, _DATABASE = "se-02", "se_02"
_PATIENCE_SECONDS = 60
_COLUMNS = ("file_id", "place", "size", "revision", "uploaded_by", "attributes")


def with_stored(files: int, say: Callable[[str], None]) -> Starter:
    """Return what starts ArtStore with that many files stored; builds them where they are not."""
    folder = DATA / f"bench-stored-{files}"
    if not (folder / "complete").exists():
        began = time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)
        _build(folder, files)
        (folder / "complete").touch()
        say(f"{files:,} stored files made up in {time.monotonic() - began:.0f} s")

    @contextmanager
    def start(_: Path) -> Iterator[System]:
        began = datetime.now(UTC)
        with running(folder, free_ports=True, quiet=True) as stack:
            yield ArtStore(stack)
        _forget_bytes(folder / "files", {began.date(), datetime.now(UTC).date()})

    return start


def _forget_bytes(root: Path, days: set[date]) -> None:
    """Leave of what was uploaded what there is of all others, lest the disk fills up."""
    for day in days:
        for path in root.glob(f"*/{day:%Y/%m/%d}/*/*"):
            if not path.name.endswith(ATTRIBUTES_SUFFIX):
                path.unlink()


def _build(folder: Path, files: int) -> None:
    with running(folder, free_ports=True, quiet=True) as stack:
        _wait_until_followed(stack)
    stack.postgres.start()
    try:
        asyncio.run(_fill(stack.postgres, folder / "files" / _ELEMENT, files))
    finally:
        stack.postgres.stop()


def _wait_until_followed(stack: Stack) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not stack.postgres.execute(
        f"SELECT FROM cursors WHERE element_id = '{_ELEMENT}'",
        search_data.NAME,
    ):
        if time.monotonic() > deadline:
            raise TimeoutError(f"query does not follow {_ELEMENT}")
        time.sleep(0.1)


async def _fill(postgres: Postgres, root: Path, files: int) -> None:
    index = await search_data.open_database(postgres.port, postgres.password, search_data.NAME)
    await search_data.fill(index, postgres, files, _ELEMENT)
    known = await index.fetchval("SELECT count(*) FROM files")
    await asyncio.to_thread(_write_all, postgres, root, files)
    element = await search_data.open_database(postgres.port, postgres.password, _DATABASE)
    head = await element.fetchval(
        """
        WITH numbered AS (
            INSERT INTO changes (seq, action, file_id, revision)
            SELECT row_number() OVER (ORDER BY file_id), 'stored', file_id, 1 FROM files
        )
        UPDATE element SET (head, files, bytes) = (SELECT count(*), count(*), sum(size) FROM files)
        RETURNING head
        """
    )
    if head != known:
        raise RuntimeError(f"{known} files in the index, {head} in the element")
    await element.execute("VACUUM (ANALYZE) files")
    await element.execute("VACUUM (ANALYZE) changes")
    await index.execute("UPDATE cursors SET next = $1 WHERE element_id = $2", head, _ELEMENT)
    await element.close()
    await index.close()


def _write_all(postgres: Postgres, root: Path, files: int) -> None:
    work = partial(_write, port=postgres.port, password=postgres.password, root=root, total=files)
    search_data.in_parts(work, files)


def _write(part: range, *, port: int, password: str, root: Path, total: int) -> None:
    async def copy_in() -> None:
        connection = await search_data.open_database(port, password, _DATABASE)
        for chunk in search_data.chunks(part, total):
            records = [_stored(document, root) for document in chunk]
            await connection.copy_records_to_table("files", columns=_COLUMNS, records=records)
        await connection.close()

    asyncio.run(copy_in())


def _stored(document: dict[str, Any], root: Path) -> tuple[Any, ...]:
    """Write a file's attributes; return its row."""
    file_id = UUID(document["file_id"])
    place = place_of(
        filename=document["filename"],
        uploader=document["uploaded_by"],
        created_at=datetime.fromisoformat(document["created_at"]),
        file_id=file_id,
    )
    attributes = FileAttributes.model_validate(document)
    path = root / f"{place}{ATTRIBUTES_SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(attributes.document())
    row = json.dumps(document, ensure_ascii=False)
    return file_id, place, document["size"], 1, document["uploaded_by"], row
