"""What the query module publishes of itself is true, whatever a generator makes of it."""

import asyncio
from typing import Any, TypeAlias
from uuid import UUID

import httpx
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
from sqlalchemy.ext.asyncio import AsyncEngine

EXAMPLES = 40
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
FILE = str(UUID(int=1))


def try_out(operation: Operation, mode: GenerationMode, authorization: str) -> None:
    """Send generated requests, and each of them once more to a file that is there."""

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
        for known in (False, True):
            if known and "file_id" in (case.path_parameters or {}):
                case.path_parameters["file_id"] = FILE
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


async def test_no_generated_search_meets_an_answer_that_is_not_documented(
    query: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await enter(engine, [document.attributes for document in documents()[:50]])

    await asyncio.to_thread(try_all, str(query.base_url), query.headers["Authorization"])
