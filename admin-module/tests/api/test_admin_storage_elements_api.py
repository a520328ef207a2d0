import httpx
import pytest

ELEMENTS = "/api/v1/storage-elements"


def _element(element_id: str, **more: object) -> dict[str, object]:
    return {"element_id": element_id, "url": f"http://{element_id}:8010", "mode": "edit", **more}


async def test_registering_again_refreshes_all_but_the_operators_priority(
    client: httpx.AsyncClient, as_module: dict[str, str], as_administrator: dict[str, str]
) -> None:
    new = await client.post(ELEMENTS, headers=as_module, json=_element("se-01", priority=7))
    assert new.status_code == 201
    assert new.headers["location"] == f"{ELEMENTS}/se-01"
    assert new.json()["priority"] == 7

    changed = await client.patch(
        f"{ELEMENTS}/se-01", headers=as_administrator, json={"priority": 1}
    )
    assert (changed.status_code, changed.json()["priority"]) == (200, 1)

    again = _element("se-01", priority=7, mode="rw", storage_type="s3")
    refreshed = await client.post(ELEMENTS, headers=as_module, json=again)
    assert refreshed.status_code == 200
    found = (await client.get(f"{ELEMENTS}/se-01", headers=as_module)).json()
    assert found == refreshed.json()
    assert (found["mode"], found["storage_type"], found["priority"]) == ("rw", "s3", 1)


async def test_a_registration_that_says_nothing_new_changes_nothing(
    client: httpx.AsyncClient, as_module: dict[str, str]
) -> None:
    first = await client.post(ELEMENTS, headers=as_module, json=_element("se-01"))
    second = await client.post(ELEMENTS, headers=as_module, json=_element("se-01"))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


async def test_pages_hold_every_element_once(
    client: httpx.AsyncClient, as_module: dict[str, str]
) -> None:
    names = [f"se-{number:02}" for number in range(5)] + ["se", "se-0-a"]
    for name in names:
        await client.post(ELEMENTS, headers=as_module, json=_element(name))

    seen: list[str] = []
    params: dict[str, str] | None = {"limit": "3"}
    while params:
        page = (await client.get(ELEMENTS, headers=as_module, params=params)).json()
        assert len(page["items"]) <= 3
        seen += [item["element_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        params = {"limit": "3", "cursor": cursor} if cursor else None

    assert seen == sorted(names)


async def test_a_removed_element_is_gone_and_an_unknown_one_is_not_found(
    client: httpx.AsyncClient, as_module: dict[str, str], as_administrator: dict[str, str]
) -> None:
    await client.post(ELEMENTS, headers=as_module, json=_element("se-01"))
    removed = await client.delete(f"{ELEMENTS}/se-01", headers=as_administrator)
    assert (removed.status_code, removed.content) == (204, b"")

    answers = [
        await client.get(f"{ELEMENTS}/se-01", headers=as_module),
        await client.delete(f"{ELEMENTS}/se-01", headers=as_administrator),
        await client.patch(f"{ELEMENTS}/se-01", headers=as_administrator, json={"priority": 1}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert {answer.json()["code"] for answer in answers} == {"not_found"}


NO_ELEMENTS: list[tuple[str, str, object]] = [
    ("POST", ELEMENTS, {"element_id": "se-01"}),
    ("POST", ELEMENTS, _element("UPPER")),
    ("POST", ELEMENTS, _element("nul\0")),
    ("POST", ELEMENTS, _element("se-01", url="file:///etc/passwd")),
    ("POST", ELEMENTS, _element("se-01", mode="open")),
    ("POST", ELEMENTS, _element("se-01", priority=-1)),
    ("POST", ELEMENTS, []),
    ("PATCH", f"{ELEMENTS}/se-01", {"priority": 10_001}),
    ("PATCH", f"{ELEMENTS}/se-01", {"priority": 1, "mode": "rw"}),
    ("PATCH", f"{ELEMENTS}/se-01", {}),
    ("GET", f"{ELEMENTS}/UPPER", None),
    ("GET", f"{ELEMENTS}/a%00", None),
    ("GET", f"{ELEMENTS}?limit=0", None),
    ("GET", f"{ELEMENTS}?limit=1001", None),
    ("GET", f"{ELEMENTS}?cursor=%00", None),
    ("GET", f"{ELEMENTS}?cursor=%ff", None),
]


async def test_what_is_no_element_is_unprocessable(
    client: httpx.AsyncClient, as_administrator: dict[str, str], subtests: pytest.Subtests
) -> None:
    for method, path, body in NO_ELEMENTS:
        with subtests.test(f"{method} {path} {body}"):
            answer = await client.request(method, path, headers=as_administrator, json=body)
            assert answer.status_code == 422, answer.text
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_nobody_would_send_is_too_large_even_without_a_token(
    client: httpx.AsyncClient,
) -> None:
    body = b'{"element_id": "' + b"x" * 100_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    answer = await client.post(ELEMENTS, headers=headers, content=body)
    assert answer.status_code == 413
