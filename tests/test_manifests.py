"""What `kubectl apply -k k8s/` would send is valid, and fits the services."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from fastapi import FastAPI
from manifests import MODULES, OVERLAYS, Pod, generated_secrets, lay_out, pods, rendered

import admin_module.app
import admin_module.config
import ingester_module.app
import ingester_module.config
import query_module.app
import query_module.config
import storage_element.app
import storage_element.config
from admin_module.domain.secrets import weakness
from artstore_kit.settings import ServiceSettings

SERVICES: dict[str, tuple[type[ServiceSettings], Callable[[Any], FastAPI]]] = {
    "admin-module": (admin_module.config.Settings, admin_module.app.create_app),
    "storage-element": (storage_element.config.Settings, storage_element.app.create_app),
    "ingester-module": (ingester_module.config.Settings, ingester_module.app.create_app),
    "query-module": (query_module.config.Settings, query_module.app.create_app),
}
# What no operator sets: where the image listens and keeps things, what production refuses, and the
# other way to name a key that comes from the Secret.
SETTLED = {"HOST", "PORT", "STATE_DIR", "STORAGE_PATH", "FAILPOINT", "JWT_PRIVATE_KEY_PATH"}
every_overlay = pytest.mark.parametrize("folder", OVERLAYS)
every_module = pytest.mark.parametrize("module", MODULES)


def module_pod(folder: str, module: str) -> Pod:
    [found] = [pod for pod in pods(folder) if pod.name == module]
    return found


def settings_of(
    folder: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ServiceSettings:
    for name, value in lay_out(module_pod(folder, module), tmp_path).items():
        monkeypatch.setenv(name, value)
    settings_class, _ = SERVICES[module]
    return settings_class()


@pytest.fixture
def apps(tmp_path: Path) -> dict[str, FastAPI]:
    """Each service as its container would run it."""
    built: dict[str, FastAPI] = {}
    for module, (_, create) in SERVICES.items():
        (tmp_path / module).mkdir()
        with pytest.MonkeyPatch.context() as patch:
            built[module] = create(settings_of("k8s", module, tmp_path / module, patch))
    return built


@every_overlay
@pytest.mark.parametrize("version", ["1.34", "1.37"])
def test_every_object_is_valid(folder: str, version: str) -> None:
    for item in rendered(folder):
        kubernetes_validate.validate(item, version, strict=True)


@every_overlay
@every_module
def test_a_module_starts_with_what_its_pod_is_given(
    folder: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(folder, module, tmp_path, monkeypatch)

    assert settings.environment == "production"
    given = module_pod(folder, module).environment()
    fields = {name.upper() for name in type(settings).model_fields}
    assert {name.removesuffix("_FILE") for name in given} - {"NUMBER"} <= fields


@every_overlay
@every_module
def test_every_setting_can_be_made_without_editing_a_deployment(folder: str, module: str) -> None:
    settings, _ = SERVICES[module]
    given = module_pod(folder, module).environment()
    settled = {
        name
        for name in settings.model_fields
        if given.get("STORAGE_TYPE") == "local" and name.startswith("storage_s3_")
    }

    missing = {name.upper() for name in settings.model_fields.keys() - settled}
    assert missing - SETTLED == {name.removesuffix("_FILE") for name in given} - {"NUMBER"}


@every_module
def test_what_a_secret_leaves_empty_is_off_and_what_it_fills_in_is_on(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = settings_of("k8s", module, tmp_path, monkeypatch)
    options = {
        "direct_grant_key": "g" * 32,
        "restore_webhook_secret": f"whsec_{b64encode(bytes(range(32))).decode()}",
    }
    options = {name: value for name, value in options.items() if hasattr(off, name)}
    assert options
    assert {getattr(off, name) for name in options} == {None}

    for name, value in options.items():
        file = tmp_path / name
        file.chmod(0o600)
        file.write_text(value)
    on = SERVICES[module][0]()

    assert {name: getattr(on, name).get_secret_value() for name in options} == options


def test_elements_on_volumes_do_not_share_a_database(tmp_path: Path) -> None:
    pod = module_pod("k8s/overlays/local-storage", "storage-element")
    first, second = pod.environment(1), pod.environment(2)

    for name in ("STORAGE_ELEMENT_ID", "STORAGE_URL", "DB_DATABASE", "MODULE_CLIENT_ID"):
        assert first[name] != second[name]
    accounts = dict(
        pair.split(":", 1) for pair in generated_secrets()["module_accounts"].split(",")
    )
    for environment in (first, second):
        secret = Path(environment["MODULE_CLIENT_SECRET_FILE"]).name
        account = environment["MODULE_CLIENT_ID"]
        assert pod.mounted()["/run/secrets"][secret] == accounts[account]


@every_module
def test_its_account_is_one_that_admin_makes(module: str) -> None:
    if module == "admin-module":
        return
    pod = module_pod("k8s", module)
    accounts = generated_secrets()["module_accounts"].split(",")
    secret = Path(pod.environment()["MODULE_CLIENT_SECRET_FILE"]).name

    pair = f"{pod.environment()['MODULE_CLIENT_ID']}:{pod.mounted()['/run/secrets'][secret]}"
    assert pair in accounts


def test_generated_secrets_are_strong_and_all_different() -> None:
    secrets = generated_secrets()

    assert "@" not in "".join(secrets.values())
    invented = {
        name: value for name, value in secrets.items() if value and not name.endswith("access_key")
    }
    assert not [name for name, value in invented.items() if weakness(value)]
    assert len(set(invented.values())) == len(invented)


@every_overlay
def test_every_pod_is_hardened(folder: str) -> None:
    for pod in pods(folder):
        security = pod.container["securityContext"]
        assert pod.spec["securityContext"]["runAsNonRoot"], pod.name
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security["readOnlyRootFilesystem"], pod.name
        assert not security["allowPrivilegeEscalation"], pod.name
        assert security["capabilities"] == {"drop": ["ALL"]}, pod.name
        assert pod.spec["automountServiceAccountToken"] == (pod.name == "prometheus"), pod.name


@every_module
def test_a_module_is_rolled_out_without_a_gap(module: str) -> None:
    pod = module_pod("k8s", module)
    spec = pod.owner["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert pod.container["resources"] == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }
    # The endpoints forget it, its requests end (application.py: 20 s), its connections close.
    wait = pod.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod.spec["terminationGracePeriodSeconds"] >= wait + 20 + 10


def test_probes_and_ports_are_those_of_the_service(apps: dict[str, FastAPI]) -> None:
    for module, app in apps.items():
        pod = module_pod("k8s", module)
        [port] = pod.container["ports"]
        paths = app.openapi()["paths"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = pod.container[probe]["httpGet"]
            assert asked["path"] in paths
            assert asked["port"] == port["name"]
        default = SERVICES[module][0].model_fields["port"].default
        assert port["containerPort"] == default
        assert pod.owner["spec"]["template"]["metadata"]["annotations"][
            "prometheus.io/port"
        ] == str(default)


def backends() -> list[tuple[str, str, str]]:
    """Return (host, prefix, service) of every path of every Ingress."""
    return [
        (rule["host"], path["path"], path["backend"]["service"]["name"])
        for item in rendered("k8s")
        if item["kind"] == "Ingress"
        for rule in item["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]


def leads_to(prefix: str, path: str) -> bool:
    """Match as `pathType: Prefix` does: whole segments."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def test_every_operation_is_reached_through_exactly_one_ingress_path(
    apps: dict[str, FastAPI],
) -> None:
    for module, app in apps.items():
        for path in app.openapi()["paths"]:
            # Probes are for the kubelet, not for the world.
            if path.startswith("/health/"):
                continue
            host = "elements." if module == "storage-element" else "artstore."
            found = [
                service
                for address, prefix, service in backends()
                if address.startswith(host) and leads_to(prefix, path)
            ]
            assert found == [module], path


def test_no_ingress_path_leads_nowhere(apps: dict[str, FastAPI]) -> None:
    for _, prefix, service in backends():
        paths = apps[service].openapi()["paths"]
        assert any(leads_to(prefix, path) for path in paths), prefix


@every_overlay
def test_every_image_is_pinned_and_every_service_has_pods(folder: str) -> None:
    for pod in pods(folder):
        tag = pod.container["image"].rpartition(":")[2]
        assert tag, pod.name
        assert tag != "latest", pod.name
    names = {pod.name for pod in pods(folder)}
    selected = {
        item["spec"]["selector"]["app.kubernetes.io/name"]
        for item in rendered(folder)
        if item["kind"] == "Service"
    }
    assert selected <= names
