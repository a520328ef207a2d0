"""The Python client, against the running system."""

import hashlib
import io
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from artstore_command import endpoints
from artstore_user import eventually
from cutting_proxy import CuttingProxy

from artstore_client import (
    ArtStore,
    ArtStoreError,
    ConflictError,
    DigestMismatchError,
    InvalidRequestError,
    LoginError,
    NotFoundError,
    TooManyRequestsError,
    UnavailableError,
)
from stack import Stack

MIB = 1024 * 1024
MOVED = "HTTP/1.1 301 Moved Permanently\nLocation: https://x.example/"


class EndedError(Exception):
    pass


def opened(stack: Stack, *, patience: float = 60, **others: str) -> ArtStore:
    described = stack.describe()
    account = (str(described["client_id"]), str(described["client_secret"]))
    return ArtStore(endpoints(stack, **others), *account, patience=patience)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize(
    "name",
    [
        "Договор аренды №17.pdf",
        "отчёт 😀📄.txt",
        "a b+c%20&d=e;f.txt",
        'quo"te\\slash.txt',
        "名前.txt",
    ],
)
def test_a_name_of_any_script_comes_back_as_it_was(
    store: ArtStore, tmp_path: Path, name: str
) -> None:
    stored = store.upload(b"content", name=name)

    assert store.get(stored.file_id).filename == name
    path = store.download(stored.file_id, tmp_path)
    assert path.parent == tmp_path
    assert path.read_bytes() == b"content"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_name_leads_out_of_no_folder(store: ArtStore, tmp_path: Path) -> None:
    for name in (
        "../../etc/passwd",
        "..",
        "/etc/passwd",
        "x" * 600 + ".txt",
        "я" * 300 + ".длинное",
    ):
        stored = store.upload(b"harmless", name=name)
        path = store.download(stored.file_id, tmp_path, overwrite=True)
        assert path.parent == tmp_path
        assert path.read_bytes() == b"harmless"


def test_whatever_can_be_read_can_be_stored(store: ArtStore, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"0123456789")
    descriptor, other = os.pipe()
    os.write(other, b"from a pipe")
    os.close(other)
    stream = io.BytesIO(b"0123456789")
    stream.seek(4)

    with path.open("rb") as file, os.fdopen(descriptor, "rb") as pipe:
        stored = [
            store.upload(path),
            store.upload(str(path)),
            store.upload(file),
            store.upload(stream, name="rest.txt"),
            store.upload(pipe, name="pipe.txt"),
            store.upload(b"", name="empty.txt"),
        ]

    assert [file.filename for file in stored] == [
        *["a.txt"] * 3,
        "rest.txt",
        "pipe.txt",
        "empty.txt",
    ]
    assert [file.size for file in stored] == [10, 10, 10, 6, 11, 0]
    assert b"".join(store.read(stored[3])) == b"456789"
    assert b"".join(store.read(stored[4])) == b"from a pipe"
    assert b"".join(store.read(stored[5])) == b""


def test_what_is_said_of_a_file_is_kept_with_it(store: ArtStore) -> None:
    expires_at = soon().replace(microsecond=0)

    stored = store.upload(
        b"x",
        name="x.bin",
        content_type="application/x-own",
        description="Опись",
        tags=["a", "б"],
        metadata={"number": 17, "paid": True},
        expires_at=expires_at,
    )

    file = store.get(stored.file_id)
    assert (file.content_type, file.description) == ("application/x-own", "Опись")
    assert (file.tags, file.metadata) == (["a", "б"], {"number": 17, "paid": True})
    assert (file.retention.policy, file.retention.expires_at) == ("temporary", expires_at)


def test_other_bytes_than_were_announced_are_not_stored(store: ArtStore) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        store.upload(b"these", name="x.txt", sha256=hashlib.sha256(b"those").hexdigest())

    assert caught.value.code == "digest_mismatch"
    assert caught.value.problem["trace_id"] == caught.value.trace_id


