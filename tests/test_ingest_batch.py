"""Many files in one request: a result each, in order, whatever happens to the others."""

import hashlib
import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from artstore_user import eventually, staged
from ingest_user import Account, Content, memory

BOUNDARY = "a-batch"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()
MIB = 1024 * 1024


def metadata(document: object) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
    return head.encode() + json.dumps(document).encode() + b"\r\n"


def head_of(name: str) -> bytes:
    disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    return f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode()


def file(name: str, content: bytes) -> bytes:
    return head_of(name) + content + b"\r\n"


def send(account: Account, content: Content, **headers: str) -> httpx.Response:
    return account.http.post(
        account.url.replace("/files", "/batch"),
        content=content,
        headers={"Content-Type": FORM, **headers},
    )


def test_each_file_has_its_result_in_its_place(maria: Account) -> None:
    names = [f"{uuid4().hex}-{number}.txt" for number in range(5)]
    bad_retention = {"retention": {"policy": "temporary", "expires_at": "2001-01-01T00:00:00Z"}}
    body = (
        file(names[0], b"first")
        + metadata({"tags": ["второй"]})
        + file(names[1], b"second")
        + metadata({"size": 3})
        + file(names[2], b"third, with metadata that is wrong" * 1000)
        + metadata(bad_retention)
        + file(names[3], b"fourth, too late" * 100_000)
        + metadata({"sha256": "0" * 64})
        + file(names[4], b"fifth, with another digest")
        + file("", b"sixth, without a name")
        + file(names[0], b"seventh")
        + END
    )

    answer = send(maria, body)

    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [item["index"] for item in items] == list(range(7))
    assert [item["status"] for item in items] == [201, 201, 422, 422, 400, 422, 201]
    assert [item["file"]["filename"] for item in items if "file" in item] == [
        names[0],
        names[1],
        names[0],
    ]
    assert items[1]["file"]["tags"] == ["второй"]
    assert items[6]["file"]["tags"] == []
    assert [item["problem"]["code"] for item in items if "problem" in item] == [
        "invalid_fields",
        "invalid_fields",
        "digest_mismatch",
        "invalid_fields",
    ]
    assert items[2]["problem"]["errors"][0]["field"] == "size"
    for item in items:
        assert ("file" in item) != ("problem" in item)
        if "file" in item:
            assert maria.seen(item["file"]["file_id"]).status_code == 200
    assert not any(maria.holds("se-02", name) for name in names[2:5])


def test_a_large_batch_is_streamed_and_every_byte_of_it_kept(maria: Account) -> None:
    block = bytes(range(256)) * 4096
    sizes = [0, 1, 40, 3, MIB // len(block), 24]
    digests = []

    def form() -> Iterator[bytes]:
        for number, size in enumerate(sizes):
            yield head_of(f"part-{number}.bin")
            digest = hashlib.sha256()
            for _ in range(size):
                digest.update(block)
                yield block
            digests.append(digest.hexdigest())
            yield b"\r\n"
        yield END

    before = memory(maria.stack, "ingester", "VmRSS")
    answer = send(maria, form())

    items = answer.json()["items"]
    assert [item["file"]["sha256"] for item in items] == digests
    assert memory(maria.stack, "ingester") < max(before, 120 * MIB) + 32 * MIB


def test_a_batch_that_is_repeated_with_its_key_is_the_same_files(maria: Account) -> None:
    body = file("a.txt", b"a") + file("b.txt", b"b") + END
    key = uuid4().hex

    first = send(maria, body, **{"Idempotency-Key": key}).json()["items"]
    again = send(maria, body, **{"Idempotency-Key": key}).json()["items"]

    assert [item["file"]["file_id"] for item in first] == [
        item["file"]["file_id"] for item in again
    ]
    other = send(maria, file("a.txt", b"a") + file("b.txt", b"c") + END, **{"Idempotency-Key": key})
    assert [item["status"] for item in other.json()["items"]] == [201, 409]


def test_a_form_that_breaks_keeps_what_came_before(maria: Account) -> None:
    name = f"{uuid4().hex}.txt"
    whole = file(name, b"whole")
    cases = {
        # Within a file; between files; at a part nobody asked for.
        whole + head_of("cut.txt") + b"half": [201, 400],
        whole + f"--{BOUNDARY}\r\nnonsense".encode(): [201, 400],
        whole + file("b.txt", b"b").replace(b'"file"', b'"other"') + END: [201, 400],
    }
    for body, expected in cases.items():
        answer = send(maria, body)
        items = answer.json()["items"]
        assert [item["status"] for item in items] == expected, answer.text
        assert maria.seen(items[0]["file"]["file_id"]).status_code == 200
    assert not maria.holds("se-02", "cut.txt")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", FORM, 400),
        (b"--nonsense", FORM, 400),
        (END, FORM, 400),
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 400),
    ],
)
def test_what_is_no_form_is_refused(maria: Account, body: bytes, kind: str, status: int) -> None:
    answer = send(maria, body, **{"Content-Type": kind})

    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_batch_of_too_many_files_is_bounded(maria: Account) -> None:
    body = b"".join(metadata({"size": 1}) + file("a", b"") for _ in range(257)) + END

    items = send(maria, body).json()["items"]

    assert [item["status"] for item in items] == [422] * 256 + [413]
    assert items[-1]["problem"]["code"] == "too_many_files"


def test_an_element_that_dies_takes_one_file_of_a_batch_with_it(maria: Account) -> None:
    """The rest of the form is still read, and later files are stored when it is back."""
    stack = maria.stack
    lost = f"{uuid4().hex}.bin"
    later = f"{uuid4().hex}.txt"

    def form() -> Iterator[bytes]:
        yield file("before.txt", b"before")
        yield head_of(lost)
        for _ in range(4):
            yield bytes(MIB)
        eventually(lambda: staged(stack, "se-02"))
        stack.kill("se-02")
        for _ in range(4):
            yield bytes(MIB)
        stack.launch("se-02")
        stack.wait_until_ready("se-02")
        yield b"\r\n"
        yield file(later, b"later")
        yield END

    items = send(maria, form()).json()["items"]

    assert [item["status"] for item in items] == [201, 503, 201]
    assert items[1]["problem"]["code"] == "upload_interrupted"
    assert not maria.holds("se-02", lost)
