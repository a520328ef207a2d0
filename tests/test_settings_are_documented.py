"""`.env.example` and the compose files know every setting of every service, and no other.

A new setting needs two lines: one in `.env.example` (commented out, with its default and a word in
Russian), one in `docker-compose.backend.yml` (in the block of settings of its service).
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from compose_files import FILES, services
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

import admin_module.config
import ingester_module.config
import query_module.config
import storage_element.config
from artstore_kit.settings import ServiceSettings
from stack import ROOT

SERVICES: dict[str, type[ServiceSettings]] = {
    "admin-module": admin_module.config.Settings,
    "storage-element-01": storage_element.config.Settings,
    "storage-element-02": storage_element.config.Settings,
    "ingester-module": ingester_module.config.Settings,
    "query-module": query_module.config.Settings,
}
# The image says where to listen.
IN_THE_IMAGE = {"HOST", "PORT"}


def documented() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    found = [re.fullmatch(r"(?:# )?([A-Z][A-Z0-9_]*)=(.*)", line) for line in lines]
    pairs = [(match[1], match[2]) for match in found if match]
    assert len(pairs) == len(dict(pairs)), "a setting is documented twice"
    return dict(pairs)


def environment(service: str) -> dict[str, Any]:
    backend = services(ROOT / "docker-compose.backend.yml")
    variables: dict[str, Any] = backend[service]["environment"]
    return variables


def fields(service: str) -> dict[str, FieldInfo]:
    return {name.upper(): field for name, field in SERVICES[service].model_fields.items()}


def compose_variables() -> Iterator[str]:
    for file in FILES:
        text = re.sub(r"\$\$", "", file.read_text())
        yield from re.findall(r"\$\{([A-Z0-9_]+)", text)
        # A key without a value is passed on.
        yield from re.findall(r"^ +([A-Z][A-Z0-9_]+):$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_in_the_example(service: str) -> None:
    missing = sorted(fields(service).keys() - documented().keys())
    assert not missing


@pytest.mark.parametrize("service", SERVICES)
def test_compose_sets_or_passes_on_every_setting(service: str) -> None:
    set_there = {name.removesuffix("_FILE") for name in environment(service)}

    missing = sorted(fields(service).keys() - set_there - IN_THE_IMAGE)
    unknown = sorted(set_there - fields(service).keys())
    assert (missing, unknown) == ([], [])


def test_what_compose_files_ask_for_is_in_the_example() -> None:
    missing = sorted(set(compose_variables()) - documented().keys())
    assert not missing


def test_the_example_has_nothing_that_nobody_reads() -> None:
    settings = {name for service in SERVICES for name in fields(service)}

    unknown = sorted(documented().keys() - settings - set(compose_variables()))
    assert not unknown


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_passed_on_is_shown_with_its_default(service: str) -> None:
    example, known = documented(), fields(service)
    passed_on = [name for name, value in environment(service).items() if value is None]
    assert passed_on

    for name in passed_on:
        field, shown = known[name], example[name]
        default = field.get_default(call_default_factory=True)
        if shown:
            assert field.annotation is not None
            adapter: TypeAdapter[Any] = TypeAdapter(field.annotation)
            assert adapter.validate_python(shown) == default, name
        else:
            assert not default, f"{name}: {default} is its default"


def test_the_example_explains_itself_in_russian() -> None:
    text = (ROOT / ".env.example").read_text()
    comments = re.findall(r"^# (?![A-Z_0-9]+=)(.+)$", text, flags=re.MULTILINE)

    assert sum(bool(re.search("[а-я]", comment)) for comment in comments) > 60


def test_no_secret_has_a_value() -> None:
    secrets = re.compile(r"PASSWORD|SECRET|_KEY$|MODULE_ACCOUNTS")
    assert not [name for name, value in documented().items() if secrets.search(name) and value]
