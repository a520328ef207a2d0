"""The compose files as documents, for tests that need no engine."""

from pathlib import Path
from typing import Any

import yaml

from stack import ROOT

FILES = sorted([*ROOT.glob("docker-compose*.yml"), *ROOT.glob("*/docker-compose*.yml")])


class Loader(yaml.SafeLoader):
    """Takes `!reset x` and `!override x` for x."""


def _value(loader: Loader, _tag: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


Loader.add_multi_constructor("!", _value)


def read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(file.read_text(), Loader)  # noqa: S506 - a safe loader
    return document


def services(*files: Path) -> dict[str, dict[str, Any]]:
    return {
        name: service for file in files for name, service in read(file).get("services", {}).items()
    }
