"""What the ingester can be told."""

from pydantic import ByteSize, Field

from artstore_kit.settings import ModuleSettings


class Settings(ModuleSettings):
    port: int = Field(default=8020, ge=1, le=65535)
    upload_max_size: ByteSize = Field(
        default=ByteSize(5 * 1024**4),
        gt=0,
        description="bytes an upload in pieces may have; elements have their own limits",
    )
    element_patience: float = Field(
        default=30,
        gt=0,
        description="seconds in which an element must agree to an upload, take each chunk of it, "
        "and store a small one",
    )
