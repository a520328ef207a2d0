"""The examples of docs/client.md work exactly as printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from artstore_command import Command, environment_of

from artstore_client.command.exits import Exit
from stack import ROOT, Stack

PAGE = (ROOT / "docs" / "client.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the samples in it, and the command on the path."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    command = tmp_path / "bin" / "artstore"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m artstore_client "$@"\n')
    command.chmod(0o755)
    return tmp_path


@pytest.mark.slow
def test_the_commands_do_what_they_say(stack: Stack, home: Path) -> None:
    environment = Command(home, environment_of(stack)).environ()
    environment["PATH"] = f"{home / 'bin'}:{environment['PATH']}"
    # The index hears of a file within a second or so; people are slower than a script.
    found = 'until [ "$(artstore find --tag invoice --plain)" ]; do sleep 0.2; done'
    script = "\n".join([*blocks("sh")[:1], found, *blocks("sh")[1:]])

    done = subprocess.run(
        ["/bin/bash", "-euxo", "pipefail", "-c", script],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (home / "invoice.pdf").read_bytes() == (
        ROOT / "samples" / "invoice-2025-001.pdf"
    ).read_bytes()
    assert "['paid']" in done.stdout
    assert len(blocks("sh")) == 4


@pytest.mark.parametrize("number", range(3))
def test_the_programs_do_what_they_say(stack: Stack, home: Path, number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", blocks("python")[number]],
        cwd=home,
        env=Command(home, environment_of(stack)).environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert len(blocks("python")) == 3


def test_the_page_lists_the_exit_codes() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)}

    assert listed == {0, *map(int, Exit)}
