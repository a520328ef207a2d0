import signal
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from artstore_kit import failpoints
failpoints.arm(sys.argv[1])
for step in ("before", "between", "after"):
    failpoints.reached(step)
    print(step, flush=True)
"""


@pytest.mark.parametrize(
    ("armed", "printed"),
    [("before", []), ("between", ["before"]), ("after", ["before", "between"])],
)
def test_the_process_dies_at_the_armed_step(armed: str, printed: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, armed], capture_output=True, text=True, check=False
    )

    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == printed


@pytest.mark.parametrize("armed", ["", "elsewhere"])
def test_no_other_step_does_harm(armed: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, armed], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0
    assert ended.stdout.split() == ["before", "between", "after"]
