"""Uploads that come in pieces: what the ingester and an element say of them to one another."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from artstore_kit.contracts.files import FileAttributes, NewFile, Sha256

MAX_UPLOAD_METADATA = 8192
# By what name a client may give the checksum of a piece (tus 1.0), and how many bytes it has.
CHECKSUM_ALGORITHMS = {"sha1": 20, "sha256": 32}

UploadMetadata = Annotated[
    str, StringConstraints(max_length=MAX_UPLOAD_METADATA, pattern=r"^[\x20-\x7e]*$")
]


class NewUpload(BaseModel):
    """An upload whose bytes will come in pieces; `upload_id` becomes the id of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upload_id: UUID
    file: NewFile
    length: int | None = Field(
        default=None, ge=0, lt=2**63, description="bytes in all; None while it is not known"
    )
    sha256: Sha256 | None = Field(default=None, description="of the whole file")
    metadata: UploadMetadata = Field(default="", description="as the client wrote it")


class UploadSession(BaseModel):
    """How far an upload has come; `file` once it has become one."""

    upload_id: UUID
    uploaded_by: str
    offset: int = Field(ge=0, description="bytes that are durable")
    length: int | None = None
    metadata: str = ""
    expires_at: AwareDatetime | None = Field(
        default=None, description="until when it may go on; None once it is a file"
    )
    file: FileAttributes | None = None
