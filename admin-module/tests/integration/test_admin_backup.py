"""Admin's database, dumped by `scripts/backup.sh` and put back by `scripts/restore.sh`."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from admin_module.app import create_app
from admin_module.config import Settings
from artstore_kit import settings as kit_settings
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.postgres import USERNAME, Postgres, binary

# It starts systems of its own.
pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[3] / "scripts"
LAST_BACKUP = "artstore_admin_last_backup_timestamp_seconds"
SERVICES = ("admin", "storage_01", "storage_02", "query")


class Scripts:
    """The scripts as an operator's shell runs them, with the secrets of an installation."""

    def __init__(self, postgres: Postgres, secrets: Path) -> None:
        secrets.mkdir()
        for name in ("postgres_password", *(f"{service}_db_password" for service in SERVICES)):
            (secrets / name).write_text(f"{postgres.password}\n")
        self.environment = {
            "PATH": f"{Path(binary('psql')).parent}:{os.environ['PATH']}",
            "PGHOST": postgres.host,
            "PGPORT": str(postgres.port),
            "PGUSER": USERNAME,
            "SECRETS": str(secrets),
        }

    def run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["/bin/sh", SCRIPTS / name, *arguments],
            env=self.environment,
            capture_output=True,
            check=False,
            text=True,
        )


@pytest.fixture
def scripts(postgres: Postgres, tmp_path: Path) -> Iterator[Scripts]:
    made = Scripts(postgres, tmp_path / "secrets")
    done = made.run("init-databases.sh")
    assert done.returncode == 0, done.stderr
    yield made
    for service in SERVICES:
        postgres.drop_database(f"artstore_{service}")
        postgres.execute(f"DROP ROLE artstore_{service}")


@pytest.fixture
def settings(admin_environment: pytest.MonkeyPatch, scripts: Scripts) -> Settings:
    del scripts  # it has made the database
    admin_environment.setenv("DB_DATABASE", "artstore_admin")
    admin_environment.setenv("DB_USERNAME", "artstore_admin")
    return kit_settings.load(Settings)


def account(client_id: str) -> dict[str, str]:
    return {"client_id": client_id, "role": "USER"}


async def test_a_restored_admin_knows_its_accounts_and_its_trail_again(
    serve: Serve,
    settings: Settings,
    scripts: Scripts,
    login: Any,  # noqa: ANN401 - a function with keyword-free arguments
    administrator_account: tuple[str, str],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "dumps"
    async with serve(create_app(settings)) as admin:
        root = await login(admin, *administrator_account)
        kept = (
            await admin.post("/api/v1/service-accounts", headers=root, json=account("kept"))
        ).json()
        saved = scripts.run("backup.sh", str(folder))
        assert saved.returncode == 0, saved.stderr
        await eventually(lambda: (REGISTRY.get_sample_value(LAST_BACKUP) or 0) > 0, seconds=60)
        connected = scripts.run("restore.sh", str(folder))
        assert connected.returncode == 1
        assert "stop it first" in connected.stderr
        await admin.post("/api/v1/service-accounts", headers=root, json=account("later"))

    restored = scripts.run("restore.sh", str(folder))
    assert restored.returncode == 0, restored.stderr

    async with serve(create_app(settings)) as admin:
        await login(admin, "kept", kept["client_secret"])
        root = await login(admin, *administrator_account)
        later = await admin.get("/api/v1/service-accounts/later", headers=root)
        assert later.status_code == 404
        verdict = await admin.get("/api/v1/audit/verify", headers=root)
        assert verdict.json()["intact"] is True, verdict.text


def test_only_the_newest_dumps_are_kept(
    scripts: Scripts, postgres: Postgres, tmp_path: Path
) -> None:
    postgres.execute("CREATE TABLE backups (finished_at timestamptz)", "artstore_admin")
    postgres.execute("ALTER TABLE backups ALTER finished_at SET DEFAULT now()", "artstore_admin")
    for year in ("2024", "2025"):
        (tmp_path / f"admin-{year}0101T000000Z.dump").touch()

    done = scripts.run("backup.sh", str(tmp_path), "2")

    assert done.returncode == 0, done.stderr
    left = sorted(path.name for path in tmp_path.glob("*.dump*"))
    assert len(left) == 2
    assert left[0] == "admin-20250101T000000Z.dump"
    assert len(postgres.execute("SELECT * FROM backups", "artstore_admin")) == 1


def test_a_backup_that_fails_leaves_nothing_and_says_so(scripts: Scripts, tmp_path: Path) -> None:
    scripts.environment["PGPORT"] = "1"

    done = scripts.run("backup.sh", str(tmp_path / "dumps"))

    assert done.returncode != 0
    assert "connection to server" in done.stderr
    assert list((tmp_path / "dumps").iterdir()) == []
    nothing = scripts.run("restore.sh", str(tmp_path / "dumps"))
    assert (nothing.returncode, "holds no admin-*.dump" in nothing.stderr) == (1, True)
