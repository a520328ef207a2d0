"""What Admin publishes of itself is true for every role, whatever a generator makes of it."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import httpx
import pytest
import schemathesis
from admin_routes import FILE, PUBLIC, ROUTES
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckContext
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.processes import free_port, spawn, stop

Case: TypeAlias = schemathesis.Case[Any]
Operation: TypeAlias = APIOperation[Any, Any, Any, Any]
Account = tuple[str, str]
Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]

ACCOUNTS = "/api/v1/service-accounts"
# What is there, so that not everything generated is met by a 404.
KNOWN = {"client_id": "victim", "element_id": "se-01", "transfer_id": FILE, "request_id": FILE}
THERE = (
    f"""
    INSERT INTO transfers (transfer_id, file_id, source, target, permanent, drained, scopes, size,
        state, grace_seconds)
    VALUES ('{FILE}', '{FILE}', 'se-01', 'se-02', false, false, '', 1, 'failed', 0)
    """,  # noqa: S608 - a UUID of our own
    f"""
    INSERT INTO restore_requests (request_id, file_id, element_id, account, askers, state, size,
        sha256)
    VALUES ('{FILE}', '{FILE}', 'se-01', 'root', ARRAY['root'], 'queued', 1, '')
    """,  # noqa: S608 - as above
)
# Nothing listens there: what needs the element is answered by a 503.
ELEMENT = {"element_id": "se-01", "url": "http://127.0.0.1:9", "mode": "rw"}


@pytest.fixture
def admin(admin_environment: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of Admin in a process of its own."""
    port = free_port()
    admin_environment.setenv("PORT", str(port))
    process = spawn([sys.executable, "-m", "admin_module"], env=os.environ)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        stop(process)


def _is_up(admin: httpx.Client) -> bool:
    try:
        return admin.get("/health/ready").is_success
    except httpx.TransportError:
        return False


def _token(admin: httpx.Client, account: Account) -> str:
    body = {"client_id": account[0], "client_secret": account[1]}
    answer = httpx.post(f"{admin.base_url}/api/v1/auth/token", json=body)
    token: str = answer.json()["access_token"]
    return token


def _created(admin: httpx.Client, client_id: str, role: Role) -> Account:
    body = {"client_id": client_id, "role": role, "rate_limit": None}
    answer = admin.post(ACCOUNTS, json=body)
    assert answer.status_code == 201, answer.text
    return client_id, answer.json()["client_secret"]


def documented_by_name(_context: CheckContext, response: schemathesis.Response, case: Case) -> None:
    """Fail on a status that the operation itself does not name ("4XX" names nothing)."""
    named = set(case.operation.definition.raw["responses"])
    assert str(response.status_code) in named, f"{case.operation.label}: {response.status_code}"


def no_error_of_ours(_context: CheckContext, response: schemathesis.Response, case: Case) -> None:
    """Fail on any 5xx but the one that says that the element, or a URL to discover, is away."""
    if response.status_code >= 500:
        assert response.status_code == 503, f"{case.operation.label}: {response.status_code}"
        assert response.json()["code"] in {"unavailable", "peer_unavailable"}


CHECKS = [
    no_error_of_ours,
    documented_by_name,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def _may(operation: Operation, role: Role) -> bool:
    path = operation.full_path
    return path.startswith(PUBLIC) or role in ROUTES[operation.method.upper(), path][1]


def _try_out(operation: Operation, mode: GenerationMode, role: Role, token: str) -> None:
    """Send generated requests, half of them for what is there."""
    may = _may(operation, role)

    @settings(
        max_examples=8 if role is Role.ADMIN else 2,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def conforms(case: Case) -> None:
        for known in (False, True):
            if known:
                there = {name: KNOWN[name] for name in case.path_parameters or {} if name in KNOWN}
                case.path_parameters = {**(case.path_parameters or {}), **there}
            headers = {"Authorization": f"Bearer {token}"}
            if role is Role.MODULE:
                headers |= {"ArtStore-Account": "somebody", "ArtStore-Scope": "files:read"}
            response = case.call_and_validate(headers=headers, checks=CHECKS)
            assert may or response.status_code >= 400, f"{role} may {operation.label}"

    conforms()


@pytest.mark.slow
@pytest.mark.parametrize("role", Role)
async def test_no_generated_request_meets_an_undocumented_answer_or_passes_a_scope(
    admin: httpx.Client,
    administrator_account: Account,
    execute: Execute,
    role: Role,
) -> None:
    await eventually(lambda: _is_up(admin), seconds=60)
    admin.headers["Authorization"] = f"Bearer {_token(admin, administrator_account)}"
    account = _created(admin, f"a-{role.lower()}", role)
    _created(admin, KNOWN["client_id"], Role.USER)
    assert admin.post("/api/v1/storage-elements", json=ELEMENT).status_code == 201
    for statement in THERE:
        await execute(statement)
    token = _token(admin, administrator_account if role is Role.ADMIN else account)

    schema = schemathesis.openapi.from_url(f"{admin.base_url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > len(ROUTES)
    for operation in operations:
        _try_out(operation, GenerationMode.POSITIVE, role, token)
        if {"parameters", "requestBody"} & set(operation.definition.raw):
            _try_out(operation, GenerationMode.NEGATIVE, role, token)
