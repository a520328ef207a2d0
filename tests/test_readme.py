"""The README's calls work exactly as printed."""

import json
import re
import subprocess
from pathlib import Path

from artstore_user import Client

from stack import FIXED, ROOT, Stack


def printed_calls() -> str:
    section = (ROOT / "README.md").read_text().split("## The API in six calls", 1)[1]
    [block] = re.findall(r"```sh\n(.+?)```", section.split("\n## ", 1)[0], flags=re.DOTALL)
    return str(block)


def here(script: str, stack: Stack) -> str:
    """Put this stack's ports and folder in place of those of `make up`."""
    for service in FIXED:
        script = script.replace(f"127.0.0.1:{service.port}/", stack.url(service.name)[7:] + "/")
    return script.replace('open(".local/', f'open("{stack.data}/')


def test_the_six_calls_do_what_they_say(client: Client, tmp_path: Path) -> None:
    script = here(printed_calls(), client.stack).replace("\ncurl ", "\ncurl -sS --fail-with-body ")
    # What each call prints, a line each.
    script = re.sub(r"^(curl .+)$", r"\1; echo", script, flags=re.MULTILINE)

    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    stored, found, described, part = done.stdout.splitlines()
    assert json.loads(stored)["filename"] == "README.md"
    assert json.loads(found)["items"]
    assert json.loads(described)["filename"] == "readme.md"
    assert part == (ROOT / "README.md").read_text()[:10].strip("\n")