def test_one_key_is_one_file(store: ArtStore) -> None:
    key = uuid4().hex
    first = store.upload(b"same", name="a.txt", idempotency_key=key)

    assert store.upload(b"same", name="a.txt", idempotency_key=key).file_id == first.file_id
    with pytest.raises(ConflictError) as caught:
        store.upload(b"other", name="a.txt", idempotency_key=key)
    assert caught.value.code == "idempotency_key_reused"


def test_of_many_uploads_one_that_fails_stops_no_other(store: ArtStore, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(20)]
    for path in paths:
        path.write_text(path.name)
    paths[7].unlink()

    done = store.upload_many(paths, parallel=5, tags=["many"])

    assert [one.what for one in done] == paths
    assert [number for number, one in enumerate(done) if one.error] == [7]
    assert isinstance(done[7].error, FileNotFoundError)
    assert all(one.file and one.file.tags == ["many"] for one in done if not one.error)


def test_a_search_goes_through_all_pages(store: ArtStore) -> None:
    word = f"страницы{uuid4().hex}"
    files = [store.upload(b"%d" % number, name=f"{word} {number}.txt") for number in range(120)]

    eventually(lambda: len(list(store.search(word))) == 120)
    found = list(store.search(word))
    assert {file.file_id for file in found} == {file.file_id for file in files}
    page = store.search_page(word, limit=3)
    assert len(page.items) == 3
    assert page.next_cursor


def test_a_download_that_breaks_goes_on_and_is_whole(stack: Stack, tmp_path: Path) -> None:
    content = os.urandom(40 * MIB)
    with CuttingProxy(stack.url("query")) as proxy, opened(stack, query=proxy.url) as store:
        stored = store.upload(content, name="большой.bin")
        proxy.cut_at_random(6, 40 * MIB, seed=3)
        seen: list[int] = []

        path = store.download(
            stored.file_id, tmp_path, on_progress=lambda done, _total: seen.append(done)
        )

        assert proxy.cut >= 4
    assert path.read_bytes() == content
    assert seen[-1] == len(content)
    assert [entry.name for entry in tmp_path.iterdir()] == ["большой.bin"]


def test_a_download_that_was_ended_fetches_only_the_rest(stack: Stack, tmp_path: Path) -> None:
    content = os.urandom(48 * MIB)
    with CuttingProxy(stack.url("query")) as proxy:
        with opened(stack, query=proxy.url) as store:
            stored = store.upload(content, name="a.bin")

            def end(done: int, _total: int) -> None:
                if done > 40 * MIB:
                    raise EndedError

            with pytest.raises(EndedError):
                store.download(stored.file_id, tmp_path, parallel=1, on_progress=end)

        assert not (tmp_path / "a.bin").exists()
        before = proxy.passed
        with opened(stack, query=proxy.url) as store:
            path = store.download(stored.file_id, tmp_path)
        assert path.read_bytes() == content
        assert proxy.passed - before < 20 * MIB


def test_a_part_that_is_not_ours_is_found_and_fetched_again(
    store: ArtStore, tmp_path: Path
) -> None:
    content = os.urandom(20 * MIB)
    stored = store.upload(content, name="a.bin")
    part = tmp_path / f".artstore-{stored.file_id}.part"
    part.write_bytes(b"x" * len(content))
    part.with_suffix(".done").write_text("0\n")

    with pytest.raises(DigestMismatchError):
        store.download(stored.file_id, tmp_path)

    assert not list(tmp_path.iterdir())
    assert store.download(stored.file_id, tmp_path).read_bytes() == content


def test_a_file_that_is_there_is_not_replaced_unasked(store: ArtStore, tmp_path: Path) -> None:
    stored = store.upload(b"new", name="a.txt")
    (tmp_path / "a.txt").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        store.download(stored.file_id, tmp_path)

    assert (tmp_path / "a.txt").read_bytes() == b"old"
    store.download(stored.file_id, tmp_path, overwrite=True)
    assert (tmp_path / "a.txt").read_bytes() == b"new"


