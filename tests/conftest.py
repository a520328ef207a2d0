import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from artstore_command import Command, endpoints, environment_of
from artstore_user import Client, eventually
from forked_stack import ForkedStack
from ingest_user import Account

from artstore_client import ArtStore
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.tokens import TokenSigner
from stack import Stack, started


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let what is started be interrupted, also where a shell runs the tests in the background.

    Such a shell ignores SIGINT, and whoever is started inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def signer() -> TokenSigner:
    """Signs with the key that Admin signs with."""
    return TokenSigner()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, signer: TokenSigner) -> Iterator[Stack]:
    """The whole system, in a folder with a space in its name."""
    data: Path = tmp_path_factory.mktemp("the stack")
    settings = {"JWT_PRIVATE_KEY": signer.key.as_pem(private=True).decode()}
    with started(ForkedStack(data, settings)) as stack:
        yield stack


@pytest.fixture(scope="module", autouse=True)
def _elements_are_known(request: pytest.FixtureRequest) -> None:
    """Begin a file of tests when uploads are taken: the one before may have restarted elements.

    The ingester knows of that some seconds later.
    """
    tests = [item for item in request.session.items if item.path == request.path]
    if not any("stack" in getattr(item, "fixturenames", ()) for item in tests):
        return
    client = Client(request.getfixturevalue("stack"))
    with closing(client.http):
        client.log_in()
        # Where the second has not registered yet, the first also takes what is permanent.
        eventually(lambda: _registered(client) >= _elements(client))
        eventually(lambda: _takes(client, "permanent"))
        eventually(lambda: _takes(client, "temporary&expires_at=2090-01-01T00:00:00Z"))


def _elements(client: Client) -> set[str]:
    return {service.name for service in client.stack.services.values() if service.element_mode}


def _registered(client: Client) -> set[str]:
    answer = client.admin("GET", "storage-elements").raise_for_status()
    return {item["element_id"] for item in answer.json()["items"]}


def _takes(client: Client, retention: str) -> bool:
    url = f"{client.stack.url('ingester')}/api/v1/ingest/files?filename=first.txt"
    return client.http.post(f"{url}&retention={retention}", content=b"1").is_success


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    client = Client(stack)
    with closing(client.http):
        client.log_in()
        yield client


@pytest.fixture
def maria(stack: Stack, signer: TokenSigner) -> Iterator[Account]:
    account = Account(stack, signer, f"maria-{uuid4().hex[:8]}", Role.USER)
    with closing(account.http):
        yield account


@pytest.fixture
def ivan(stack: Stack, signer: TokenSigner) -> Iterator[Account]:
    account = Account(stack, signer, f"ivan-{uuid4().hex[:8]}", Role.USER)
    with closing(account.http):
        yield account


@pytest.fixture
def root(stack: Stack, signer: TokenSigner) -> Iterator[Account]:
    account = Account(stack, signer, "root", Role.ADMIN)
    with closing(account.http):
        yield account


@pytest.fixture
def store(stack: Stack) -> Iterator[ArtStore]:
    """The client of Python programs, with the initial account."""
    described = stack.describe()
    account = (str(described["client_id"]), str(described["client_secret"]))
    with ArtStore(endpoints(stack), *account) as opened:
        yield opened


@pytest.fixture
def artstore(stack: Stack, tmp_path: Path) -> Command:
    """The command, with the initial account in its environment."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home, environment_of(stack))
