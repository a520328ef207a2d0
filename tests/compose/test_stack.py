"""The whole stack with two elements: used through its ports, watched, killed, scaled, removed."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, Installed, eventually
from compose.composing import FULL, SERVICES, Project, neighbouring_ports, project

MULTI = ("--profile", "multi-storage")
ALL_SERVICES = (*SERVICES, "storage-element-02")


@pytest.fixture(scope="module")
def running(fresh_clone: Path) -> Iterator[Project]:
    with project(fresh_clone) as made:
        made.up(FULL, *MULTI)
        yield made


@pytest.fixture
def user(running: Project) -> Client[Installed]:
    return running.client()


def get(running: Project, service: str, port: int, path: str) -> httpx.Response:
    [url] = running.published(service, port)
    return httpx.get(f"{url}{path}", timeout=30)


def test_files_go_to_disk_and_to_minio_and_come_back(user: Client[Installed]) -> None:
    content, word = uuid4().bytes * 100_000, f"слово{uuid4().hex}"
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    temporary = user.http.post(
        f"{user.stack.url('ingester')}/api/v1/ingest/files",
        params={"filename": f"{word}.tmp", "retention": "temporary", "expires_at": expires},
        content=content,
    ).json()
    permanent = user.upload(f"{word}.bin", content).json()

    assert (temporary["element_id"], permanent["element_id"]) == ("se-01", "se-02")
    for stored in (temporary, permanent):
        assert user.digest_of(stored["file_id"]) == stored["sha256"]
        part = user.get(f"/files/{stored['file_id']}/content", headers={"Range": "bytes=5-20"})
        assert (part.status_code, part.content) == (206, content[5:21])
    eventually(
        lambda: (
            {item["file_id"] for item in user.found(word)}
            == {temporary["file_id"], permanent["file_id"]}
        )
    )


def test_prometheus_reaches_everybody_and_no_alert_fires(
    running: Project, user: Client[Installed]
) -> None:
    def targets() -> dict[str, set[str]]:
        answer = get(running, "prometheus", 9090, "/api/v1/targets?state=active").json()
        found: dict[str, set[str]] = {}
        for target in answer["data"]["activeTargets"]:
            found.setdefault(target["labels"]["job"], set()).add(target["health"])
        return found

    jobs = ("admin-module", "storage-element", "ingester-module", "query-module")
    everybody = {*jobs, "prometheus", "alertmanager", "node"}
    eventually(lambda: targets() == {job: {"up"} for job in everybody}, seconds=90)
    alerts = get(running, "prometheus", 9090, "/api/v1/alerts").json()["data"]["alerts"]
    assert not [alert for alert in alerts if alert["state"] == "firing"]
    [rules] = [get(running, "prometheus", 9090, "/api/v1/rules").json()["data"]["groups"]]
    assert all(rule["health"] != "err" for group in rules for rule in group["rules"])
    alertmanager = get(running, "prometheus", 9090, "/api/v1/alertmanagers").json()["data"]
    assert alertmanager["activeAlertmanagers"]
    assert get(running, "alertmanager", 9093, "/-/ready").is_success


def test_grafana_loads_its_dashboards_and_every_panel_shows_something(
    running: Project, user: Client[Installed]
) -> None:
    assert get(running, "grafana", 3000, "/api/health").is_success
    what_is_rare_happens(running, user)

    def empty_panels() -> list[str]:
        report = get(running, "grafana", 3000, "/verify").json()
        assert not report["errors"]
        assert report["dashboards"]
        empty = [panel["expr"] for panel in report["panels"] if not panel["series"]]
        # A panel that shows only what passes a threshold may be empty, its measure may not.
        return [query for query in empty if not measured(running, query)]

    # A rate needs two scrapes.
    with suppress(AssertionError):
        eventually(lambda: not empty_panels(), seconds=120)
    assert not (empty := empty_panels()), "\n".join(empty)


def measured(running: Project, query: str) -> bool:
    path = f"/api/v1/query?query={quote(re.sub(r' > [0-9]+', '', query))}"
    return " > " in query and bool(get(running, "prometheus", 9090, path).json()["data"]["result"])


def what_is_rare_happens(running: Project, user: Client[Installed]) -> None:
    """An element dies amid an upload and is missed by the next; a secret gets a term.

    Between them, what is not rare: files are stored, found and fetched.
    """
    with slow_upload(user) as answers:
        running.compose(FULL, *MULTI, "kill", "storage-element-02")
    assert all(answer.status_code >= 500 for answer in answers)
    assert user.upload("nobody takes it.txt", b"bytes").status_code >= 500
    running.up(FULL, *MULTI)
    account = {"client_id": f"of-a-while-{uuid4().hex[:8]}", "role": "READONLY"}
    made = user.http.post(f"{user.stack.url('admin')}/api/v1/service-accounts", json=account)
    assert made.json()["secret_expires_at"]
    for number in range(3):
        stored = user.upload(f"for the dashboards {number}.txt", b"bytes").json()
        assert user.digest_of(stored["file_id"]) == stored["sha256"]
        user.found("dashboards")


@contextmanager
def slow_upload(user: Client[Installed]) -> Iterator[list[httpx.Response]]:
    """Have an upload under way, half sent, while the block lasts; then it goes on."""
    half, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        for number in range(200):
            yield bytes([number]) * 32_768
            if number == 100:
                half.set()
                go_on.wait(60)

    answers: list[httpx.Response] = []

    def send() -> None:
        with suppress(httpx.TransportError):
            answers.append(user.upload("slow.bin", slowly()))

    upload = threading.Thread(target=send)
    upload.start()
    try:
        assert half.wait(60)
        yield answers
    finally:
        go_on.set()
        upload.join()


def test_every_service_serves_metrics(running: Project) -> None:
    for service, port in zip(ALL_SERVICES, (8000, 8010, 8020, 8030, 8010), strict=True):
        assert "artstore_http_requests_total" in get(running, service, port, "/metrics").text


def test_logs_are_json_lines_without_secrets(running: Project, user: Client[Installed]) -> None:
    user.upload("a line in the log.txt", b"bytes")
    originals = running.compose(FULL, "run", "--rm", "secrets", "/secrets", "--show").stdout
    secrets = [line.partition("=")[2] for line in originals.splitlines()]
    assert all(len(secret) == 44 for secret in secrets)

    for service in ALL_SERVICES:
        lines = running.logs(service)
        assert lines
        for line in lines:
            assert json.loads(line)["service"] in {service, "storage-element"}
            assert not any(secret in line for secret in secrets)


def test_what_docker_shows_of_the_services_is_closed(running: Project) -> None:
    for service in ALL_SERVICES:
        for container in running.containers(service):
            host = container["HostConfig"]
            assert host["ReadonlyRootfs"]
            assert host["CapDrop"] == ["ALL"]
            assert host["Memory"] > 0
            assert container["Config"]["User"] == "10001:10001"
            variables = [entry.partition("=") for entry in container["Config"]["Env"]]
            assert not [
                name
                for name, _, value in variables
                if value and name.endswith(("PASSWORD", "SECRET", "KEY"))
            ]
    for container in running.containers():
        for bindings in container["NetworkSettings"]["Ports"].values():
            assert all(binding["HostIp"] == "127.0.0.1" for binding in bindings or [])


def test_a_stopped_service_first_ends_what_it_is_doing(
    running: Project, user: Client[Installed]
) -> None:
    stop = threading.Thread(target=running.compose, args=(FULL, "stop", "ingester-module"))
    [url] = running.published("ingester-module", 8020)

    with slow_upload(user) as answers:
        stop.start()
        eventually(lambda: refuses(url))
    stop.join()

    running.up(FULL, *MULTI)
    assert [answer.status_code for answer in answers] == [201]
    assert user.digest_of(answers[0].json()["file_id"]) == answers[0].json()["sha256"]


def refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}/health/live", timeout=2)
    except httpx.TransportError:
        return True
    return False


class Uploading:
    """Uploads small files without end, to either element, and remembers the acknowledged ones."""

    def __init__(self, user: Client[Installed]) -> None:
        self.user = user
        self.word = f"стойкость{uuid4().hex}"
        self.acknowledged: dict[str, bytes] = {}
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(n,)) for n in range(2)]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _work(self, worker: int) -> None:
        number = 0
        while not self.stopping.wait(0.05):
            number += 1
            content = uuid4().bytes * 1000
            query = {"filename": f"{self.word}-{worker}-{number}.bin"}
            if number % 2:
                expires = datetime.now(UTC) + timedelta(hours=1)
                query |= {"retention": "temporary", "expires_at": expires.isoformat()}
            try:
                answer = self.user.http.post(
                    f"{self.user.stack.url('ingester')}/api/v1/ingest/files",
                    params=query,
                    content=content,
                    timeout=30,
                )
            except httpx.TransportError:
                continue
            if answer.status_code == 201:
                self.acknowledged[answer.json()["file_id"]] = content

    def progresses(self) -> None:
        """Wait until uploads are acknowledged again."""
        before = len(self.acknowledged)
        eventually(lambda: len(self.acknowledged) > before + 3, seconds=120)


VICTIMS = ("redis", "postgres", "minio", *ALL_SERVICES)


@pytest.mark.timeout(900)
def test_any_of_them_may_be_killed_while_files_come_in(
    running: Project, user: Client[Installed]
) -> None:
    with Uploading(user) as uploading:
        uploading.progresses()
        for victim in VICTIMS:
            running.compose(FULL, *MULTI, "kill", victim)
            running.up(FULL, *MULTI)
            uploading.progresses()

    user.log_in()
    for file_id, content in uploading.acknowledged.items():
        answer = user.get(f"/files/{file_id}/content")
        assert (answer.status_code, answer.content) == (200, content), file_id
    eventually(lambda: uploading.acknowledged.keys() <= indexed(user, uploading.word), seconds=60)


def indexed(user: Client[Installed], word: str) -> set[str]:
    found: set[str] = set()
    cursor = None
    while True:
        query = {"mode": "partial", "q": word, "limit": "1000"} | (
            {"cursor": cursor} if cursor else {}
        )
        page = user.get("/search", params=query).json()
        found |= {item["file_id"] for item in page["items"]}
        if not (cursor := page["next_cursor"]):
            return found


SCALED = {"ADMIN": "admin-module", "INGESTER": "ingester-module", "QUERY": "query-module"}


def test_two_of_each_share_the_work(running: Project) -> None:
    for name in SCALED:
        running.settings[f"{name}_PUBLISHED_PORT"] = "{}-{}".format(*neighbouring_ports())
    running.up(FULL, *MULTI, scale=dict.fromkeys(SCALED.values(), 2))
    secret = running.installed().client_secret
    reached = [
        dict(zip(("admin", "ingester", "query"), urls, strict=True))
        for urls in zip(
            running.published("admin-module", 8000),
            running.published("ingester-module", 8020),
            running.published("query-module", 8030),
            strict=True,
        )
    ]
    assert len(reached) == 2
    users = [running.client(Installed(urls, "admin", secret)) for urls in reached]

    stored = {user.upload("from either.txt", b"either").json()["file_id"] for user in users}

    for user in users:
        eventually(lambda user=user: stored <= indexed(user, "from either"))  # type: ignore[misc]
    for name in SCALED:
        del running.settings[f"{name}_PUBLISHED_PORT"]


def test_the_data_survives_down_and_nothing_survives_the_removal(
    running: Project,
) -> None:
    stored = running.client().upload("kept.txt", b"kept").json()
    secret = running.installed().client_secret

    running.compose(FULL, *MULTI, "down")
    running.up(FULL, *MULTI)
    assert running.installed().client_secret == secret
    user = running.client()
    assert user.get(f"/files/{stored['file_id']}/content").content == b"kept"

    running.compose(FULL, *MULTI, "down", "--volumes")
    assert not running.left()


def test_production_does_not_start_without_secrets_of_its_own(composed: Project) -> None:
    composed.settings["ENVIRONMENT"] = "production"

    refused = composed.compose(FULL, "up", "--detach", "--wait", check=False)

    assert refused.returncode != 0
    [ended] = composed.containers("secrets")
    said = composed.run(["docker", "logs", ended["Id"]]).stderr
    assert "KEY_ENCRYPTION_KEY is not set" in said
    assert "POSTGRES_PASSWORD is not set" in said
    states = {container["State"]["Status"] for container in composed.containers("postgres")}
    assert states <= {"created"}
