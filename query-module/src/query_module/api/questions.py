"""Questions as they come in: in a URL, or as a JSON document."""

import json
import re
from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from typing_extensions import override

from artstore_kit.contracts.files import MetadataKey, MetadataValue, RetentionPolicy
from query_module.domain.cursor import Instant
from query_module.domain.search import Facet, Mark, SearchMode, SearchQuery, Sort

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_METADATA = "metadata."
_KEY = re.compile(r"metadata\.[^\x00-\x1f\x7f]{1,128}")
_LARGEST = 2**63 - 1

SearchText = Annotated[str, Query(max_length=1000, pattern=_PRINTABLE)]
_Text = Annotated[str, StringConstraints(max_length=1000, pattern=_PRINTABLE)]
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{64}$", to_lower=True)]
_Tags = Annotated[list[_Text], Field(max_length=64)]
_Size = Annotated[int, Field(ge=0, le=_LARGEST)]


class Asked(BaseModel):
    """What both ways of asking share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: _Text = ""
    mode: SearchMode = SearchMode.FULLTEXT
    filename: _Text = Field(default="", description="a part of the name")
    extension: _Text = Field(default="", description="of the name, without its dot")
    content_type: _Text = Field(default="", description="`application/pdf`, or `image/*`")
    uploaded_by: _Text = Field(default="", description="the account that stored the file")
    size_min: _Size | None = Field(default=None, description="bytes")
    size_max: _Size | None = Field(default=None, description="bytes")
    created_from: Instant | None = Field(default=None, description="stored then or later")
    created_to: Instant | None = Field(default=None, description="stored then or before")
    retention: RetentionPolicy | None = None
    sha256: _Digest | None = Field(default=None, description="of the content, in hexadecimal")
    sort: Sort | None = Field(
        default=None,
        description="best match first for `fulltext` with `q`, newest first otherwise; a minus has "
        "the largest first",
    )
    facets: list[Facet] = Field(
        default_factory=list, max_length=16, description="count the files of each value"
    )
    highlight: bool = Field(default=False, description="mark where the question was found")
    limit: int = Field(default=20, ge=1, le=1000)
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before")

    def query(self, visible: str | None) -> SearchQuery:
        """Return the question, narrowed to what the caller may see."""
        return SearchQuery(
            text=self.q.strip(),
            mode=self.mode,
            filename=self.filename,
            marks=tuple(self._marks()),
            size_min=self.size_min,
            size_max=self.size_max,
            created_from=self.created_from,
            created_to=self.created_to,
            sha256=self.sha256,
            sort=self.sort,
            visible=visible,
        )

    def _marks(self) -> list[Mark]:
        single = {
            "e": self.extension.removeprefix("."),
            "c": self.content_type.partition(";")[0].strip(),
            "u": self.uploaded_by,
            "r": self.retention or "",
        }
        return [
            *(Mark(kind, value) for kind, value in single.items() if value),
            *(Mark("t", tag.strip()) for tag in self._tags()),
            *(Mark("m", f"{key}={value}") for key, value in self._metadata()),
        ]

    def _tags(self) -> list[str]:
        return []

    def _metadata(self) -> list[tuple[str, str]]:
        return []


class AskedInUrl(Asked):
    """A question in the parameters of a URL; those named `metadata.<key>` ask for metadata."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, _Text | list[_Text]] = Field(init=False)

    tag: _Tags = Field(default_factory=list, description="all of them, where it is repeated")

    @model_validator(mode="after")
    def _only_metadata_besides(self) -> Self:
        for name in self.model_extra or {}:
            if not _KEY.fullmatch(name):
                message = f"there is no parameter {name[:100]!r}"
                raise ValueError(message)
        return self

    @override
    def _tags(self) -> list[str]:
        return self.tag

    @override
    def _metadata(self) -> list[tuple[str, str]]:
        return [
            (name.removeprefix(_METADATA), value)
            for name, values in (self.model_extra or {}).items()
            for value in (values if isinstance(values, list) else [values])
        ]


class AskedInBody(Asked):
    """A question as a JSON document."""

    tags: _Tags = Field(default_factory=list, description="all of them")
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default_factory=dict, max_length=64, description="values by key, all of them"
    )

    @override
    def _tags(self) -> list[str]:
        return self.tags

    @override
    def _metadata(self) -> list[tuple[str, str]]:
        return [
            (key, value if isinstance(value, str) else json.dumps(value))
            for key, value in self.metadata.items()
        ]
