"""What the ingester can be told."""

from pydantic import Field

from artstore_kit.settings import ModuleSettings


class Settings(ModuleSettings):
    port: int = Field(default=8020, ge=1, le=65535)
