"""What Prometheus and Alertmanager read, judged by their own tools."""

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from uuid import uuid4

import pytest
from artstore_user import eventually
from compose.cluster import docker

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


def test_a_critical_alert_reaches_operators() -> None:
    routed = run(
        ALERTMANAGER,
        "amtool",
        *("config", "routes", "test", "--config.file=/m/alertmanager/alertmanager.yml"),
        *("alertname=FilesDamaged", "severity=critical"),
    )
    assert routed.strip() == "operators"


@pytest.fixture
def alertmanager() -> Iterator[Callable[..., str]]:
    """Run Alertmanager with our configuration; gives a way to call its `amtool`."""
    name = f"alertmanager-{uuid4().hex[:8]}"
    docker(
        *("run", "--detach", "--network=none", f"--volume={ROOT}/monitoring:/m:ro"),
        *(f"--name={name}", ALERTMANAGER, "--config.file=/m/alertmanager/alertmanager.yml"),
        *("--storage.path=/tmp", "--cluster.listen-address="),
    )
    url = "--alertmanager.url=http://127.0.0.1:9093"
    ask = partial(docker, "exec", name, "amtool", url)
    try:
        eventually(lambda: docker("exec", name, "amtool", url, "cluster", check=False))
        yield ask
    finally:
        docker("rm", "--force", "--volumes", name)


def test_of_an_absent_service_its_replicas_are_not_reported_one_by_one(
    alertmanager: Callable[..., str],
) -> None:
    for labels in (
        ("alertname=ServiceAbsent", "job=query-module"),
        ("alertname=TargetDown", "job=query-module", "instance=one"),
        ("alertname=TargetDown", "job=ingester-module", "instance=two"),
    ):
        alertmanager("alert", "add", *labels)

    def held_back() -> dict[str, bool]:
        words = ("alert", "query", "--active", "--inhibited", "--output=json")
        return {
            alert["labels"].get("instance", "all"): bool(alert["status"]["inhibitedBy"])
            for alert in json.loads(alertmanager(*words))
        }

    eventually(lambda: held_back() == {"all": False, "one": True, "two": False})
