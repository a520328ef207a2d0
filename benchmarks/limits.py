"""What the machine itself can do: the ceiling of every figure."""

import hashlib
import os
import socket
import statistics
import threading
import time
from pathlib import Path

MIB = 1024 * 1024
_FSYNCS = 200


def disk_mib_per_second(scratch: Path, size: int) -> float:
    """Write new blocks and fsync them."""
    block = os.urandom(MIB)
    path = scratch / "limit"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as output:
        for _ in range(size // MIB):
            output.write(block)
        os.fsync(output.fileno())
    seconds = time.perf_counter() - began
    path.unlink()
    return size / MIB / seconds


def fsync_milliseconds(scratch: Path) -> float:
    """Append 4 KiB and fsync it, the median."""
    path = scratch / "limit"
    taken = []
    with path.open("wb", buffering=0) as output:
        for _ in range(_FSYNCS):
            output.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(output.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(taken) * 1000


def sha256_mib_per_second() -> float:
    """Hash on one core."""
    block = os.urandom(MIB)
    digest = hashlib.sha256()
    began = time.perf_counter()
    for _ in range(512):
        digest.update(block)
    return 512 / (time.perf_counter() - began)


def loopback_mib_per_second() -> float:
    """Send through one connection of the loopback address, a thread at each end."""
    blocks = 1024
    block = bytes(MIB)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            with socket.create_connection(server.getsockname()) as sender:
                for _ in range(blocks):
                    sender.sendall(block)

        thread = threading.Thread(target=send)
        began = time.perf_counter()
        thread.start()
        receiver, _ = server.accept()
        with receiver:
            into = bytearray(MIB)
            while receiver.recv_into(into):
                pass
        seconds = time.perf_counter() - began
        thread.join()
    return blocks / seconds
