"""A real file goes in, is found, and comes back."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, eventually, staged

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.tokens import TokenSigner
from stack import Stack, running

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, signer: TokenSigner) -> Iterator[Stack]:
    """A system of its own: what others have made it hold would count as a transfer's memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JWT_PRIVATE_KEY", signer.key.as_pem(private=True).decode())
        with running(tmp_path_factory.mktemp("trips"), free_ports=True, quiet=True) as started:
            yield started


def noise(size: int, digest: "hashlib._Hash") -> Iterator[bytes]:
    """Yield `size` bytes that do not repeat, made as they are needed."""
    block = random.Random(7).randbytes(MIB)  # noqa: S311 - noise, not a secret
    for number in range(size // MIB):
        chunk = number.to_bytes(8) + block[8:]
        digest.update(chunk)
        yield chunk


def peak_memory(client: Client) -> dict[str, int]:
    """The most memory that each service has used so far, in bytes."""
    peaks = {}
    for name, process in client.stack.processes.items():
        status = Path(f"/proc/{process.pid}/status").read_text()
        (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        peaks[name] = int(peak) * 1024
    return peaks


def test_a_gibibyte_goes_in_and_comes_back_in_little_memory(client: Client) -> None:
    digest = hashlib.sha256()

    answer = client.upload("большой архив.bin", noise(1024 * MIB, digest))

    assert answer.status_code == 201, answer.text
    assert answer.json()["size"] == 1024 * MIB
    assert answer.json()["sha256"] == digest.hexdigest()
    assert client.digest_of(answer.json()["file_id"]) == digest.hexdigest()
    peaks = peak_memory(client)
    assert max(peaks.values()) < 200 * MIB, peaks


def test_a_file_is_described_at_once_and_found_soon(client: Client) -> None:
    word = f"уникум{uuid4().hex}"
    stored = client.upload(f"договоры_{word}.final.txt", "Текст".encode()).json()

    described = client.get(f"/files/{stored['file_id']}").json()
    assert described["filename"] == f"договоры_{word}.final.txt"
    eventually(lambda: [item["file_id"] for item in client.found(word)] == [stored["file_id"]])
    assert client.found(f"договор {word}")


def test_a_range_is_a_part_of_the_file(client: Client) -> None:
    stored = client.upload("range.txt", b"0123456789").json()

    part = client.get(f"/files/{stored['file_id']}/content", headers={"Range": "bytes=-3"})

    assert (part.status_code, part.content) == (206, b"789")
    assert part.headers["Content-Range"] == "bytes 7-9/10"


def test_a_path_in_a_name_leads_nowhere(client: Client) -> None:
    name = "../../../etc/passwd\\..\\x.txt"

    stored = client.upload(name, b"harmless").json()

    assert stored["filename"] == name
    folder = client.stack.data / "files" / stored["element_id"]
    [attributes] = folder.rglob(f"*{stored['file_id']}*.attr.json")
    assert attributes.resolve().is_relative_to(folder.resolve())
    assert (
        "/" not in client.get(f"/files/{stored['file_id']}/content").headers["Content-Disposition"]
    )


def test_the_same_key_is_the_same_file(client: Client) -> None:
    key = uuid4().hex
    first = client.upload("a.txt", b"same", **{"Idempotency-Key": key})
    again = client.upload("a.txt", b"same", **{"Idempotency-Key": key})
    other = client.upload("a.txt", b"other", **{"Idempotency-Key": key})

    assert again.json()["file_id"] == first.json()["file_id"]
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency_key_reused"


def test_an_upload_that_is_cut_off_leaves_nothing(client: Client) -> None:
    def cut() -> Iterator[bytes]:
        for _ in range(8):
            yield b"x" * MIB
        raise ConnectionError

    name = f"cut-{uuid4().hex}.bin"
    with suppress(ConnectionError, httpx.TransportError):
        client.upload(name, cut())

    files = client.stack.data / "files"
    eventually(lambda: not staged(client.stack))
    assert not list(files.rglob(f"*{name[:-4]}*"))
    assert not client.named(name)


def refused_everywhere(client: Client, token: str) -> bool:
    answers = [
        httpx.request(method, url, headers={"Authorization": f"Bearer {token}"})
        for method, url in (
            ("GET", f"{client.stack.url('query')}/api/v1/search"),
            ("POST", f"{client.stack.url('ingester')}/api/v1/ingest/files"),
            ("GET", f"{client.stack.url('se-01')}/api/v1/info"),
            ("GET", f"{client.stack.url('admin')}/api/v1/service-accounts"),
        )
    ]
    for answer in answers:
        if answer.status_code == 401:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    return all(answer.status_code == 401 for answer in answers)


def test_tokens_that_are_not_ours_are_refused(client: Client) -> None:
    for token in ("abc", "a.b.c", client.token()[:-6] + "AAAAAA"):
        assert refused_everywhere(client, token)


@pytest.mark.parametrize(
    ("wrong", "refused"),
    [
        ({}, False),
        ({"exp": 1_700_000_000}, True),
        ({"aud": "somebody-else"}, True),
        ({"iss": "https://elsewhere.example"}, True),
    ],
    ids=["ours", "expired", "foreign audience", "foreign issuer"],
)
def test_a_token_signed_by_our_key_must_also_say_the_right_things(
    client: Client, signer: TokenSigner, wrong: dict[str, Any], *, refused: bool
) -> None:
    claims = {"iss": client.stack.url("admin"), **wrong}

    token = signer.token("admin", Role.ADMIN, **claims)

    assert refused_everywhere(client, token) == refused
