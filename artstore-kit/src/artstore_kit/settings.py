"""Settings come from the environment; a secret also from the file that `<NAME>_FILE` names."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, HttpUrl, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from artstore_kit.logging import LogFormat, LogLevel

SettingsT = TypeVar("SettingsT", bound="ServiceSettings")


class _FileSecrets(PydanticBaseSettingsSource):
    """Reads `<NAME>_FILE` for every field that holds a secret; an empty file is unset."""

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE")
        if path is None or "Secret" not in str(field.annotation):
            return None, field_name, False
        return Path(path).read_text(encoding="utf-8").strip() or None, field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                values[key] = value
        return values


class ServiceSettings(BaseSettings):
    """What every service can be told."""

    # Compose files pass an unset variable on as an empty one: empty is unset.
    model_config = SettingsConfigDict(
        frozen=True, hide_input_in_errors=True, extra="ignore", env_ignore_empty=True
    )

    environment: Literal["development", "test", "production"] = "development"
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=1, le=65535, description="port to listen on")
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "json"
    app_swagger_enabled: bool = Field(default=True, description="serve /docs and /openapi.json")
    cors_allow_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="comma-separated origins; empty turns CORS off"
    )
    redis_host: str = "127.0.0.1"
    redis_port: int = 6379
    redis_password: SecretStr = SecretStr("")
    jwt_issuer: str = Field(default="http://localhost:8000", description="`iss` of every token")
    jwt_audience: str = Field(default="artstore", description="`aud` of every token")
    state_dir: Path = Field(
        default=Path("/var/lib/artstore"),
        description="where last known keys and registry are kept for a restart without Admin",
    )
    otel_exporter_otlp_endpoint: HttpUrl | None = Field(
        default=None, description="base URL of an OpenTelemetry collector; unset: no spans"
    )
    failpoint: str = Field(
        default="", description="kill the process at this step of a write; tests only"
    )

    @field_validator("cors_allow_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip() for origin in value.split(",") if origin.strip())
        return value

    @field_validator("cors_allow_origins")
    @classmethod
    def _no_wildcard_in_production(
        cls, value: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        if "*" in value and info.data.get("environment") == "production":
            message = "a wildcard is refused in production: list the origins"
            raise ValueError(message)
        return value

    @field_validator("failpoint")
    @classmethod
    def _no_failpoint_in_production(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("environment") == "production":
            message = "failpoints are for tests: unset it"
            raise ValueError(message)
        return value

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _FileSecrets(settings_cls)


class DatabaseSettings(ServiceSettings):
    """For a service with a database."""

    db_host: str = "127.0.0.1"
    db_port: int = 5432
    db_username: str
    db_password: SecretStr
    db_database: str
    db_pool_size: int = Field(default=10, ge=2, le=200)


class ModuleSettings(ServiceSettings):
    """For a service that calls the others under an account of its own."""

    admin_url: str = Field(default="http://localhost:8000", description="Admin's base URL")
    module_client_id: str
    module_client_secret: SecretStr
    direct_grant_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="signs grants of direct mode; the same at ingester, query and elements. "
        "Unset: direct mode is off",
    )


def load(settings_class: type[SettingsT]) -> SettingsT:
    """Read the environment; where it is wrong, say which variable and why, and exit with 2."""
    try:
        return settings_class()
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        sys.stderr.write("configuration error in the environment:\n" + "\n".join(lines) + "\n")
    except OSError as error:
        sys.stderr.write(f"configuration error: {error.filename}: {error.strerror}\n")
    except UnicodeDecodeError:
        sys.stderr.write("configuration error: a secret's file is not UTF-8 text\n")
    raise SystemExit(2)
