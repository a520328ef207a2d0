"""Programs in processes of their own that need not import everything first.

A server that has imported it is forked for each of them (multiprocessing's "forkserver").
"""

import ctypes
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from artstore_kit.testing.processes import PR_SET_PDEATHSIG

_CONTEXT = multiprocessing.get_context("forkserver")


def preload(*modules: str) -> None:
    """Say what the server is to import; it starts with the first process."""
    _CONTEXT.set_forkserver_preload(list(modules))


@dataclass(frozen=True)
class Files:
    """What a process reads and writes, and the folder it is in; ours where there is none.

    What it writes is appended.
    """

    output: Path | None = None
    errors: Path | None = None
    input: Path | None = None
    folder: Path | None = None


_OURS = Files()


class ForkedProcess:
    """`python -m PACKAGE WORDS...`, with what `subprocess.Popen` offers of it.

    It sees `env` alone.
    """

    def __init__(
        self,
        package: str,
        words: Sequence[str] = (),
        *,
        env: Mapping[str, str],
        files: Files = _OURS,
    ) -> None:
        arguments = (package, words, dict(env), files)
        self._process = _CONTEXT.Process(target=_main, args=arguments, daemon=True)
        self._process.start()
        assert self._process.pid is not None  # noqa: S101 - it was started
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _main(package: str, words: Sequence[str], environ: Mapping[str, str], files: Files) -> None:
    # A group of its own, so that Ctrl-C reaches only whoever started us; our end follows theirs.
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for descriptor, path in ((1, files.output), (2, files.errors)):
        if path is not None:
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    if files.input is not None:
        # multiprocessing has closed the one that was inherited.
        os.dup2(os.open(files.input, os.O_RDONLY), 0)
        sys.stdin = os.fdopen(0, encoding=sys.stdout.encoding, closefd=False)
    if files.folder is not None:
        os.chdir(files.folder)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv = [f"python -m {package}", *words]
    sys.exit(importlib.import_module(f"{package}.__main__").main())
