"""Several ranges of a file as one body: `multipart/byteranges` (RFC 9110, 14.6)."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage_element.domain.byte_ranges import Part


@dataclass(frozen=True, slots=True)
class Multipart:
    """The frame around the parts; the bytes between are the file's."""

    boundary: str
    content_type: str
    size: int
    parts: Sequence[Part]

    @property
    def media_type(self) -> str:
        return f"multipart/byteranges; boundary={self.boundary}"

    @property
    def length(self) -> int:
        """The length of the whole body."""
        frames = sum(len(self.head(part)) + part.length for part in self.parts)
        return frames + len(self.tail)

    def head(self, part: Part) -> bytes:
        """Return what comes before the bytes of a part."""
        first = "" if part is self.parts[0] else "\r\n"
        return (
            f"{first}--{self.boundary}\r\n"
            f"Content-Type: {self.content_type}\r\n"
            f"Content-Range: {content_range(part, self.size)}\r\n\r\n"
        ).encode()

    @property
    def tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()


def content_range(part: Part, size: int) -> str:
    """Return the value of Content-Range for a part of a file."""
    return f"bytes {part.start}-{part.end - 1}/{size}"
