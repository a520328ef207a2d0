"""What a storage element can be told."""

from pathlib import Path

from pydantic import ByteSize, Field, HttpUrl

from artstore_kit.contracts.elements import ElementId, Mode, StorageType
from artstore_kit.settings import DatabaseSettings, ModuleSettings


class Settings(DatabaseSettings, ModuleSettings):
    port: int = Field(default=8010, ge=1, le=65535)
    storage_element_id: ElementId
    storage_url: HttpUrl = Field(description="where the other services reach this element")
    storage_mode: Mode = Field(
        default=Mode.EDIT, description="for the first start; then the database"
    )
    storage_type: StorageType = StorageType.LOCAL
    storage_path: Path = Field(
        default=Path("/var/lib/artstore/files"), description="root folder of a local element"
    )
    storage_max_size: ByteSize | None = Field(
        default=None, description="capacity, such as 500GiB; unset: what the disk has"
    )
    storage_max_file_size: ByteSize = Field(default=ByteSize(5 * 1024**4))
    storage_priority: int = Field(default=100, ge=0, le=10_000, description="lower is filled first")
    upload_patience: float = Field(
        default=30, gt=0, description="seconds in which each 32 KiB of a body must have come"
    )
