"""What can be asked of a search, and how it is spelled in a request."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from artstore_client.models import Mode, Policy, Scalar


class Filters(TypedDict, total=False):
    """What narrows and orders a search; what is not given does not matter.

    `tags` must all be there. Sizes are bytes. `sort`: `relevance`, `created_at`, `size` or
    `filename`, with `-` before it for descending. `metadata` compares values by key.
    """

    mode: Mode
    filename: str
    extension: str
    content_type: str
    tags: Sequence[str]
    uploaded_by: str
    size_min: int
    size_max: int
    created_from: datetime
    created_to: datetime
    retention: Policy
    sha256: str
    metadata: Mapping[str, Scalar]
    sort: str
    highlight: bool


def parameters(text: str, filters: Filters) -> dict[str, Any]:
    """Return the parameters of GET /api/v1/search."""
    said: dict[str, Any] = {"q": text} if text else {}
    for name, value in filters.items():
        if name == "tags":
            said["tag"] = list(filters["tags"])
        elif name == "metadata":
            said |= {f"metadata.{key}": _word(one) for key, one in filters["metadata"].items()}
        elif isinstance(value, datetime):
            said[name] = value.astimezone().isoformat()
        else:
            said[name] = value
    return said


def _word(value: Scalar) -> str:
    return value if isinstance(value, str) else json.dumps(value)
