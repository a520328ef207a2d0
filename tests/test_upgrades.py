"""Code that knows only the schema before serves on while a new replica migrates it, and after.

For each module with a database: the code as it was before the newest migration came, out of git's
history, runs and is used without a break; the code of today starts beside it on the same database.
"""

import asyncio
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx
import pytest
from aiobotocore.session import get_session
from alembic.script import Script, ScriptDirectory
from artstore_user import Client, eventually
from schema import config_of
from typing_extensions import override

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import NewFile
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing import processes
from artstore_kit.testing.s3 import SeaweedFS
from artstore_kit.testing.tokens import TokenSigner
from stack import FIXED, ROOT, Service, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NEW = "-new"
# Writes at the first replica, and looks for it at the second.
Use = Callable[[str, str], None]


def git(*words: str) -> str:
    command = ["git", *words]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def is_shallow() -> bool:
    return git("rev-parse", "--is-shallow-repository") == "true"


def newest(package: str) -> Script:
    scripts = ScriptDirectory.from_config(config_of(package))
    return scripts.get_revision(str(scripts.get_current_head()))


def code_before(package: str, folder: Path) -> str:
    """Lay out the code as it was when the newest migration was not there yet; return its path."""
    migration = newest(package).path
    added = git("log", "--no-renames", "--diff-filter=A", "--format=%H", "--", migration).split()
    # One that is still being written is in no commit yet; a shallow clone knows nothing older.
    before = f"{added[0]}^" if added and not is_shallow() else "HEAD"
    archive = folder / "before.tar"
    git("archive", f"--output={archive}", before)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return ":".join(str(source) for source in sorted(folder.glob("*/src")))


class Mixed(Stack):
    """Runs old code, and new code in services whose name ends in `-new`."""

    def __init__(self, data: Path, old: str, shared: dict[str, str]) -> None:
        super().__init__(data, free_ports=True, quiet=True)
        self.old = old
        self.shared = shared

    @override
    def environment(self, service: Service) -> dict[str, str]:
        name = service.name.removesuffix(NEW)
        environment = super().environment(replace(service, name=name))
        if name == "se-01":
            environment |= self.shared
        if name == service.name:
            return environment | {"PYTHONPATH": self.old}
        return environment | {"STATE_DIR": str(self.data / "state" / service.name)}

    def beside(self, name: str) -> str:
        """Start today's code of a service beside it; return the name of that replica."""
        [service] = [service for service in FIXED if service.name == name]
        new = replace(service, name=name + NEW, port=processes.free_port())
        self.services[new.name] = new
        self.launch(new.name)
        self.wait_until_ready(new.name)
        return new.name

    def revision(self, name: str) -> str:
        database = self.services[name].database
        assert database
        [row] = self.postgres.execute("SELECT version_num FROM alembic_version", database)
        return str(row["version_num"])


@contextmanager
def mixed(data: Path, old: str, shared: dict[str, str]) -> Iterator[Mixed]:
    stack = Mixed(data, old, shared)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


class Using:
    """Uses a replica again and again, and remembers what failed."""

    def __init__(self, use: Use, name: str) -> None:
        self.use = use
        self.name = name
        self.rounds = 0
        self.failures: list[str] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.thread.join()

    def _work(self) -> None:
        while not self.stopping.is_set():
            try:
                self.use(self.name, self.name)
            except (AssertionError, httpx.HTTPError) as error:
                self.failures.append(repr(error))
            self.rounds += 1

    def goes_on(self) -> None:
        """Wait until what begins now has ended."""
        before = self.rounds
        eventually(lambda: self.rounds > before + 2, 120)


async def bucket_of(server: SeaweedFS) -> str:
    """Make a bucket, and return its name."""
    name = f"upgrade-{uuid4().hex[:8]}"
    async with get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    ) as s3:
        await s3.create_bucket(Bucket=name)
    return name


def users_of_admin(stack: Mixed, _signer: TokenSigner) -> Use:
    def use(name: str, other: str) -> None:
        client = Client(stack)
        base = f"{stack.url(name)}/api/v1"
        with client.http as http:
            client.log_in()
            account = f"of-{name}-{uuid4().hex[:8]}"
            made = http.post(
                f"{base}/service-accounts", json={"client_id": account, "role": "USER"}
            )
            assert made.status_code == 201, made.text
            token = http.post(
                f"{stack.url(other)}/api/v1/auth/token",
                data={"grant_type": "client_credentials"},
                auth=(account, made.json()["client_secret"]),
            )
            assert token.status_code == 200, token.text
            for answer in (
                http.get(f"{base}/service-accounts/{account}"),
                http.get(f"{base}/storage-elements"),
                http.get(f"{base}/audit/verify"),
                http.delete(f"{base}/service-accounts/{account}"),
            ):
                assert answer.is_success, answer.text

    return use


