import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from artstore_kit.atomic_file import write_atomically
from artstore_kit.testing.polling import eventually


def test_folders_are_made_and_only_the_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        write_atomically(tmp_path / "keys.json", content)

    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_atomically(path, b"old")

    with pytest.raises(OSError, match="too long"):
        write_atomically(path.with_name("x" * 255), b"new")

    assert path.read_bytes() == b"old"


WRITER = """
import sys
from pathlib import Path
from artstore_kit.atomic_file import write_atomically
while True:
    for letter in (b"a", b"b"):
        write_atomically(Path(sys.argv[1]), letter * 100_000)
"""


async def test_a_reader_and_a_kill_never_see_a_part(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    for _round in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        await eventually(path.exists)
        seen = {path.read_bytes() for _read in range(200)}
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        seen.add(path.read_bytes())

        assert seen <= {b"a" * 100_000, b"b" * 100_000}
