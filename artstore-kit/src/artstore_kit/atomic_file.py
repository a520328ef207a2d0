"""Small files that are either the old ones or the new ones, whatever happens in between."""

import os
import socket
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` with `content` so that a reader or a crash never sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In containers that share a folder, everybody is process 1.
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
