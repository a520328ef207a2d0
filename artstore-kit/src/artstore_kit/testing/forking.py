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
from collections.abc import Mapping, Sequence
from pathlib import Path

from artstore_kit.testing.processes import PR_SET_PDEATHSIG

_CONTEXT = multiprocessing.get_context("forkserver")


def preload(*modules: str) -> None:
    """Say what the server is to import; it starts with the first process."""
    _CONTEXT.set_forkserver_preload(list(modules))


class ForkedProcess:
    """`python -m PACKAGE WORDS...`, with what `subprocess.Popen` offers of it.

    It sees `env` alone; both its outputs are appended to the file `output`, or are ours.
    """

    def __init__(
        self,
        package: str,
        words: Sequence[str] = (),
        *,
        env: Mapping[str, str],
        output: Path | tuple[Path, Path] | None = None,
    ) -> None:
        outputs = (output, output) if isinstance(output, Path) else output
        arguments = (package, words, dict(env), outputs)
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


def _main(
    package: str,
    words: Sequence[str],
    environ: Mapping[str, str],
    outputs: tuple[Path, Path] | None,
) -> None:
    # A group of its own, so that Ctrl-C reaches only whoever started us; our end follows theirs.
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for descriptor, path in zip((1, 2), outputs or (), strict=False):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [f"python -m {package}", *words]
    sys.exit(importlib.import_module(f"{package}.__main__").main())
