from pathlib import Path

import pytest

from artstore_kit import settings
from artstore_kit.settings import DatabaseSettings, ModuleSettings, ServiceSettings

SECRET = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DB_USERNAME", "DB_DATABASE"):
        monkeypatch.setenv(name, "artstore")
    for name in ("DB_PASSWORD", "ENVIRONMENT", "CORS_ALLOW_ORIGINS", "FAILPOINT"):
        monkeypatch.delenv(name, raising=False)


def _complaint(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        settings.load(DatabaseSettings)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    monkeypatch.setenv("DB_PASSWORD_FILE", str(tmp_path / "password"))

    loaded = settings.load(DatabaseSettings)

    assert loaded.db_password.get_secret_value() == SECRET
    assert SECRET not in repr(loaded)


def test_the_variable_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("another")
    monkeypatch.setenv("DB_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("DB_PASSWORD", SECRET)

    assert settings.load(DatabaseSettings).db_password.get_secret_value() == SECRET


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET)
    monkeypatch.setenv("DB_PASSWORD_FILE", str(tmp_path / "password"))
    for name in ("DB_PASSWORD", "DB_PORT", "LOG_LEVEL", "STATE_DIR"):
        monkeypatch.setenv(name, "")

    loaded = settings.load(DatabaseSettings)

    assert loaded.db_password.get_secret_value() == SECRET
    assert (loaded.db_port, loaded.log_level) == (5432, "INFO")
    assert loaded.state_dir == Path("/var/lib/artstore")


def test_only_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "host").write_text("elsewhere")
    monkeypatch.setenv("DB_HOST_FILE", str(tmp_path / "host"))
    monkeypatch.setenv("DB_PASSWORD", SECRET)

    assert settings.load(DatabaseSettings).db_host == "127.0.0.1"


def test_a_secret_whose_file_is_empty_is_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("\n")
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("REDIS_PASSWORD", "of the environment")

    assert ServiceSettings().redis_password.get_secret_value() == "of the environment"


def test_a_missing_variable_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "DB_PASSWORD: Field required" in _complaint(capsys)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PORT", "fivefourthreetwo"),
        ("DB_POOL_SIZE", "777777"),
        ("PORT", "123456"),
        ("ENVIRONMENT", "somewhere"),
        ("LOG_LEVEL", "CHATTY"),
        ("APP_SWAGGER_ENABLED", "perhaps"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    monkeypatch.setenv(name, value)

    complaint = _complaint(capsys)

    assert f"{name}: " in complaint
    assert value not in complaint
    assert SECRET not in complaint


def test_a_missing_secrets_file_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DB_PASSWORD_FILE", str(tmp_path / "nowhere"))

    assert f"{tmp_path}/nowhere: No such file" in _complaint(capsys)


def test_a_secrets_file_that_is_no_text_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "password").write_bytes(b"\xff\xfesecret")
    monkeypatch.setenv("DB_PASSWORD_FILE", str(tmp_path / "password"))

    assert _complaint(capsys) == "configuration error: a secret's file is not UTF-8 text\n"


def test_origins_are_a_comma_separated_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", "https://a.example , https://b.example,")

    origins = settings.load(ServiceSettings).cors_allow_origins

    assert origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [("CORS_ALLOW_ORIGINS", "https://a.example,*"), ("FAILPOINT", "after-publish")],
)
def test_what_is_for_development_is_refused_in_production(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    monkeypatch.setenv(name, value)
    settings.load(DatabaseSettings)

    monkeypatch.setenv("ENVIRONMENT", "production")

    assert f"{name}: " in _complaint(capsys)


def test_the_key_of_direct_mode_is_long_and_may_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in (("MODULE_CLIENT_ID", "m"), ("MODULE_CLIENT_SECRET", SECRET)):
        monkeypatch.setenv(name, value)
    assert settings.load(ModuleSettings).direct_grant_key is None
    (tmp_path / "key").write_text("k" * 32)
    monkeypatch.setenv("DIRECT_GRANT_KEY_FILE", str(tmp_path / "key"))
    read = settings.load(ModuleSettings).direct_grant_key
    assert read is not None
    assert read.get_secret_value() == "k" * 32

    monkeypatch.setenv("DIRECT_GRANT_KEY", "k" * 31)
    with pytest.raises(SystemExit):
        settings.load(ModuleSettings)

    assert "DIRECT_GRANT_KEY: " in capsys.readouterr().err