def refusal(status: str, code: str, header: str = "") -> str:
    body = f'{{"code": "{code}", "detail": "refused", "status": {status[:3]}}}'
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *([header] if header else []),
    ]
    return "\n".join([*lines, "", body])


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_a_refusal_for_the_moment_is_waited_out_as_it_asks(stack: Stack, status: str) -> None:
    with CuttingProxy(stack.url("ingester")) as proxy, opened(stack, ingester=proxy.url) as store:
        proxy.answer_next(*[refusal(status, "busy", "Retry-After: 1")] * 2)
        began = time.monotonic()

        stored = store.upload(b"patience", name="a.txt")

        assert time.monotonic() - began >= 2
        assert b"".join(store.read(stored)) == b"patience"
        assert proxy.connections == 3


def test_what_asks_for_more_patience_than_there_is_fails_at_once(stack: Stack) -> None:
    with CuttingProxy(stack.url("query")) as proxy:
        with opened(stack, query=proxy.url, patience=5) as store:
            proxy.answer_next(refusal("503 Service Unavailable", "away", "Retry-After: 600"))
            began = time.monotonic()

            with pytest.raises(UnavailableError) as caught:
                store.get(uuid4())

        assert (caught.value.code, caught.value.retry_after) == ("away", 600)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("HTTP/1.1 200 OK\nContent-Length: 6\nConnection: close\n\n<html>", "sent no JSON"),
        (f"{MOVED}\nContent-Length: 0\nConnection: close\n\n", "https://x.example/"),
        ("HTTP/1.1 404 Not Found\nContent-Length: 0\nConnection: close\n\n", "answered 404"),
    ],
)
def test_an_address_that_is_not_of_artstore_is_told(stack: Stack, answer: str, told: str) -> None:
    with CuttingProxy(stack.url("query")) as proxy, opened(stack, query=proxy.url) as store:
        proxy.answer_next(answer)
        with pytest.raises(ArtStoreError, match=told):
            store.get(uuid4())


def test_an_upload_whose_answer_is_lost_is_stored_once(stack: Stack) -> None:
    name = f"lost-{uuid4().hex}.txt"
    with CuttingProxy(stack.url("ingester")) as proxy, opened(stack, ingester=proxy.url) as store:
        # Everything has gone in when the first byte of the answer comes.
        proxy.cut_after(3000)

        stored = store.upload(b"x" * 2800, name=name)

        assert proxy.cut == 1
        eventually(lambda: list(store.search(name, mode="exact")))
        found = [file.file_id for file in store.search(name, mode="exact")]
        assert found == [stored.file_id]


def test_an_account_beyond_its_limit_is_told_when_it_may_ask_again(
    store: ArtStore, stack: Stack
) -> None:
    account = store.accounts.create(f"slow-{uuid4().hex[:8]}", "READONLY", rate_limit=2)

    def ask_often() -> None:
        with ArtStore(endpoints(stack), account.client_id, account.client_secret, patience=0) as it:
            for _ in range(10):
                it.search_page()

    with pytest.raises(TooManyRequestsError) as caught:
        ask_often()
    assert caught.value.code == "quota_exceeded"
    assert caught.value.retry_after


def test_wrong_credentials_are_told_at_once(stack: Stack) -> None:
    with (
        ArtStore(endpoints(stack), "nobody", "a-guess") as store,
        pytest.raises(LoginError) as caught,
    ):
        store.whoami()
    assert caught.value.error == "invalid_client"
    assert "a-guess" not in str(caught.value)


def test_a_token_that_was_ended_is_replaced_unseen(store: ArtStore) -> None:
    token = store.tokens.get()
    store.tokens.revoke(token)
    eventually(lambda: not store.tokens.inspect(token).active)

    def is_replaced() -> bool:
        # Every service may take 10 seconds to hear of it; no request fails meanwhile.
        assert store.get(store.upload(b"x", name="x").file_id).filename == "x"
        return store.tokens.get() != token

    eventually(is_replaced)


def test_no_error_and_no_trace_of_a_client_shows_its_secret(stack: Stack) -> None:
    secret = str(stack.describe()["client_secret"])
    with opened(stack) as store:
        shown = [repr(store), repr(store.whoami()), repr(vars(store))]
        with pytest.raises(NotFoundError) as caught:
            store.get(uuid4())
    shown += [repr(caught.value), str(caught.value), str(caught.value.problem)]
    assert not [text for text in shown if secret in text]
