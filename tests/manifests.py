"""Kubernetes' view of `k8s/`: what `kubectl` renders, and what a container then gets."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stack import ROOT

OVERLAYS = ("k8s", "k8s/overlays/local-storage")
MODULES = ("admin-module", "storage-element", "ingester-module", "query-module")

Manifest = dict[str, Any]


@cache
def rendered(folder: str) -> tuple[Manifest, ...]:
    """Return the objects that `kubectl apply -k` would send."""
    kubectl = Path(sys.executable).with_name("kubectl")
    output = subprocess.run(
        [kubectl, "kustomize", ROOT / folder], capture_output=True, check=True, text=True
    ).stdout
    return tuple(yaml.safe_load_all(output))


@cache
def generated_secrets() -> dict[str, str]:
    """Return what `k8s/secrets/generate.sh` puts into the Secret."""
    script = ROOT / "k8s" / "secrets" / "generate.sh"
    output = subprocess.run([script], capture_output=True, check=True, text=True).stdout
    data: dict[str, str] = yaml.safe_load(output)["stringData"]
    return data


@dataclass(frozen=True)
class Pod:
    """One container's pod, as a Deployment, StatefulSet or Job describes it."""

    owner: Manifest
    objects: tuple[Manifest, ...]

    @property
    def name(self) -> str:
        return str(self.owner["metadata"]["name"])

    @property
    def spec(self) -> Manifest:
        spec: Manifest = self.owner["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> Manifest:
        [container] = self.spec["containers"]
        return dict(container)

    @property
    def claimed_by(self) -> str:
        """Whose volume claims the pod uses: its own, or those that stand by themselves."""
        return self.name if self.owner["kind"] == "StatefulSet" else "claims"

    def environment(self, number: int = 1, container: Manifest | None = None) -> dict[str, str]:
        """Return a container's variables; `number` is the ordinal of a StatefulSet's pod."""
        described = container or self.container
        found: dict[str, str] = {}
        for source in described.get("envFrom", []):
            found |= self._object("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in described.get("env", []):
            value = variable.get("value", str(number))
            found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda m: found[m[1]], value)
        return found

    def mounted(self) -> dict[str, dict[str, str]]:
        """Return the files that ConfigMaps and the Secret put into the container, by folder."""
        volumes = {volume["name"]: volume for volume in self.spec.get("volumes", [])}
        containers = [*self.spec.get("initContainers", []), self.container]
        return {
            mount["mountPath"]: self._files(volumes[mount["name"]])
            for container in containers
            for mount in container.get("volumeMounts", [])
            if {"secret", "configMap"} & volumes.get(mount["name"], {}).keys()
        }

    def _files(self, volume: Manifest) -> dict[str, str]:
        if "configMap" in volume:
            return dict(self._object("ConfigMap", volume["configMap"]["name"])["data"])
        assert volume["secret"]["secretName"] == "artstore-secrets"
        return {
            item["path"]: generated_secrets()[item["key"]] for item in volume["secret"]["items"]
        }

    def _object(self, kind: str, name: str) -> Manifest:
        [found] = [
            item
            for item in self.objects
            if item["kind"] == kind and item["metadata"]["name"] == name
        ]
        return found


def pods(folder: str) -> list[Pod]:
    objects = rendered(folder)
    owners = [item for item in objects if item["kind"] in {"Deployment", "StatefulSet", "Job"}]
    return [Pod(owner, objects) for owner in owners]


def job(manifest: Manifest, objects: tuple[Manifest, ...]) -> Pod:
    """Return the pod of a Job, or of the Job that a CronJob makes."""
    if manifest["kind"] == "CronJob":
        made = {"metadata": manifest["metadata"], "kind": "Job"}
        return Pod({**made, "spec": manifest["spec"]["jobTemplate"]["spec"]}, objects)
    return Pod(manifest, objects)


def lay_out(pod: Pod, folder: Path, number: int = 1) -> dict[str, str]:
    """Write the pod's secrets into `folder`; return its environment, which names them there."""
    for name, content in pod.mounted()["/run/secrets"].items():
        file = folder / name
        file.write_text(content)
        file.chmod(0o400)
    return {
        name: value.replace("/run/secrets", os.fspath(folder))
        for name, value in pod.environment(number).items()
    }
