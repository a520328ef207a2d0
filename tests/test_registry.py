"""Elements come into the registry, change their mode through Admin, and go silent."""

import json
from typing import Any

import pytest
from artstore_user import Client, eventually

# It waits until somebody has been silent for long.
pytestmark = pytest.mark.slow

ELEMENT, EDITABLE = "se-02", "se-01"


def _known(client: Client, element_id: str = ELEMENT) -> dict[str, Any]:
    answer = client.admin("GET", f"storage-elements/{element_id}")
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.fixture(autouse=True)
def _registered(client: Client) -> None:
    """Wait for the elements, which register themselves at start."""
    eventually(lambda: _known(client) and _known(client, EDITABLE))


def _published_mode(client: Client) -> str:
    with client.stack.valkey.client() as redis:
        document = json.loads(redis.hget("artstore:elements", ELEMENT) or "{}")
    return str(document.get("mode"))


def test_an_element_is_entered_by_what_it_says_at_its_url(client: Client) -> None:
    before = _known(client)
    client.stack.kill(ELEMENT)
    assert client.admin("DELETE", f"storage-elements/{ELEMENT}").status_code == 204
    url = client.stack.url(ELEMENT)
    assert client.admin("POST", "storage-elements/discover", url=url).status_code == 503

    client.stack.launch(ELEMENT)
    client.stack.wait_until_ready(ELEMENT)
    found = client.admin("POST", "storage-elements/discover", url=url)
    # It registers itself at start, and may have been quicker.
    assert found.status_code in {200, 201}
    assert found.headers["location"] == f"/api/v1/storage-elements/{ELEMENT}"
    said = ("element_id", "url", "mode", "storage_type", "priority")
    assert {name: found.json()[name] for name in said} == {name: before[name] for name in said}

    nobody = client.admin("POST", "storage-elements/discover", url=client.stack.url("admin"))
    assert (nobody.status_code, nobody.json()["code"]) == (422, "not_an_element")


def test_a_mode_that_admin_changes_is_published_at_once(client: Client) -> None:
    path = f"storage-elements/{ELEMENT}/mode"
    changed = client.admin("PUT", path, mode="ro")
    assert (changed.status_code, changed.json()["mode"]) == (200, "ro")
    eventually(lambda: _published_mode(client) == "ro", seconds=4)

    refused = client.admin("PUT", path, mode="rw")
    assert (refused.status_code, refused.json()["code"]) == (409, "confirmation_needed")
    assert _known(client)["mode"] == "ro"
    assert client.admin("PUT", path, mode="rw", confirm=True).json()["mode"] == "rw"
    eventually(lambda: _published_mode(client) == "rw", seconds=4)

    forbidden = client.admin("PUT", f"storage-elements/{EDITABLE}/mode", mode="ro")
    assert (forbidden.status_code, forbidden.json()["code"]) == (409, "transition_forbidden")
    assert client.admin("PUT", "storage-elements/none/mode", mode="ro").status_code == 404


def test_an_element_that_has_gone_silent_is_marked_until_it_is_back(client: Client) -> None:
    assert not _known(client)["stale"]
    client.stack.kill(ELEMENT)

    def is_stale() -> bool:
        # Nobody waits half a minute.
        client.stack.postgres.execute(
            "UPDATE storage_elements SET last_seen_at = now() - interval '40 seconds' "
            "WHERE element_id = 'se-02'",
            "admin",
        )
        return "artstore_admin_stale_elements 1.0" in _metrics(client)

    eventually(is_stale, seconds=60)
    assert _known(client)["stale"]
    assert not _known(client, EDITABLE)["stale"]
    assert client.admin("GET", "storage-elements").json()["items"][1]["stale"]

    client.stack.launch(ELEMENT)
    client.stack.wait_until_ready(ELEMENT)
    eventually(lambda: not _known(client)["stale"])
    eventually(lambda: "artstore_admin_stale_elements 0.0" in _metrics(client))


def test_an_element_whose_reports_are_lost_with_redis_is_asked_itself(client: Client) -> None:
    client.stack.valkey.stop()
    try:
        client.stack.postgres.execute("UPDATE storage_elements SET last_seen_at = NULL", "admin")
        eventually(lambda: not _known(client)["stale"] and not _known(client, EDITABLE)["stale"])
    finally:
        client.stack.valkey.start()


def _metrics(client: Client) -> str:
    return client.http.get(f"{client.stack.url('admin')}/metrics").text
