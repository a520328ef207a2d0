import subprocess
import sys

# What a process holds more after each of three threads has checked a secret once.
GROWTH = """
import re, threading
from pathlib import Path
from admin_module.domain import secrets

def held():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

secrets.give_memory_back()
known = secrets.hashed("first")
before = held()
for _ in range(3):
    threads = [threading.Thread(target=secrets.matches, args=(known, "x")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(held() - before)
"""


def test_what_checks_of_secrets_took_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], check=True, capture_output=True, text=True
    )

    # In KiB; one check takes 19 MiB.
    assert int(done.stdout) < 10 * 1024
