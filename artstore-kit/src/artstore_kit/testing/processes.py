"""Child processes that end with us, and ports nobody uses."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# PostgreSQL refuses to run as root; "nobody" it is, with root's right to pass closed folders.
_UNPRIVILEGED = 65534


class Process(Protocol):
    """A child, as `subprocess.Popen` is one."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody else will be given while we live.

    It stays bound, but not listened on: a server, which binds with SO_REUSEADDR as servers do, can
    still take it, now and after each restart, while the kernel gives it to no one else.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    port: int = reserved.getsockname()[1]
    reserved.detach()
    return port


def _die_with_parent(number: int) -> Callable[[], None]:
    def before_exec() -> None:
        os.setpgid(0, 0)
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, number)

    return before_exec


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: IO[bytes] | int | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, so that Ctrl-C reaches only us.

    On Linux it gets `death_signal` when we die, however we die.
    """
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509 - no thread runs yet in it
    )


def stop(process: Process, *, seconds: float = 30, by: int = signal.SIGTERM) -> int:
    """End a child by `by`, and by SIGKILL when it has not ended after `seconds`."""
    if process.poll() is None:
        process.send_signal(by)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def as_unprivileged(command: Sequence[str], owned: Path) -> list[str]:
    """Make `command` run as somebody else when we are root; `owned` becomes that user's."""
    if os.geteuid() != 0:
        return list(command)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        message = "running PostgreSQL as root needs setpriv (Debian: util-linux)"
        raise RuntimeError(message)
    os.chown(owned, _UNPRIVILEGED, _UNPRIVILEGED)
    return [
        setpriv,
        f"--reuid={_UNPRIVILEGED}",
        f"--regid={_UNPRIVILEGED}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--pdeathsig=INT",
        *command,
    ]
