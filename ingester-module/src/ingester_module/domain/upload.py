"""What a client says of the file it uploads."""

from pydantic import BaseModel, ConfigDict, Field

from artstore_kit.contracts.files import (
    ContentType,
    Description,
    Filename,
    MetadataKey,
    MetadataValue,
    Retention,
    Sha256,
    Tag,
)


class UploadMetadata(BaseModel):
    """The `metadata` part of a form, or the query of a raw upload."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filename: Filename | None = Field(default=None, description="default: the file part's name")
    content_type: ContentType | None = Field(default=None, description="default: the part's type")
    retention: Retention = Retention()
    tags: list[Tag] = Field(default_factory=list, max_length=64)
    description: Description = ""
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=64)
    sha256: Sha256 | None = Field(
        default=None, description="of the body; checked before it is kept"
    )
