"""What Admin can be told."""

from pathlib import Path
from typing import Annotated

from cryptography.fernet import Fernet
from pydantic import (
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from admin_module.domain import secrets, signing, webhooks
from admin_module.domain.accounts import ClientId, ConfiguredAccount
from admin_module.domain.sealing import Seal
from admin_module.domain.webhooks import Endpoint
from artstore_kit.contracts.scopes import Role
from artstore_kit.settings import DatabaseSettings

_GENERATE = "openssl rand -base64 32 | tr '+/' '-_'"
_GENERATE_ANY = "openssl rand -base64 32"
_GENERATE_WEBHOOK = 'echo "whsec_$(openssl rand -base64 32)"'
_client_id = TypeAdapter(ClientId)


class OfflineSettings(DatabaseSettings):
    """What is needed to read Admin's database without Admin."""

    key_encryption_key: SecretStr = Field(
        description="Fernet keys, by commas: the first seals, all of them open; "
        f"make one: {_GENERATE}"
    )

    @field_validator("key_encryption_key")
    @classmethod
    def _are_fernet_keys(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        for key in _listed(value):
            try:
                Fernet(key)
            except ValueError as error:
                message = f"is not a Fernet key (32 bytes, URL-safe base64); make one: {_GENERATE}"
                raise ValueError(message) from error
            _require_fit(key, info, make=_GENERATE)
        return value

    def seal(self) -> Seal:
        """Return what opens and closes the stored private keys."""
        return Seal(tuple(_listed(self.key_encryption_key)))


class Settings(OfflineSettings):
    """Secrets have no default: an installation invents its own."""

    initial_client_id: ClientId
    initial_client_secret: SecretStr
    module_accounts: SecretStr = Field(
        default=SecretStr(""), description="the services' accounts: id:secret,id:secret"
    )
    jwt_private_key: SecretStr | None = Field(
        default=None, description="the first signing key, RSA in PEM; generated where absent"
    )
    jwt_private_key_path: Path | None = Field(
        default=None, description="the same, from a file; read only without JWT_PRIVATE_KEY"
    )
    key_lifetime: Annotated[
        int, Field(ge=3600, le=31_536_000, description="seconds a signing key signs")
    ] = 86_400
    token_ttl: Annotated[int, Field(ge=60, le=86_400, description="seconds")] = 900
    restore_webhook_url: HttpUrl | None = Field(
        default=None, description="is told by signed calls what happens to restore requests"
    )
    restore_webhook_secret: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="whsec_ and base64 of 24 to 64 bytes, by commas: each of them signs; "
        f"make one: {_GENERATE_WEBHOOK}",
    )

    @field_validator("initial_client_secret")
    @classmethod
    def _initial_secret_is_fit(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        _require_fit(value.get_secret_value(), info)
        return value

    @field_validator("module_accounts")
    @classmethod
    def _module_accounts_are_fit(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        seen = {info.data.get("initial_client_id")}
        for client_id, secret in _pairs(value):
            if client_id in seen:
                message = f"{client_id} is named twice, here or as INITIAL_CLIENT_ID"
                raise ValueError(message)
            seen.add(client_id)
            _require_fit(secret, info, of=f" of {client_id}")
        return value

    @field_validator(
        "jwt_private_key",
        "jwt_private_key_path",
        "restore_webhook_url",
        "restore_webhook_secret",
        mode="before",
    )
    @classmethod
    def _empty_is_absent(cls, value: object) -> object:
        # Compose files pass an unset variable on as an empty one.
        return value or None

    @field_validator("jwt_private_key")
    @classmethod
    def _is_an_rsa_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        # One line with "\n" spelt out is how PEM travels in .env files.
        pem = value.get_secret_value().replace("\\n", "\n")
        signing.import_key(pem)
        return SecretStr(pem)

    @field_validator("jwt_private_key_path")
    @classmethod
    def _leads_to_an_rsa_key(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                signing.import_key(value.read_text(encoding="utf-8"))
            except OSError as error:
                message = f"cannot be read: {error.strerror}"
                raise ValueError(message) from error
        return value

    @field_validator("restore_webhook_secret")
    @classmethod
    def _can_sign(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            if info.data.get("restore_webhook_url") is not None:
                message = f"RESTORE_WEBHOOK_URL needs it; make one: {_GENERATE_WEBHOOK}"
                raise ValueError(message)
            return None
        for secret in _listed(value):
            webhooks.read_key(secret)
            _require_fit(secret.removeprefix("whsec_"), info, make=_GENERATE_WEBHOOK)
        return value

    def webhook(self) -> Endpoint | None:
        """Return where the events of restore requests go."""
        if self.restore_webhook_url is None or self.restore_webhook_secret is None:
            return None
        keys = tuple(webhooks.read_key(secret) for secret in _listed(self.restore_webhook_secret))
        return Endpoint(str(self.restore_webhook_url), keys)

    def accounts(self) -> list[ConfiguredAccount]:
        """Return the accounts that exist because the environment says so."""
        initial = ConfiguredAccount(
            self.initial_client_id, Role.ADMIN, self.initial_client_secret.get_secret_value()
        )
        modules = [
            ConfiguredAccount(client_id, Role.MODULE, secret)
            for client_id, secret in _pairs(self.module_accounts)
        ]
        return [initial, *modules]

    def first_signing_key(self) -> str | None:
        """Return the PEM of the key to import into an empty database."""
        if self.jwt_private_key is not None:
            return self.jwt_private_key.get_secret_value()
        if self.jwt_private_key_path is not None:
            return self.jwt_private_key_path.read_text(encoding="utf-8")
        return None


def _listed(value: SecretStr) -> list[str]:
    return [part.strip() for part in value.get_secret_value().split(",")]


def _pairs(value: SecretStr) -> list[tuple[str, str]]:
    return [_pair(entry) for entry in _listed(value) if entry]


def _pair(entry: str) -> tuple[str, str]:
    client_id, colon, secret = entry.partition(":")
    try:
        if not colon:
            message = "no colon"
            raise ValueError(message)  # noqa: TRY301 - answered like a wrong id, below
        return _client_id.validate_python(client_id), secret
    except (ValidationError, ValueError):
        # The entry is not repeated: what stands in the place of the id may be the secret.
        message = "must read client-id:secret,client-id:secret"
        raise ValueError(message) from None


def _require_fit(
    secret: str, info: ValidationInfo, of: str = "", make: str = _GENERATE_ANY
) -> None:
    if not secret or not secret.isprintable():
        message = f"the secret{of} is empty or has control characters"
        raise ValueError(message)
    weakness = secrets.weakness(secret)
    if weakness and info.data.get("environment") == "production":
        message = f"the secret{of} {weakness}, which production refuses; make one: {make}"
        raise ValueError(message)
