"""The two documents do what they say: every block of commands in them is run."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from artstore_user import eventually
from compose.composing import DEV, Project, blocks, clone, project, sections

QUICKSTART = sections("DOCKER_COMPOSE_QUICKSTART.md")
GUIDE = sections("DOCKER_COMPOSE_GUIDE.md")


def stores_and_finds(composed: Project, *, element: str = "se-01") -> None:
    client = composed.client()
    stored = client.upload("проверка.txt", b"0123456789")

    assert stored.status_code == 201, stored.text
    assert stored.json()["element_id"] == element
    eventually(lambda: client.named("проверка.txt"))


def everything_is_there(composed: Project) -> None:
    stores_and_finds(composed)
    running = {
        container["Config"]["Labels"]["com.docker.compose.service"]
        for container in composed.containers()
    }
    assert {"prometheus", "alertmanager", "grafana", "node-exporter"} <= running


def changes_come_to_life(composed: Project) -> None:
    stores_and_finds(composed)
    source = composed.folder / "query-module/src/query_module/app.py"
    before = source.read_text()
    assert "ArtStore query-module" in before
    source.write_text(before.replace("ArtStore query-module", "ArtStore, edited"))
    [url] = composed.published("query-module", 8030)
    eventually(lambda: "ArtStore, edited" in httpx.get(f"{url}/openapi.json").text, seconds=90)
    for service in ("admin-module", "storage-element-01", "ingester-module", "query-module"):
        assert composed.published(service, 5678), service
    assert not any(line.startswith("{") for line in composed.logs("admin-module"))
    mounted = [mount for c in composed.containers() for mount in c["Mounts"]]
    kept = [mount["Name"] for mount in mounted if mount["Type"] == "volume"]
    assert all("secrets" in name for name in kept), "something would outlive `down`"
    limits = [container["HostConfig"]["Memory"] for container in composed.containers()]
    assert not any(limits)


def nothing_to_add(composed: Project) -> None:
    """What the scenario's own commands say is the check."""


CHECKS: dict[str, Callable[[Project], None]] = {
    "1. Everything at once": everything_is_there,
    "2. The first file": stores_and_finds,
    "3. Development with hot reload": changes_come_to_life,
    "4. Layer by layer": stores_and_finds,
    "5. Several storage elements": lambda composed: stores_and_finds(composed, element="se-02"),
    "6. With monitoring": everything_is_there,
    "7. The tests of one module": nothing_to_add,
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", CHECKS)
def test_a_scenario_of_the_quick_start(scenario: str, tmp_path: Path) -> None:
    clone(tmp_path)
    with project(tmp_path) as composed:
        start, *rest = blocks(QUICKSTART[scenario])
        composed.script(start)
        CHECKS[scenario](composed)
        for block in rest:
            composed.script(block)

        assert not composed.left()


def test_the_quick_start_has_seven_scenarios() -> None:
    assert list(QUICKSTART) == list(CHECKS)


@pytest.mark.timeout(1200)
def test_the_guide_from_its_first_to_its_last_command(tmp_path: Path) -> None:
    clone(tmp_path)
    said: dict[str, str] = {}
    with project(tmp_path) as composed:
        for heading, text in GUIDE.items():
            said[heading] = "".join(composed.script(block) for block in blocks(text))

        assert not composed.left()

    assert said["3. Configuration"].startswith("DEBUG\n")
    assert len(re.findall(r"ingester-module-\d", said["4. Scenarios"])) >= 2
    assert "storage-element:0.1.0" in said["6. Production"]


def test_the_guide_has_nine_sections() -> None:
    assert [heading.partition(".")[0] for heading in GUIDE] == [str(n) for n in range(1, 10)]


def test_every_service_has_a_debugger_of_its_own(composed: Project) -> None:
    described = composed.compose(DEV, "--profile", "multi-storage", "config").stdout

    for name, port in composed.ports.items():
        assert (f'published: "{port}"' in described) == (
            not name.startswith(("TEST", "PROMETHEUS", "ALERTMANAGER", "GRAFANA"))
        ), name
