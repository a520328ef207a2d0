"""Grafana's own schema of dashboards, as its foundation SDK has it, against a dashboard's JSON."""

import json
import types
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# A number of TypeScript's, which knows one kind only.
_NUMBERS = (int, float)


def faults(document: dict[str, Any]) -> list[str]:
    """Name each field that Grafana does not know, and each value that is none of the field's."""
    plugins.register_default_plugins()
    dashboard = Dashboard.from_json(document)
    known = json.loads(JSONEncoder().encode(dashboard))
    return [*_unknown(document, known, ""), *_wrong(dashboard, Dashboard, "")]


def _unknown(given: object, known: object, path: str) -> Iterator[str]:
    """What the SDK reads and writes again is all that it knows."""
    if isinstance(given, dict) and isinstance(known, dict):
        for name, value in given.items():
            if name in known:
                yield from _unknown(value, known[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is unknown"
    elif isinstance(given, list) and isinstance(known, list):
        for number, (one, other) in enumerate(zip(given, known, strict=True)):
            yield from _unknown(one, other, f"{path}[{number}]")


def _wrong(value: object, hint: object, path: str) -> Iterator[str]:
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        yield from _wrong_among(value, get_args(hint), path)
    elif origin is Literal:
        if value not in get_args(hint):
            yield f"{path} is {value!r}"
    elif origin is list or origin is dict:
        for key, item in _items(value):
            yield from _wrong(item, get_args(hint)[-1], f"{path}[{key}]")
    elif isinstance(hint, type):
        yield from _wrong_one(value, hint, path)


def _items(value: object) -> Iterable[tuple[object, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _wrong_among(value: object, kinds: Sequence[object], path: str) -> Iterator[str]:
    own: list[object] = [kind for kind in kinds if kind is type(value)]
    possible = own or [kind for kind in kinds if kind is not type(None)]
    options = [list(_wrong(value, kind, path)) for kind in possible]
    if all(options):
        yield from min(options, key=len)


def _wrong_one(value: object, hint: type, path: str) -> Iterator[str]:
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        # The SDK leaves some documents as they are.
        given, value = value, hint.from_json(value)
        yield from _unknown(given, json.loads(JSONEncoder().encode(value)), path)
    if issubclass(hint, Enum):
        right = value in [member.value for member in hint]
    elif hint is float:
        right = isinstance(value, _NUMBERS) and not isinstance(value, bool)
    else:
        right = hint is object or isinstance(value, hint)
    if not right:
        yield f"{path} is {value!r}"
        return
    # What a panel's options are is known of the object, not of the field that holds it.
    for name, field in get_type_hints(type(value)).items() if hasattr(value, "to_json") else ():
        yield from _wrong(getattr(value, name), field, f"{path}.{name}")
