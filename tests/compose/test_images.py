"""What is in the images, and what is not; and how they travel without a registry."""

import json
import subprocess
from pathlib import Path

import pytest
from compose.composing import FULL, Project

MODULES = ("admin-module", "storage-element", "ingester-module", "query-module")
BASE = "python:3.13-slim"
MIB = 1024 * 1024


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def size(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def identity(image: str) -> str:
    return docker("image", "inspect", "--format", "{{.Id}}", image)


@pytest.mark.parametrize("module", MODULES)
def test_an_image_holds_what_it_runs_and_no_more(module: str) -> None:
    image = f"artstore/{module}:0.1.0"
    assert size(image) - size(BASE) < 200 * MIB
    script = (
        "for name in gcc cc make uv curl pytest; do command -v $name; done;"
        "find / -xdev \\( -name pytest -o -name 'test_*.py' -o -path '*artstore_kit/testing' \\)"
        " -not -path '/usr/lib/python3*' -not -path '/usr/local/lib/python3*' -not -path '/proc/*'"
        " 2> /dev/null; true"
    )

    found = docker("run", "--rm", "--entrypoint", "sh", image, "-c", script)

    ours = [line for line in found.splitlines() if "site-packages" not in line]
    assert not ours
    others = [module for module in MODULES if f"artstore/{module}:" not in image]
    packages = docker("run", "--rm", "--entrypoint", "ls", image, "/app/src").split()
    assert not {name.replace("-", "_") for name in others} & set(packages)


@pytest.mark.parametrize("module", MODULES)
def test_an_image_needs_no_root_and_says_how_it_is(module: str) -> None:
    described = json.loads(docker("image", "inspect", f"artstore/{module}:0.1.0"))[0]["Config"]

    assert described["User"] == "10001:10001"
    assert described["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert described["Entrypoint"] == ["python", "-m", module.replace("-", "_")]


@pytest.mark.timeout(900)
def test_every_image_travels_in_one_file(composed: Project, tmp_path: Path) -> None:
    archive = tmp_path / "images.tar"
    composed.run(["scripts/save-images.sh", "save", str(archive)])
    wanted = composed.compose(FULL, "--profile", "multi-storage", "config", "--images").stdout
    before = {
        image: docker("image", "inspect", "--format", "{{.Id}}", image) for image in wanted.split()
    }
    for image in before:
        docker("image", "rm", "--force", "--no-prune", image)

    composed.run(["scripts/save-images.sh", "load", str(archive)])
    archive.unlink()

    assert {image: identity(image) for image in before} == before
    composed.up(FULL, "--profile", "multi-storage")
