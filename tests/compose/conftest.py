import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose.composing import FULL, Project, clone, project


@pytest.fixture(scope="session")
def fresh_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("clone")
    clone(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _images(fresh_clone: Path) -> None:
    """Build what is deployed, once for all tests."""
    command = ["docker", "compose", "--file", *FULL, "--profile", "multi-storage", "build"]
    subprocess.run([*command, "--quiet"], cwd=fresh_clone, check=True, timeout=900)


@pytest.fixture
def composed(fresh_clone: Path) -> Iterator[Project]:
    with project(fresh_clone) as made:
        yield made
