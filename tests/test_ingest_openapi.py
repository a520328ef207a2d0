"""What the ingester publishes of itself is true, whatever a generator makes of it."""

from typing import Any, TypeAlias

import pytest
import schemathesis
from artstore_user import eventually, staged
from hypothesis import HealthCheck, Phase, given, settings
from ingest_user import Account
from schemathesis import GenerationMode
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

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


def try_out(operation: Operation, mode: GenerationMode, account: Account) -> None:
    """Send generated requests, half of them to a file that is there."""
    file_id = account.store()["file_id"]

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
                case.path_parameters["file_id"] = file_id
            headers = {"Authorization": account.http.headers["Authorization"]}
            case.call_and_validate(headers=headers, checks=CHECKS)

    conforms()


schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@pytest.mark.slow
def test_no_generated_request_meets_an_answer_that_is_not_documented(maria: Account) -> None:
    schema = schemathesis.openapi.from_url(f"{maria.stack.url('ingester')}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 6
    for operation in operations:
        try_out(operation, GenerationMode.POSITIVE, maria)
        if {"parameters", "requestBody"} & set(operation.definition.raw):
            try_out(operation, GenerationMode.NEGATIVE, maria)
    eventually(lambda: not staged(maria.stack))
