"""Forms and raw bodies, whole, broken and hostile, however they are cut on the wire."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from artstore_kit.errors import InvalidRequestError, ServiceError, TooLargeError, UnprocessableError
from ingester_module.api.bodies import Incoming, parse_metadata, read_raw
from ingester_module.api.forms import read_form
from ingester_module.domain.upload import UploadMetadata

BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
CONTENT = bytes(range(256)) * 5 + b"\r\n--a-bound\r\n"


def request_of(
    chunks: Iterable[bytes], content_type: str = FORM, headers: dict[str, str] | None = None
) -> Request:
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    arriving = iter(messages)

    async def receive() -> Message:
        return next(arriving)

    fields = {"content-type": content_type, **(headers or {})}
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


def part(name: str, content: bytes, *, filename: str | None = None, headers: str = "") -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n{headers}\r\n"
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
WHOLE = (
    part("metadata", '{"description": "о чём", "tags": ["a"]}'.encode())
    + part("file", CONTENT, filename="имя.bin", headers="Content-Type: image/png\r\n")
    + END
)


async def content_of(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def read(chunks: Iterable[bytes]) -> tuple[Incoming, bytes]:
    incoming = await read_form(request_of(chunks))
    assert isinstance(incoming.body.chunks, AsyncIterator)
    return incoming, await content_of(incoming.body.chunks)


def cut(content: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % len(content) for place in places), len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


@given(st.lists(st.integers(min_value=0), max_size=20))
def test_a_form_is_the_same_however_it_is_cut_on_the_wire(places: list[int]) -> None:
    incoming, content = asyncio.run(read(cut(WHOLE, places)))

    assert content == CONTENT
    assert incoming.filename == "имя.bin"
    assert incoming.content_type == "image/png"
    assert incoming.metadata.description == "о чём"


@given(
    st.lists(st.tuples(st.integers(min_value=0), st.binary(max_size=4)), min_size=1, max_size=4),
    st.integers(min_value=0, max_value=len(WHOLE)),
)
def test_a_mangled_form_is_read_or_refused_but_never_breaks_us(
    patches: list[tuple[int, bytes]], length: int
) -> None:
    content = bytearray(WHOLE)
    for place, patch in patches:
        place %= len(content)  # noqa: PLW2901 - the place within
        content[place : place + len(patch)] = patch
    # Whatever else is raised fails the test.
    with suppress(ServiceError):
        asyncio.run(read([bytes(content[:length])]))


@pytest.mark.parametrize(
    ("body", "refusal", "words"),
    [
        (b"", InvalidRequestError, "broken|no `file` part"),
        (END, InvalidRequestError, "broken|no `file` part"),
        (part("file", b"x"), UnprocessableError, "name the file"),
        (part("extra", b"x") + END, InvalidRequestError, "unknown part 'extra'"),
        (part("metadata", b"{") + END, UnprocessableError, "metadata"),
        (part("metadata", b'{"size": 1}') + END, UnprocessableError, "size"),
        (part("metadata", b" " * 70_000) + END, TooLargeError, "metadata"),
        (part("metadata", b"{}") + END, InvalidRequestError, "no `file` part"),
        (part("file", b"x", filename="a"), InvalidRequestError, "broken"),
        (
            part("file", b"x", filename="a") + part("metadata", b"{}") + END,
            InvalidRequestError,
            "'metadata' follows the file",
        ),
        (
            part("file", b"x", filename="a") + part("file", b"x", filename="b") + END,
            InvalidRequestError,
            "follows the file",
        ),
    ],
)
async def test_a_form_that_is_not_as_it_should_be_is_refused(
    body: bytes, refusal: type[ServiceError], words: str
) -> None:
    with pytest.raises(refusal, match=words):
        await read([body])


@pytest.mark.parametrize(
    "disposition",
    ['form-data; name="file"; file name="a"', "form-data; name=file; filename*=utf-8''%ff"],
)
async def test_a_form_whose_file_has_an_unreadable_name_is_refused(disposition: str) -> None:
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()

    with pytest.raises(ServiceError) as refused:
        await read([head + b"x\r\n" + END])

    assert 400 <= refused.value.status < 500


async def test_a_form_needs_a_boundary() -> None:
    with pytest.raises(InvalidRequestError, match="boundary"):
        await read_form(request_of([], "multipart/form-data"))


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="plain.txt"', "plain.txt"),
        ("attachment; filename*=UTF-8''%D0%B0%D0%BA%D1%82.pdf", "акт.pdf"),
        (
            "attachment; filename=\"a.pdf\"; filename*=UTF-8''%D0%B0%D0%BA%D1%82.pdf",
            "акт.pdf",
        ),
        ('attachment; filename="акт.pdf"'.encode().decode("latin-1"), "акт.pdf"),
    ],
)
def test_a_raw_body_is_named_by_its_disposition(disposition: str, name: str) -> None:
    request = request_of([], "text/plain", {"content-disposition": disposition})

    assert read_raw(request, UploadMetadata()).filename == name


def test_a_raw_body_without_a_name_is_refused() -> None:
    with pytest.raises(UnprocessableError, match="name the file"):
        read_raw(request_of([], "text/plain"), UploadMetadata())


def test_what_the_query_says_of_a_raw_body_wins_over_its_header_fields() -> None:
    request = request_of(
        [],
        "text/plain",
        {"content-disposition": 'attachment; filename="b"', "content-length": "7"},
    )

    incoming = read_raw(request, UploadMetadata(filename="a", content_type="image/png"))

    assert (incoming.filename, incoming.content_type) == ("a", "image/png")
    assert incoming.body.size == 7


def test_a_digest_in_the_header_is_passed_on() -> None:
    digest = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"
    request = request_of([], "text/plain", {"repr-digest": digest})

    incoming = read_raw(request, UploadMetadata(filename="a"))

    assert incoming.body.sha256 == (
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    )


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"filename": ""}, "filename"),
        ({"filename": "a\nb"}, "filename"),
        ({"content_type": "nonsense"}, "content_type"),
        ({"tags": ["x"] * 65}, "tags"),
        ({"metadata": {"a": {"nested": 1}}}, "metadata"),
        ({"retention": {"policy": "temporary"}}, "retention"),
        ({"sha256": "abc"}, "sha256"),
        ({"owner": "me"}, "owner"),
    ],
)
def test_what_is_wrong_in_the_metadata_is_named(document: dict[str, object], field: str) -> None:
    with pytest.raises(UnprocessableError) as raised:
        parse_metadata(document)

    faults = raised.value.extensions["errors"]
    assert isinstance(faults, list)
    assert any(fault["field"].startswith(field) for fault in faults)


@pytest.mark.parametrize("declared", ["", "application/x-www-form-urlencoded; charset=utf-8"])
def test_a_raw_body_that_says_nothing_of_itself_is_of_no_type(declared: str) -> None:
    incoming = read_raw(request_of([], declared), UploadMetadata(filename="a"))

    assert incoming.content_type == "application/octet-stream"
