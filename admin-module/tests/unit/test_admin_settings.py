from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from admin_module.config import Settings
from admin_module.domain import secrets, signing
from artstore_kit import settings as kit_settings
from artstore_kit.contracts.scopes import Role


@pytest.fixture
def valid(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    values = {
        "ENVIRONMENT": "production",
        "DB_USERNAME": "artstore",
        "DB_PASSWORD": "x",
        "DB_DATABASE": "admin",
        "INITIAL_CLIENT_ID": "root",
        "INITIAL_CLIENT_SECRET": secrets.generate(),
        "MODULE_ACCOUNTS": f"se:{secrets.generate()},query:{secrets.generate()}",
        "KEY_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def _complaint(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        kit_settings.load(Settings)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_the_environment_names_the_accounts(valid: pytest.MonkeyPatch) -> None:
    valid.setenv("MODULE_ACCOUNTS", "")
    assert [account.client_id for account in kit_settings.load(Settings).accounts()] == ["root"]

    first, second = f"{secrets.generate()}:with-colon", secrets.generate()
    valid.setenv("MODULE_ACCOUNTS", f" se-01:{first} , query:{second},")
    accounts = kit_settings.load(Settings).accounts()

    assert [(account.client_id, account.role) for account in accounts] == [
        ("root", Role.ADMIN),
        ("se-01", Role.MODULE),
        ("query", Role.MODULE),
    ]
    assert [account.secret for account in accounts[1:]] == [first, second]
    assert first not in repr(accounts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INITIAL_CLIENT_SECRET", "short-and-weak"),
        ("INITIAL_CLIENT_SECRET", "changeme-changeme-changeme"),
        ("MODULE_ACCOUNTS", f"se:{'7f' * 30},query:short-and-weak"),
        ("KEY_ENCRYPTION_KEY", "A" * 43 + "="),
        ("RESTORE_WEBHOOK_SECRET", "whsec_" + "QUFB" * 8),
    ],
)
def test_production_refuses_a_weak_secret_and_names_only_the_variable(
    valid: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    valid.setenv(name, value)
    complaint = _complaint(capsys)
    assert f"{name}: " in complaint
    assert "make one: " in complaint
    assert value not in complaint
    assert "short-and-weak" not in complaint

    valid.setenv("ENVIRONMENT", "development")
    assert kit_settings.load(Settings).environment == "development"


def test_there_is_no_default_for_a_secret(
    valid: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("INITIAL_CLIENT_ID", "INITIAL_CLIENT_SECRET", "KEY_ENCRYPTION_KEY"):
        valid.delenv(name)
    complaint = _complaint(capsys)
    assert complaint.count("Field required") == 3


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("KEY_ENCRYPTION_KEY", "not-a-fernet-key", "make one: openssl rand"),
        ("INITIAL_CLIENT_SECRET", "", "required"),
        ("INITIAL_CLIENT_SECRET", "with\na line break in it, of all things", "control"),
        ("INITIAL_CLIENT_ID", "no spaces", "pattern"),
        ("MODULE_ACCOUNTS", "no-colon-but-a-9ja83kd-thing", "must read client-id:secret"),
        ("MODULE_ACCOUNTS", "bad id:9ja83kd-thing", "must read client-id:secret"),
        ("MODULE_ACCOUNTS", "root:u4Qm2bZk91LxYc7TnW0pEeRd", "root is named twice"),
        ("JWT_PRIVATE_KEY", "-----BEGIN", "not an unencrypted RSA private key"),
        ("JWT_PRIVATE_KEY_PATH", "/nowhere/key.pem", "cannot be read"),
        ("TOKEN_TTL", "59", "greater than"),
        ("RESTORE_WEBHOOK_URL", "ftp://receiver.test", "scheme"),
        ("RESTORE_WEBHOOK_SECRET", "9ja83kd", "is not whsec_"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(
    valid: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    reason: str,
) -> None:
    valid.setenv(name, value)
    complaint = _complaint(capsys)
    assert f"{name}: " in complaint
    assert reason in complaint
    assert "9ja83kd" not in complaint


def test_a_webhook_is_never_called_without_a_signature(
    valid: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit_settings.load(Settings).webhook() is None
    valid.setenv("RESTORE_WEBHOOK_URL", "https://receiver.test/events")
    valid.setenv("RESTORE_WEBHOOK_SECRET", "")
    complaint = _complaint(capsys)
    assert "RESTORE_WEBHOOK_SECRET: " in complaint
    assert "openssl rand" in complaint

    valid.setenv("RESTORE_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    endpoint = kit_settings.load(Settings).webhook()
    assert endpoint is not None
    assert endpoint.url == "https://receiver.test/events"


def test_the_first_signing_key_comes_in_a_variable_or_in_a_file(
    valid: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert kit_settings.load(Settings).first_signing_key() is None
    valid.setenv("JWT_PRIVATE_KEY", "")
    valid.setenv("JWT_PRIVATE_KEY_PATH", "")
    assert kit_settings.load(Settings).first_signing_key() is None

    pem = signing.new_key().as_pem(private=True).decode()
    path = tmp_path / "key.pem"
    path.write_text(pem)
    valid.setenv("JWT_PRIVATE_KEY_PATH", str(path))
    assert kit_settings.load(Settings).first_signing_key() == pem

    other = signing.new_key().as_pem(private=True).decode()
    valid.setenv("JWT_PRIVATE_KEY", other.replace("\n", "\\n"))
    assert kit_settings.load(Settings).first_signing_key() == other
