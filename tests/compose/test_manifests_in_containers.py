"""What `k8s/` describes runs: each container exactly so, against real PostgreSQL, Redis and S3."""

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

import httpx
import pytest
import yaml
from artstore_user import Client, Installed, eventually
from compose.cluster import Cluster, cluster, docker
from manifests import MODULES, Pod, generated_secrets, job, pods, rendered

from stack import ROOT

# Several starts of a whole installation, on two cores.
pytestmark = pytest.mark.timeout(900)
INFRASTRUCTURE = ("postgres", "redis", "minio")
MONITORING = ("prometheus", "alertmanager", "grafana")
JOBS = ("init-databases", "minio-bucket")
# The element's replicas share a bucket; of the others one is like the next.
REPLICAS = {"storage-element": 2}
_DOWNLOADS = 12
_LARGE = 48 * 1024 * 1024
_CONTINUED = r"^artstore_query_continued_downloads_total (\S+)$"

Running = dict[str, list[str]]


def pod(name: str) -> Pod:
    [found] = [item for item in pods("k8s") if item.name == name]
    return found


def start(on: Cluster, *names: str) -> Running:
    return {
        name: [
            on.run(pod(name), pod(name).container, f"-{number}")
            for number in range(REPLICAS.get(name, 1))
        ]
        for name in names
    }


def wait_until_ready(on: Cluster, running: Running) -> None:
    for name, containers in running.items():
        for container in containers:
            on.wait_until_ready(pod(name), container)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Cluster]:
    # Users of containers reach the files in it, so the way there is open.
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    with cluster(tmp_path, rendered("k8s")) as made:
        yield made


def deploy(on: Cluster, *more: str) -> Running:
    """Start everything at once, as `kubectl apply` does, and wait until it is ready."""
    running = start(on, *MODULES, *INFRASTRUCTURE, *more)
    for name in JOBS:
        on.complete(pod(name))
    wait_until_ready(on, running)
    return running


@contextmanager
def using(on: Cluster, running: Running) -> Iterator[Client[Installed]]:
    """Give a user who has logged in."""
    ports = {"admin": 8000, "ingester": 8020, "query": 8030}
    urls = {
        name: f"http://{on.address(running[f'{name}-module'][0])}:{port}"
        for name, port in ports.items()
    }
    client = Client(Installed(urls, "admin", generated_secrets()["initial_client_secret"]))
    with client.http:
        client.log_in()
        yield client


def load(client: Client[Installed]) -> None:
    """Have large files come and go, and many small ones beside them that are searched for."""
    contents = [os.urandom(48 * 1024 * 1024) for _ in range(4)]
    with ThreadPoolExecutor(12) as twelve:
        small = [twelve.submit(a_small_file, client, number) for number in range(400)]
        uploads = [
            twelve.submit(client.upload, f"{number}.bin", content)
            for number, content in enumerate(contents)
        ]
        files = [upload.result().json()["file_id"] for upload in uploads]
        digests = list(twelve.map(client.digest_of, files))
        for done in small:
            done.result()
    assert digests == [hashlib.sha256(content).hexdigest() for content in contents]
    eventually(lambda: client.named("0.bin"))


def a_small_file(client: Client[Installed], number: int) -> None:
    content = os.urandom(4096)
    stored = client.upload(f"small {number}.txt", content)
    assert stored.status_code == 201, stored.text
    assert client.digest_of(stored.json()["file_id"]) == hashlib.sha256(content).hexdigest()
    client.found("small")
    client.token()


def test_everything_runs_within_its_limits_and_ends_in_time(empty: Cluster) -> None:
    running = deploy(empty, *MONITORING)
    # Until what they need was there, some ended and were started again.
    starts = {name: empty.starts(name) for name in chain.from_iterable(running.values())}

    with using(empty, running) as client, ThreadPoolExecutor(16) as kubelet:
        loaded = threading.Event()
        watched = [
            kubelet.submit(empty.watch, pod(name), container, probe, loaded)
            for name in MODULES
            for container in running[name]
            for probe in ("livenessProbe", "readinessProbe")
        ]
        try:
            load(client)
        finally:
            loaded.set()
        for watch in watched:
            watch.result()

    for name, containers in running.items():
        for container in containers:
            assert empty.starts(container) == starts[container], container
            # What stands in for Grafana where there is no registry does not listen to SIGTERM.
            if name == "grafana":
                continue
            grace = pod(name).spec.get("terminationGracePeriodSeconds", 30)
            assert empty.stop(pod(name), container) < grace


def test_a_lost_installation_comes_back_from_its_backup(empty: Cluster) -> None:
    running = deploy(empty)
    content = os.urandom(3 * 1024 * 1024)
    with using(empty, running) as client:
        stored = client.upload("kept.bin", content).json()
        account = {"client_id": "kept", "role": "USER"}
        made = client.http.post(
            f"{client.stack.url('admin')}/api/v1/service-accounts", json=account
        )
        assert made.status_code == 201, made.text
    [cron] = [item for item in rendered("k8s") if item["kind"] == "CronJob"]
    empty.complete(job(cron, rendered("k8s")))

    for name, containers in running.items():
        for container in containers:
            empty.stop(pod(name), container)
    for claim in ("postgres-data", "redis-data", "claims-data"):
        docker("volume", "rm", f"{empty.name}-{claim}")
    infrastructure = start(empty, *INFRASTRUCTURE)
    for name in JOBS:
        empty.complete(pod(name))
    wait_until_ready(empty, infrastructure)
    manifest = yaml.safe_load((ROOT / "k8s" / "backup" / "restore-job.yaml").read_text())
    empty.complete(job(manifest, rendered("k8s")))
    modules = start(empty, *MODULES)
    wait_until_ready(empty, modules)

    with using(empty, modules) as client:
        eventually(lambda: client.named("kept.bin"), 120)
        assert client.digest_of(stored["file_id"]) == hashlib.sha256(content).hexdigest()
        found = client.http.get(f"{client.stack.url('admin')}/api/v1/service-accounts/kept")
        assert found.status_code == 200, found.text


def test_a_replica_that_dies_takes_no_download_with_it(empty: Cluster) -> None:
    running = deploy(empty)
    content = os.urandom(_LARGE)
    with using(empty, running) as client, ExitStack() as downloads:
        stored = client.upload("large.bin", content).json()
        address = f"{client.stack.url('query')}/api/v1/files/{stored['file_id']}/content"
        # Each has begun; what is not read yet does not fit into what lies between.
        bodies = []
        for _ in range(_DOWNLOADS):
            answer = downloads.enter_context(client.http.stream("GET", address))
            bodies.append(answer.iter_bytes(64 * 1024))
        digests = [hashlib.sha256(next(body)) for body in bodies]
        docker("kill", running["storage-element"][0])

        for body, digest in zip(bodies, digests, strict=True):
            for chunk in body:
                digest.update(chunk)
        assert {digest.digest() for digest in digests} == {hashlib.sha256(content).digest()}
        metrics = httpx.get(f"{client.stack.url('query')}/metrics").text
        continued = re.search(_CONTINUED, metrics, re.MULTILINE)
        assert continued
        assert float(continued[1]) > 0
        # The one that is left answers by itself, and at once.
        assert client.digest_of(stored["file_id"]) == hashlib.sha256(content).hexdigest()
        assert client.upload("another.bin", b"another").status_code == 201
