import json

import httpx
import pytest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def _problem(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    """Check what all problem documents share and return this one."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = response.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["type"] == f"urn:artstore:problem:{code}"
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == response.url.path
    assert document["trace_id"] == response.headers["x-trace-id"]
    return document


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    _problem(await client.get("/api/v1/nothing"), 404, "not_found")


async def test_a_wrong_method_is_told_which_methods_there_are(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/things/1")

    _problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, PUT, DELETE"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/things/secret-word", "path.number"),
        ("/api/v1/things/1?limit=99", "query.limit"),
        ("/api/v1/things/99999999999999999999999999999999999999x", "path.number"),
    ],
)
async def test_a_wrong_parameter_is_named_and_not_repeated(
    client: httpx.AsyncClient, path: str, field: str
) -> None:
    document = _problem(await client.get(path), 422, "invalid_fields")

    assert isinstance(document["errors"], list)
    assert [error["field"] for error in document["errors"]] == [field]
    assert "secret-word" not in json.dumps(document["errors"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"name": 7}', b'{"name": "\\ud800"}', b"[" * 10_000],
)
async def test_no_body_makes_it_our_fault(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.put(
        "/api/v1/things/200", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_service_error_carries_its_code_headers_and_extensions(
    client: httpx.AsyncClient,
) -> None:
    full = await client.put("/api/v1/things/1", json={"name": "a"})
    taken = await client.put("/api/v1/things/409", json={"name": "a"})

    assert _problem(full, 507, "no_space")["detail"] == "no room"
    assert full.headers["retry-after"] == "60"
    assert _problem(taken, 409, "thing_exists")["thing"] == "a"


async def test_an_unexpected_error_leaks_nothing(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/broken")

    _problem(response, 500, "internal_error")
    assert "horse" not in response.text
    assert "RuntimeError" not in response.text


async def test_an_answer_of_the_wrong_shape_is_our_fault(client: httpx.AsyncClient) -> None:
    _problem(await client.get("/api/v1/unserialisable"), 500, "internal_error")


async def test_an_answer_that_cannot_be_finished_is_broken_off(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/api/v1/broken-midway")


async def test_something_outside_that_is_away_is_worth_trying_again(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/api/v1/timeout")

    _problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) > 0


async def test_a_callers_trace_is_continued(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/nothing", headers={"traceparent": TRACEPARENT})

    assert response.headers["x-trace-id"] == TRACE
    assert response.json()["trace_id"] == TRACE


async def test_two_requests_have_two_traces(client: httpx.AsyncClient) -> None:
    first, second = [await client.get("/api/v1/things/1") for _ in range(2)]

    assert first.headers["x-trace-id"] != second.headers["x-trace-id"]
