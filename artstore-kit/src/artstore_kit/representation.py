"""Header fields that describe a file's bytes.

Sources: RFC 9530 (digests), RFC 9110 8.8.3 (entity tags), RFC 6266 and 8187 (file names).
"""

import base64
import re
from urllib.parse import quote

_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):")
_NOT_QUOTABLE = re.compile(r'[^\x20-\x7e]|["%]')


def etag(sha256: str) -> str:
    """Return the strong entity tag of bytes with this digest (hex)."""
    return f'"{sha256}"'


def revision_etag(revision: int) -> str:
    """Return the strong entity tag of a file's attributes at this revision."""
    return f'"{revision}"'


def digest_header(sha256: str) -> str:
    """Return the value of Repr-Digest for a digest in hex."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def sha256_from_digest(header: str | None) -> str | None:
    """Return the SHA-256 (hex) that a Content-Digest or Repr-Digest states, if it states one.

    Other algorithms are passed over, as RFC 9530 allows.
    """
    match = _DIGEST.search(header or "")
    return base64.b64decode(match[1]).hex() if match else None


def attachment(filename: str) -> str:
    """Return Content-Disposition: a plain ASCII name for old clients, the true one for the rest."""
    filename = filename.replace("/", "_").replace("\\", "_")
    fallback = _NOT_QUOTABLE.sub("_", filename)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(filename, safe='')}"
