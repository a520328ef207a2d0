"""What holds for every compose file, seen without an engine; `tests/compose` runs them."""

import re
from pathlib import Path

import pytest
from compose_files import FILES, read, services

from stack import ROOT

LAYERS = [
    ROOT / f"docker-compose.{layer}.yml" for layer in ("infrastructure", "backend", "monitoring")
]
ONCE = {"secrets", "databases", "buckets"}


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_nothing_stands_in_the_way_of_several(file: Path) -> None:
    assert "version" not in read(file)
    assert "name" not in read(file)
    assert not [name for name, service in services(file).items() if "container_name" in service]


@pytest.mark.parametrize("file", FILES, ids=named)
def test_no_port_is_open_to_the_world_and_no_password_is_known(file: Path) -> None:
    for service in services(file).values():
        for port in service.get("ports") or []:
            assert port.startswith("${PUBLISH_ADDRESS:-127.0.0.1}:${")
    secret = r"\$\{\w*(?:PASSWORD|SECRET|_KEY)\w*:-[^}]+\}"
    assert not re.findall(secret, file.read_text())


def test_every_image_is_of_a_certain_version() -> None:
    images = [service["image"] for service in services(*LAYERS).values()]
    defaults = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", image) for image in images]

    assert defaults
    for image in defaults:
        _, _, tag = image.rpartition(":")
        assert re.search(r"\d", tag), image
    assert not [file for file in FILES if "latest" in file.read_text()]


def test_everything_that_runs_has_a_limit_and_comes_back() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name, service in services(*LAYERS).items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert ("restart" in service) == (name not in ONCE), name
        if name not in ONCE | {"pgadmin"}:
            assert "healthcheck" in service or ("build" in service and "HEALTHCHECK" in dockerfile)


def test_the_full_stack_repeats_nothing() -> None:
    [included] = read(ROOT / "docker-compose.full.yml")["include"]

    assert read(ROOT / "docker-compose.full.yml").keys() == {"include"}
    assert [ROOT / path for path in included["path"]] == LAYERS
