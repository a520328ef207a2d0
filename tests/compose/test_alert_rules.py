"""What Prometheus and Alertmanager read, judged by their own tools."""

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from uuid import uuid4

import pytest
from artstore_user import eventually
from compose.cluster import docker
from prometheus_client import REGISTRY, generate_latest

import admin_module.metrics
import artstore_kit.metrics
import ingester_module.metrics
import query_module.metrics
import storage_element.metrics
from stack import ROOT

# They declare their metrics as they are imported.
MODULES = (admin_module, artstore_kit, ingester_module, query_module, storage_element)
PROMETHEUS, ALERTMANAGER = "prom/prometheus:v3.5.0", "prom/alertmanager:v0.28.1"


def run(image: str, tool: str, *words: str, given: str = "") -> str:
    command = ["docker", "run", "--rm", "--interactive", "--network=none"]
    command.append(f"--volume={ROOT}/monitoring:/m:ro")
    done = subprocess.run(
        [*command, f"--entrypoint={tool}", image, *words],
        check=False,
        capture_output=True,
        text=True,
        input=given,
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


def test_every_metric_is_named_and_explained_as_prometheus_asks() -> None:
    # The check passes over what has no sample.
    for collector in list(REGISTRY._collector_to_names):  # noqa: SLF001 - it has no other listing
        if labels := getattr(collector, "_labelnames", ()):
            collector.labels(*labels)  # type: ignore[attr-defined]
    exposed = generate_latest(REGISTRY).decode()
    assert exposed.count("# HELP artstore_") > len(MODULES) * 5

    run(PROMETHEUS, "promtool", "check", "metrics", given=exposed)


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
