"""A cluster's part played by Docker: containers as the rendered manifests describe them.

Each runs its image with the command, environment, user, capabilities, limits and read-only root
that Kubernetes would give it, and is found by the names of the Services that select it. As in a
cluster all are started at once, and whatever ends too early is started again.
"""

import json
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from artstore_user import eventually
from manifests import Manifest, Pod

_SECONDS = 240
_MEGABYTE = 1024 * 1024


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["docker", *arguments], check=False, capture_output=True, text=True, timeout=_SECONDS
    )
    assert done.returncode == 0 or not check, f"docker {arguments}: {done.stderr}"
    return done.stdout


def logs_of(name: str) -> str:
    done = subprocess.run(
        ["docker", "logs", "--tail", "30", name], check=False, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def quantity(text: str) -> float:
    """Read a Kubernetes quantity: `500m` of a core, `512Mi` of memory."""
    units = {"m": 0.001, "Ki": 1024, "Mi": _MEGABYTE, "Gi": 1024 * _MEGABYTE, "": 1}
    number = text.rstrip("mKMGi")
    return float(number) * units[text[len(number) :]]


@dataclass
class Cluster:
    """The containers of one namespace, on a network of their own."""

    folder: Path
    objects: tuple[Manifest, ...]
    name: str = field(default_factory=lambda: f"artstore-k8s-{secrets.token_hex(4)}")

    def run(self, pod: Pod, container: Manifest, replica: str = "") -> str:
        """Start one container of a pod; return the name it has in Docker."""
        name = f"{self.name}-{pod.name}{replica}-{container['name']}"
        security, limits = container["securityContext"], container["resources"]["limits"]
        user = pod.spec["securityContext"]
        assert security["readOnlyRootFilesystem"]
        command = [
            *("run", "--detach", "--name", name, "--label", f"cluster={self.name}"),
            *("--network", self.name, "--read-only", "--security-opt", "no-new-privileges"),
            *(f"--cap-drop={capability}" for capability in security["capabilities"]["drop"]),
            *("--user", f"{user['runAsUser']}:{user['runAsGroup']}"),
            *("--group-add", str(user["fsGroup"])),
            f"--cpus={quantity(limits['cpu'])}",
            f"--memory={int(quantity(limits['memory']))}",
            *(f"--network-alias={alias}" for alias in self._aliases(pod)),
            *self._environment(pod, container),
            *self._mounts(pod, container),
            f"--volume={self._users(container['image'], user['runAsUser'])}:/etc/passwd:ro",
        ]
        if pod.owner["kind"] in {"Deployment", "StatefulSet"}:
            command.append("--restart=always")
        words = container.get("command", [])
        entrypoint = [f"--entrypoint={words[0]}"] if words else []
        docker(*command, *entrypoint, container["image"], *words[1:], *container.get("args", []))
        return name

    def complete(self, pod: Pod) -> None:
        """Run the containers of a Job one after the other, each again until it succeeds."""
        for container in [*pod.spec.get("initContainers", []), *pod.spec["containers"]]:
            deadline = time.monotonic() + _SECONDS
            while True:
                name = self.run(pod, container)
                code = docker("wait", name).strip()
                output = logs_of(name)
                docker("rm", "--force", "--volumes", name)
                if code == "0":
                    break
                assert time.monotonic() < deadline, f"{pod.name} ended with {code}: {output}"

    def address(self, name: str) -> str:
        found: dict[str, Any] = json.loads(docker("inspect", name))[0]
        return str(found["NetworkSettings"]["Networks"][self.name]["IPAddress"])

    def probed(self, pod: Pod, name: str, probe: str) -> bool:
        """Ask one of a pod's probes, as the kubelet does."""
        asked = pod.container[probe]
        if "exec" in asked:
            words = asked["exec"]["command"]
            command = ["docker", "exec", name, *words]
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        [port] = [port["containerPort"] for port in pod.container["ports"]]
        try:
            url = f"http://{self.address(name)}:{port}{asked['httpGet']['path']}"
            return httpx.get(url, timeout=asked.get("timeoutSeconds", 1)).is_success
        except httpx.HTTPError:
            return False

    def watch(self, pod: Pod, name: str, probe: str, until: threading.Event) -> None:
        """Ask a probe as often as the kubelet does; fail where it would act on the answers."""
        asked, failures = pod.container[probe], 0
        while not until.wait(asked["periodSeconds"]):
            failures = 0 if self.probed(pod, name, probe) else failures + 1
            assert failures < asked["failureThreshold"], f"{name} fails its {probe}"

    @staticmethod
    def starts(name: str) -> tuple[int, bool]:
        """Return how often a container was started again, and whether for want of memory."""
        found: dict[str, Any] = json.loads(docker("inspect", name))[0]
        return int(found["RestartCount"]), bool(found["State"]["OOMKilled"])

    def wait_until_ready(self, pod: Pod, name: str) -> None:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            try:
                eventually(lambda probe=probe: self.probed(pod, name, probe), _SECONDS)  # type: ignore[misc]
            except AssertionError:
                message = f"{name} fails its {probe}:\n{logs_of(name)}"
                raise AssertionError(message) from None

    def stop(self, pod: Pod, name: str) -> float:
        """End a container as the kubelet does; return how many seconds it took, killing none."""
        for words in self._before_stop(pod):
            docker("exec", name, *words, check=False)
        begun = time.monotonic()
        grace = pod.spec.get("terminationGracePeriodSeconds", 30)
        docker("stop", "--time", str(grace), name)
        state: dict[str, Any] = json.loads(docker("inspect", name))[0]["State"]
        assert not state["OOMKilled"], name
        assert state["ExitCode"] != 137, f"{name} had to be killed"
        docker("rm", "--volumes", name)
        return time.monotonic() - begun

    @staticmethod
    def _before_stop(pod: Pod) -> list[list[str]]:
        hook = pod.container.get("lifecycle", {}).get("preStop", {})
        return [hook["exec"]["command"]] if "exec" in hook else []

    def _aliases(self, pod: Pod) -> list[str]:
        labels = pod.owner["spec"].get("template", {}).get("metadata", {}).get("labels", {})
        return [
            item["metadata"]["name"]
            for item in self.objects
            if item["kind"] == "Service" and item["spec"]["selector"].items() <= labels.items()
        ]

    @staticmethod
    def _environment(pod: Pod, container: Manifest) -> list[str]:
        environment = pod.environment(container=container)
        return [f"--env={name}={value}" for name, value in environment.items()]

    def _mounts(self, pod: Pod, container: Manifest) -> Iterator[str]:
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        claimed = {
            claim["metadata"]["name"] for claim in pod.owner["spec"].get("volumeClaimTemplates", [])
        }
        owner = pod.spec["securityContext"]["fsGroup"]
        for mount in container.get("volumeMounts", []):
            path, volume = mount["mountPath"], volumes.get(mount["name"], {})
            if "emptyDir" in volume:
                yield f"--tmpfs={path}:uid={owner},gid={owner},mode=0775"
            elif mount["name"] in claimed or "persistentVolumeClaim" in volume:
                claim = f"{pod.claimed_by}-{mount['name']}"
                yield f"--volume={self.volume(claim, owner)}:{path}:nocopy"
            else:
                files = self._files(pod, path, mount.get("subPath"), owner)
                yield f"--volume={files}:{path}:ro"

    def _users(self, image: str, user: int) -> Path:
        """Return the image's users and this one: a stand-in may number them in its own way."""
        listed = docker("run", "--rm", "--entrypoint=cat", image, "/etc/passwd")
        if f":x:{user}:" not in listed:
            listed += f"user:x:{user}:{user}::/tmp:/bin/sh\n"
        file = self.folder / f"passwd-{user}"
        file.write_text(listed)
        return file

    def volume(self, claim: str, owner: int) -> str:
        """Return the volume of a claim, made when it is first asked for and given to its group."""
        name = f"{self.name}-{claim}"
        if name not in docker("volume", "ls", "--quiet").split():
            docker("volume", "create", "--label", f"cluster={self.name}", name)
            give = ["sh", "-c", f"chown {owner}:{owner} /volume && chmod 2775 /volume"]
            docker(
                "run",
                "--rm",
                "--volume",
                f"{name}:/volume",
                "--user=0",
                "--entrypoint",
                give[0],
                "postgres:15",
                *give[1:],
            )
        return name

    def _files(self, pod: Pod, path: str, sub_path: str | None, owner: int) -> Path:
        folder = self.folder / pod.name / path.strip("/").replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        is_secret = path == "/run/secrets"
        for name, content in pod.mounted()[path].items():
            file = folder / name
            file.unlink(missing_ok=True)
            file.write_text(content)
            # As the kubelet lays them out: the group of the pod may read a secret, nobody else.
            os.chown(file, 0, owner)
            file.chmod(0o440 if is_secret else 0o644)
        os.chown(folder, 0, owner)
        folder.chmod(0o755)
        return folder / sub_path if sub_path else folder


@contextmanager
def cluster(folder: Path, objects: tuple[Manifest, ...]) -> Iterator[Cluster]:
    """Give an empty cluster; whatever was started in it is gone afterwards."""
    made = Cluster(folder, objects)
    docker("network", "create", "--label", f"cluster={made.name}", made.name)
    try:
        yield made
    finally:
        wanted = ["--filter", f"label=cluster={made.name}", "--quiet"]
        removals: Mapping[str, list[str]] = {
            "ps --all": ["rm", "--force", "--volumes"],
            "volume ls": ["volume", "rm", "--force"],
            "network ls": ["network", "rm"],
        }
        for listing, removal in removals.items():
            if found := docker(*listing.split(), *wanted).split():
                docker(*removal, *found)
