"""How little an element holds on to, each seen in a process of its own."""

import subprocess
import sys

# What a process holds more after threads have freed many small pieces, before the job and after.
KEPT = """
import asyncio, re, threading
from contextlib import suppress
from pathlib import Path
from storage_element.jobs import give_memory_back

def held():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def take_and_free():
    pieces = [bytes(2048) for _ in range(20_000)]
    last = bytes(2048)
    held_on_to.append(last)

async def once():
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await asyncio.gather(*give_memory_back.jobs())

held_on_to, before = [], held()
threads = [threading.Thread(target=take_and_free) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
kept = held() - before
asyncio.run(once())
print(kept, held() - before)
"""
# The service on local disk, imported and told its store.
ON_DISK = """
import sys
from pathlib import Path
from types import SimpleNamespace
from storage_element.__main__ import blob_store
from artstore_kit.contracts.elements import StorageType

blob_store(SimpleNamespace(storage_type=StorageType.LOCAL, storage_path=Path("files")))
print([name for name in sys.modules if "botocore" in name])
"""


def said(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_what_uploads_have_freed_is_given_back() -> None:
    kept, left = map(int, said(KEPT).split())

    # In KiB, of the 117 MiB that were taken.
    assert kept > 20 * 1024
    assert left < 10 * 1024


def test_an_element_on_local_disk_has_no_s3_client_in_memory() -> None:
    assert said(ON_DISK).strip() == "[]"
