"""What Admin decides of an account holds in every service, whatever happens to Admin meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, eventually

from stack import Stack

# It starts a system of its own.
pytestmark = pytest.mark.slow

ACCOUNTS = "service-accounts"
LIMIT, WINDOW = 15, 60

Call = Callable[[dict[str, str]], httpx.Response]


def _calls(stack: Stack, http: httpx.Client) -> dict[str, Call]:
    """Return one call to each service; none of them does anything."""
    return {
        "admin": lambda headers: http.get(
            f"{stack.url('admin')}/api/v1/storage-elements", headers=headers
        ),
        # A file without a name.
        "ingester": lambda headers: http.post(
            f"{stack.url('ingester')}/api/v1/ingest/files", headers=headers
        ),
        "query": lambda headers: http.get(
            f"{stack.url('query')}/api/v1/search?q=nothing", headers=headers
        ),
        "se-01": lambda headers: http.get(f"{stack.url('se-01')}/api/v1/info", headers=headers),
    }


def _account(client: Client, **more: object) -> tuple[str, str]:
    name = f"u-{uuid4().hex}"
    made = client.admin("POST", ACCOUNTS, client_id=name, role="ADMIN", **more)
    assert made.status_code == 201, made.text
    return name, made.json()["client_secret"]


def _headers(client: Client, account: tuple[str, str]) -> dict[str, str]:
    answer = httpx.post(
        f"{client.stack.url('admin')}/api/v1/auth/token",
        data={"grant_type": "client_credentials"},
        auth=account,
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_the_limit_of_an_account_is_one_for_all_services(client: Client) -> None:
    calls = list(_calls(client.stack, client.http).values())

    def answers() -> list[httpx.Response]:
        headers = _headers(client, _account(client, rate_limit=LIMIT))
        return [calls[number % len(calls)](headers) for number in range(LIMIT + len(calls))]

    minute, seen = time.time() // WINDOW, answers()
    while time.time() // WINDOW != minute:
        # The next minute began meanwhile, and with it another count.
        minute, seen = time.time() // WINDOW, answers()
    assert [answer.status_code == 429 for answer in seen] == [False] * LIMIT + [True] * len(calls)
    for answer in seen:
        assert answer.headers["ratelimit-policy"] == f'"default";q={LIMIT};w={WINDOW}'
        assert answer.headers["ratelimit"].startswith('"default";r=')
    for refused in seen[LIMIT:]:
        assert refused.json()["code"] == "quota_exceeded"
        assert 0 < int(refused.headers["retry-after"]) <= WINDOW


def test_an_account_that_is_suspended_is_out_everywhere_within_ten_seconds(client: Client) -> None:
    account = _account(client)
    headers = _headers(client, account)
    calls = _calls(client.stack, client.http)
    for name, call in calls.items():
        assert call(headers).status_code not in {401, 403, 429}, name
    assert client.admin("POST", f"{ACCOUNTS}/{account[0]}/suspend").is_success
    eventually(lambda: {call(headers).status_code for call in calls.values()} == {401}, seconds=10)

    assert client.admin("POST", f"{ACCOUNTS}/{account[0]}/activate").is_success
    again = _headers(client, account)
    eventually(
        lambda: not {401, 403} & {call(again).status_code for call in calls.values()}, seconds=10
    )
    assert {call(headers).status_code for call in calls.values()} == {401}


@contextmanager
def _calling(client: Client, tokens: list[dict[str, str]]) -> Iterator[dict[str, list[int]]]:
    """Call every service but Admin all the time while the block lasts; yield the statuses."""
    seen: dict[str, list[int]] = {"ingester": [], "query": [], "se-01": []}
    over = threading.Event()

    def call(name: str) -> None:
        with httpx.Client(timeout=60) as http:
            ask = _calls(client.stack, http)[name]
            # Twenty a second: what is proved is that none fails, not that many are answered.
            while not over.wait(0.05):
                token = tokens[len(seen[name]) % len(tokens)]
                seen[name].append(ask(token).status_code)

    threads = [threading.Thread(target=call, args=(name,)) for name in seen]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _further(seen: dict[str, list[int]], count: int = 20) -> None:
    """Wait until every service was called so many times more."""
    enough = {name: len(statuses) + count for name, statuses in seen.items()}
    eventually(lambda: all(len(seen[name]) >= enough[name] for name in seen), seconds=60)


def test_no_service_refuses_a_good_token_while_keys_are_replaced_and_admin_is_away(
    client: Client,
) -> None:
    account = _account(client, rate_limit=None)
    tokens = [_headers(client, account)]
    with _calling(client, tokens) as seen:
        _further(seen)
        for _ in range(2):
            rotated = client.admin("POST", "signing-keys/rotate", immediately=True)
            assert rotated.status_code == 201, rotated.text
            tokens.append(_headers(client, account))
            _further(seen)
        client.stack.kill("admin")
        _further(seen)
        client.stack.launch("admin")
        client.stack.wait_until_ready("admin")
        tokens.append(_headers(client, account))
        _further(seen)
    answered = {status for statuses in seen.values() for status in statuses}
    assert not answered & {401, 403, 429}
    assert max(answered) < 500
