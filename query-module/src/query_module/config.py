"""What the query-module can be told."""

from pydantic import Field

from artstore_kit.settings import DatabaseSettings, ModuleSettings


class Settings(DatabaseSettings, ModuleSettings):
    port: int = Field(default=8030, ge=1, le=65535)