def users_of_element(stack: Mixed, signer: TokenSigner) -> Use:
    token = signer.token("tests", Role.MODULE, iss=stack.url("admin"))
    headers = {"Authorization": f"Bearer {token}"}
    owner = Actor(account="maria", scopes=frozenset({"files:write", "files:read:own"}))
    retention = {"policy": "temporary", "expires_at": "2090-01-01T00:00:00Z"}
    content = uuid4().bytes * 1000

    def use(name: str, other: str) -> None:
        new = NewFile.model_validate(
            {"filename": "акт.pdf", "uploaded_by": "maria", "retention": retention}
        )
        url = f"{stack.url(name)}/api/v1/files/{uuid4()}"
        with httpx.Client(headers=headers | owner.to_headers(), timeout=60) as http:
            stored = http.put(
                url, content=content, headers={"ArtStore-Attributes": new.to_header()}
            )
            assert stored.status_code == 201, stored.text
            seen = http.get(url.replace(stack.url(name), stack.url(other)) + "/content")
            assert seen.content == content
            edited = http.patch(
                url,
                json={"description": "edited"},
                headers={"Content-Type": "application/merge-patch+json"},
            )
            assert edited.is_success, edited.text
            changes = http.get(f"{stack.url(name)}/api/v1/changes?after=0&limit=1000")
            assert changes.is_success, changes.text
            assert http.delete(url).is_success

    return use


def users_of_query(stack: Mixed, _signer: TokenSigner) -> Use:
    def use(name: str, other: str) -> None:
        client = Client(stack)
        with client.http as http:
            client.log_in()
            word = f"слово{uuid4().hex}"
            content = uuid4().bytes * 1000
            stored = client.upload(f"{word}.txt", content)
            assert stored.status_code == 201, stored.text
            base = f"{stack.url(name)}/api/v1"
            file_id = stored.json()["file_id"]

            def found(mode: str, text: str) -> list[str]:
                answer = http.get(f"{base}/search", params={"mode": mode, "q": text})
                assert answer.status_code == 200, answer.text
                return [item["file_id"] for item in answer.json()["items"]]

            for mode, text in (("fulltext", word), ("partial", word[2:20])):
                eventually(lambda mode=mode, text=text: file_id in found(mode, text), 60)  # type: ignore[misc]
            assert http.get(f"{base}/files/{file_id}").is_success
            assert http.get(f"{stack.url(other)}/api/v1/files/{file_id}/content").content == content

    return use


@pytest.mark.parametrize(
    ("name", "users"),
    [("admin", users_of_admin), ("se-01", users_of_element), ("query", users_of_query)],
)
def test_old_code_serves_on_while_new_code_migrates_and_both_serve_after_that(
    name: str,
    users: Callable[[Mixed, TokenSigner], Use],
    tmp_path: Path,
    signer: TokenSigner,
    seaweedfs: SeaweedFS,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [package] = [service.package for service in FIXED if service.name == name]
    (tmp_path / "code").mkdir()
    old = code_before(package, tmp_path / "code")
    monkeypatch.setenv("JWT_PRIVATE_KEY", signer.key.as_pem(private=True).decode())
    # Replicas of an element share a bucket.
    shared = seaweedfs.environment(asyncio.run(bucket_of(seaweedfs)))
    with mixed(tmp_path / "data", old, shared) as stack:
        use = users(stack, signer)
        use(name, name)
        assert stack.revision(name) != newest(package).revision
        with Using(use, name) as using:
            using.goes_on()
            new = stack.beside(name)
            assert stack.revision(name) == newest(package).revision
            using.goes_on()
            use(new, name)
            use(name, new)
            # Its probe does not mind that the schema has more than it knows.
            assert httpx.get(f"{stack.url(name)}/health/ready", timeout=30).is_success
            # As when an update is taken back: the new replica ends, the old one stays.
            processes.stop(stack.processes[new])
            using.goes_on()
        assert not using.failures
