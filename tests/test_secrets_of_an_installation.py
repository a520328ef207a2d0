"""`scripts/generate-secrets.sh`, as the compose service `secrets` runs it."""

import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from admin_module.domain.secrets import weakness
from stack import ROOT

SCRIPT = str(ROOT / "scripts/generate-secrets.sh")
SERVICES = (
    *("postgres", "redis", "minio", "grafana", "pgadmin", "admin-module"),
    *("storage-element-01", "storage-element-02", "ingester-module", "query-module"),
)


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", SCRIPT, *arguments],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("originals", *SERVICES):
        (tmp_path / name).mkdir()
    return tmp_path


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def as_environment(lines: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines.splitlines())


def test_what_nobody_set_is_invented_once(folder: Path) -> None:
    assert run(str(folder)).returncode == 0
    first = content(folder)

    assert run(str(folder)).returncode == 0
    assert content(folder) == first
    originals = [value.strip() for name, value in first.items() if name.startswith("originals/")]
    assert len(set(originals)) == len(originals)
    assert not [secret for secret in originals if weakness(secret)]
    Fernet(first["admin-module/key_encryption_key"].strip())


def test_none_begins_like_an_option_of_a_command() -> None:
    made = [as_environment(run().stdout) for _ in range(30)]

    assert not [secret for secrets in made for secret in secrets.values() if secret[0] == "-"]


def test_what_is_set_is_taken_and_stays(folder: Path) -> None:
    run(str(folder))
    chosen = "a-Chosen_one-of-the-operator-0"
    run(str(folder), REDIS_PASSWORD=chosen)

    run(str(folder))

    given = content(folder)
    assert given["redis/redis_password"] == f"{chosen}\n"
    assert given["ingester-module/redis_password"] == f"{chosen}\n"


def test_a_service_gets_only_what_it_needs(folder: Path) -> None:
    run(str(folder))

    given = {name: {path.name for path in (folder / name).iterdir()} for name in SERVICES}
    assert given["ingester-module"] == {"module_client_secret", "redis_password"}
    assert given["query-module"] == {"module_client_secret", "redis_password", "db_password"}
    assert given["redis"] == {"redis_password"}
    owners = [name for name in SERVICES if "key_encryption_key" in given[name]]
    assert owners == ["admin-module"]


def test_admin_knows_the_accounts_of_the_services(folder: Path) -> None:
    run(str(folder), MODULE_ACCOUNTS="one-more:its-secret")

    accounts = (folder / "admin-module/module_accounts").read_text().strip()
    pairs = dict(entry.split(":", 1) for entry in accounts.split(","))
    assert list(pairs) == ["se-01", "se-02", "ingester", "query", "one-more"]
    assert pairs["query"] == (folder / "query-module/module_client_secret").read_text().strip()


def test_production_lists_all_that_is_missing_or_weak(folder: Path) -> None:
    fit = as_environment(run().stdout)
    faulty = {**fit, "REDIS_PASSWORD": "", "POSTGRES_PASSWORD": "password-password-password-1"}
    del faulty["KEY_ENCRYPTION_KEY"]

    refused = run(str(folder), ENVIRONMENT="production", **faulty)

    assert refused.returncode == 1
    assert [line.split()[0] for line in refused.stderr.splitlines() if line.startswith("  ")] == [
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "KEY_ENCRYPTION_KEY",
    ]
    assert "password-password" not in refused.stderr
    assert not content(folder)
    assert run(str(folder), ENVIRONMENT="production", **fit).returncode == 0


def test_what_was_invented_can_be_taken_over(folder: Path) -> None:
    run(str(folder))
    before = content(folder)

    shown = as_environment(run(str(folder), "--show").stdout)

    assert run(str(folder), ENVIRONMENT="production", **shown).returncode == 0
    assert content(folder) == before


@pytest.mark.parametrize(
    "secret",
    ["short", "a" * 40, "please-change-me-0123456789", "aB1-" * 6, "Xy7!kq_Zw93-fjT0pLm2vRbn"],
)
def test_weakness_is_judged_as_admin_judges_it(folder: Path, secret: str) -> None:
    fit = as_environment(run().stdout)

    judged = run(str(folder), ENVIRONMENT="production", **fit | {"INITIAL_CLIENT_SECRET": secret})

    assert judged.returncode == bool(weakness(secret))
