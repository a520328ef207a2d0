"""The drill of docs/recovery.md, as printed there, recovers every file without us."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from backends import Backend, LocalFolder
from element_user import CONTENT, Start, store

from artstore_kit.testing.postgres import Postgres

DOCUMENT = Path(__file__).parents[3] / "docs" / "recovery.md"
NAMES = ["Договор №1.pdf", "a/b\\c.txt", "отчёт 😀.tar.gz", "-rf", "no extension"]


@pytest.fixture
def jq(tmp_path: Path) -> Path:
    """Return a folder with `jq` in it: the machine's, or its library with the same arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    found = shutil.which("jq")
    if found:
        (folder / "jq").symlink_to(found)
        return folder
    program = folder / "jq"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, jq\n"
        "_, raw, program, path = sys.argv\n"
        "for line in jq.compile(program).input_text(open(path).read()):\n"
        "    print(line)\n"
    )
    program.chmod(0o755)
    return folder


async def test_the_drill_recovers_every_file(
    start: Start, root: Path, jq: Path, tmp_path: Path
) -> None:
    async with start() as element:
        stored = {
            str(await store(element, name.encode() * 1000, filename=name)): name for name in NAMES
        }
        damaged = await store(element, CONTENT)
    (bytes_of_it,) = (path for path in root.rglob(f"*{damaged}*") if path.suffix != ".json")
    bytes_of_it.write_bytes(b"x")
    script = re.search(r"```bash\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert script is not None

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script[1]],  # noqa: S607 - whichever the user has
        cwd=tmp_path,
        env={"PATH": f"{jq}:{os.environ['PATH']}", "STORAGE": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"damaged: {bytes_of_it}\n"
    recovered = tmp_path / "recovered"
    assert {path.name for path in recovered.iterdir() if path.is_dir()} == set(stored)
    for file_id, name in stored.items():
        (copy,) = (recovered / file_id).iterdir()
        assert copy.name == name.replace("/", "_")
        assert copy.read_bytes() == name.encode() * 1000
        attributes = json.loads((recovered / f"{file_id}.attr.json").read_text())
        assert attributes["filename"] == name


async def test_a_copy_of_the_store_under_a_new_element_holds_the_same_files(
    start: Start, backend: Backend, postgres: Postgres, database: str, tmp_path: Path
) -> None:
    async with start(**backend.environment()) as element:
        for name in NAMES:
            await store(element, name.encode(), filename=name, tags=[name])
        before = (await element.get("/api/v1/files")).content
    elsewhere = LocalFolder(tmp_path / "elsewhere")
    elsewhere.put(backend.contents())
    second = f"{database}_copy"
    await asyncio.to_thread(postgres.create_database, second)
    values = {**elsewhere.environment(), "DB_DATABASE": second, "STORAGE_ELEMENT_ID": "se-copy"}
    async with start(**values) as element:
        assert (await element.get("/api/v1/files")).content == before
    await asyncio.to_thread(postgres.drop_database, second)
