"""What the element publishes of itself is true, whatever a generator makes of it."""

import os
import sys
from collections.abc import Iterator
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import pytest
import schemathesis
from element_user import OWNER, described
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

from artstore_kit.testing.polling import eventually
from artstore_kit.testing.processes import free_port, spawn, stop

EXAMPLES = 20
Case: TypeAlias = schemathesis.Case[Any]
Operation: TypeAlias = APIOperation[Any, Any, Any, Any]


@pytest.fixture
def element(
    element_environment: pytest.MonkeyPatch, authorization: dict[str, str]
) -> Iterator[httpx.Client]:
    """A client of an element in a process of its own."""
    port = free_port()
    element_environment.setenv("PORT", str(port))
    # A number that is generated is more than this sooner than there is no room for it.
    element_environment.setenv("STORAGE_MAX_FILE_SIZE", "1MiB")
    process = spawn([sys.executable, "-m", "storage_element"], env=os.environ)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=authorization) as client:
            yield client
    finally:
        stop(process)


def is_up(element: httpx.Client) -> bool:
    try:
        return element.get("/health/ready").is_success
    except httpx.TransportError:
        return False


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


def stored(element: httpx.Client) -> str:
    file_id = str(uuid4())
    temporary = {"policy": "temporary", "expires_at": "2100-01-01T00:00:00Z"}
    answer = element.put(
        f"/api/v1/files/{file_id}", content=b"bytes", headers=described(retention=temporary)
    )
    assert answer.status_code == 201, answer.text
    return file_id


def begun(element: httpx.Client) -> str:
    upload_id = str(uuid4())
    file = {"filename": "a.bin", "uploaded_by": "maria"}
    new = {"upload_id": upload_id, "file": file, "length": 10}
    answer = element.post("/api/v1/uploads", json=new)
    assert answer.status_code == 201, answer.text
    return upload_id


def try_out(operation: Operation, mode: GenerationMode, element: httpx.Client) -> None:
    """Send generated requests, half of them to a file or an upload that is there."""
    there = {"file_id": stored(element), "upload_id": begun(element)}

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
        if "wait" in (case.query or {}):
            case.query["wait"] = 0
        for known in (False, True):
            if known and case.path_parameters:
                case.path_parameters.update(
                    {name: there[name] for name in there.keys() & case.path_parameters.keys()}
                )
            headers = {"Authorization": element.headers["Authorization"]}
            if known:
                headers |= {**OWNER, **described()}
            case.call_and_validate(headers=headers, checks=CHECKS)

    conforms()


@pytest.mark.slow
async def test_no_generated_request_meets_an_answer_that_is_not_documented(
    element: httpx.Client,
) -> None:
    await eventually(lambda: is_up(element), seconds=60)
    schema = schemathesis.openapi.from_url(f"{element.base_url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 15
    for operation in operations:
        try_out(operation, GenerationMode.POSITIVE, element)
        if {"parameters", "requestBody"} & set(operation.definition.raw):
            try_out(operation, GenerationMode.NEGATIVE, element)
