"""What the ingester can be told."""

from pydantic import Field

from artstore_kit.settings import ModuleSettings


class Settings(ModuleSettings):
    port: int = Field(default=8020, ge=1, le=65535)
    element_patience: float = Field(
        default=30,
        gt=0,
        description="seconds in which an element must agree to an upload, take each chunk of it, "
        "and store a small one",
    )
