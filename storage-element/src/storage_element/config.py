"""What a storage element can be told."""

from pathlib import Path
from typing import Self

from pydantic import ByteSize, Field, HttpUrl, SecretStr, model_validator

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
    storage_s3_endpoint: HttpUrl | None = Field(default=None, description="unset: Amazon's")
    storage_s3_bucket: str = Field(default="", description="must exist; one element's alone")
    storage_s3_region: str = "us-east-1"
    storage_s3_access_key: SecretStr | None = Field(
        default=None, description="unset: what the machine's environment provides"
    )
    storage_s3_secret_key: SecretStr | None = None
    storage_s3_path_style: bool = Field(
        default=True, description="the bucket in the path; false: in the host name"
    )
    storage_s3_memory: ByteSize = Field(
        default=ByteSize(512 * 1024**2),
        description="for bodies on their way to the bucket, 16 MiB each; more uploads wait",
    )
    storage_max_size: ByteSize | None = Field(
        default=None, description="capacity, such as 500GiB; unset: what the disk has"
    )
    storage_max_file_size: ByteSize = Field(default=ByteSize(5 * 1024**4))
    storage_priority: int = Field(default=100, ge=0, le=10_000, description="lower is filled first")
    upload_patience: float = Field(
        default=30, gt=0, description="seconds in which each 32 KiB of a body must have come"
    )
    upload_expiry: float = Field(
        default=24 * 3600,
        gt=0,
        description="seconds after its last byte in which an unfinished upload may go on",
    )
    scrub_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="in which every stored byte is read and checked again",
    )

    gc_safety_hours: float = Field(
        default=24,
        gt=0,
        le=24 * 365,
        description="after which bytes and uploads that belong to no file are garbage",
    )

    @model_validator(mode="after")
    def _s3_is_complete(self) -> Self:
        if self.storage_type is StorageType.S3 and not self.storage_s3_bucket:
            raise ValueError("STORAGE_S3_BUCKET is required with STORAGE_TYPE=s3")
        if (self.storage_s3_access_key is None) != (self.storage_s3_secret_key is None):
            raise ValueError("set both STORAGE_S3_ACCESS_KEY and STORAGE_S3_SECRET_KEY, or neither")
        return self
