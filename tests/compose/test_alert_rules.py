"""What Prometheus and Alertmanager read, judged by their own tools."""

import subprocess

import pytest

from stack import ROOT

PROMETHEUS, ALERTMANAGER = "prom/prometheus:v3.5.0", "prom/alertmanager:v0.28.1"


def run(image: str, tool: str, *words: str) -> str:
    command = ["docker", "run", "--rm", "--network=none", f"--volume={ROOT}/monitoring:/m:ro"]
    done = subprocess.run(
        [*command, f"--entrypoint={tool}", image, *words],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("image", "tool", "words"),
    [
        (PROMETHEUS, "promtool", ["check", "config", "/m/prometheus/prometheus.yml"]),
        (PROMETHEUS, "promtool", ["test", "rules", "/m/prometheus/tests/artstore.yml"]),
        (ALERTMANAGER, "amtool", ["check-config", "/m/alertmanager/alertmanager.yml"]),
    ],
)
def test_their_own_tools_are_content(image: str, tool: str, words: list[str]) -> None:
    assert "SUCCESS" in run(image, tool, *words)


def test_a_critical_alert_reaches_operators_and_silences_what_follows_from_it() -> None:
    routed = run(
        ALERTMANAGER,
        "amtool",
        *("config", "routes", "test", "--config.file=/m/alertmanager/alertmanager.yml"),
        *("alertname=FilesDamaged", "severity=critical"),
    )
    assert routed.strip() == "operators"
