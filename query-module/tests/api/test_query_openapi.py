"""What the query module publishes of itself is true, whatever a generator makes of it."""

import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
from search_documents import documents, enter

from artstore_kit import database
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.authorities import authorities
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.processes import free_port, spawn, stop
from artstore_kit.testing.tokens import TokenSigner
from query_module.config import Settings

EXAMPLES = 15
Case: TypeAlias = schemathesis.Case[Any]
Operation: TypeAlias = APIOperation[Any, Any, Any, Any]


def documented_by_name(_context: CheckContext, response: schemathesis.Response, case: Case) -> None:
    """Fail on a status that the operation itself does not name ("4XX" names nothing)."""
    named = set(case.operation.definition.raw["responses"])
    assert str(response.status_code) in named, f"{case.operation.label}: {response.status_code}"


CHECKS = [
    not_a_server_error,
    documented_by_name,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def try_out(operation: Operation, mode: GenerationMode, authorization: str) -> None:
    """Send generated requests."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def conforms(case: Case) -> None:
        case.call_and_validate(headers={"Authorization": authorization}, checks=CHECKS)

    conforms()


def try_all(url: str, authorization: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    searching = [one for one in operations if one.path.endswith(("/search", "/suggest"))]
    assert len(searching) == 3
    for operation in searching:
        try_out(operation, GenerationMode.POSITIVE, authorization)
        try_out(operation, GenerationMode.NEGATIVE, authorization)


@pytest_asyncio.fixture
async def origin(
    query_settings: Settings, environment: pytest.MonkeyPatch, signer: TokenSigner
) -> AsyncIterator[str]:
    """A query module in a process of its own: generators want the randomness of this one."""
    query_settings.state_dir.mkdir()
    (query_settings.state_dir / "jwks.json").write_text(json.dumps(await signer.keys()))
    port = free_port()
    environment.setenv("PORT", str(port))
    process = spawn([sys.executable, "-m", "query_module"], env=os.environ)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def is_up(origin: str) -> bool:
    try:
        return httpx.get(f"{origin}/health/ready", verify=authorities()).is_success
    except httpx.TransportError:
        return False


async def test_no_generated_search_meets_an_answer_that_is_not_documented(
    origin: str, query_settings: Settings, signer: TokenSigner
) -> None:
    await eventually(lambda: is_up(origin), seconds=60)
    engine = database.connect(query_settings)
    await enter(engine, [document.attributes for document in documents()[:50]])
    await engine.dispose()

    try_all(origin, f"Bearer {signer.token('reader', Role.READONLY)}")
