"""Dashboards and alerts speak of metrics that exist, and of pages that can be read."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_schema import faults
from prometheus_client import REGISTRY, CollectorRegistry

import admin_module.metrics
import artstore_kit.metrics
import ingester_module.metrics
import query_module.metrics
import storage_element.metrics
from stack import ROOT

MODULES = (admin_module, artstore_kit, ingester_module, query_module, storage_element)
MONITORING = ROOT / "monitoring"
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
RULES = MONITORING / "prometheus" / "alerts" / "artstore.yml"
RULE_TESTS = MONITORING / "prometheus" / "tests" / "artstore.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"

every_dashboard = pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)


def declared() -> set[str]:
    """Return every sample name that the services can expose."""
    registry: CollectorRegistry = REGISTRY
    names: set[str] = set()
    for metric in registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
        names |= {metric.name + suffix for suffix in suffixes.get(metric.type, ("",))}
    return {name for name in names if name.startswith("artstore_")}


def named_in(expression: str) -> set[str]:
    # A pattern over names, as the alert on breakers has, is spelt out.
    expression = re.sub(
        r"artstore_\(([a-z|]+)\)(\w+)",
        lambda found: " ".join(f"artstore_{word}{found[2]}" for word in found[1].split("|")),
        expression,
    )
    return set(re.findall(r"\bartstore_\w+", expression))


def panels(file: Path) -> list[dict[str, Any]]:
    return [item for item in json.loads(file.read_text())["panels"] if item["type"] != "row"]


def rules() -> Iterator[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return chain.from_iterable(group["rules"] for group in groups)


@every_dashboard
def test_every_metric_of_a_panel_is_declared(file: Path) -> None:
    for panel in panels(file):
        for target in panel["targets"]:
            assert named_in(target["expr"]) <= declared(), panel["title"]


@every_dashboard
def test_every_panel_says_its_unit_and_its_links_lead_somewhere(file: Path) -> None:
    for panel in panels(file):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for link in panel.get("links", []):
            assert (RUNBOOKS / link["url"].removeprefix("/public/runbooks/")).exists()


@every_dashboard
def test_grafana_knows_every_field_and_value_of_a_dashboard(file: Path) -> None:
    assert not faults(json.loads(file.read_text()))


def test_what_grafana_does_not_know_is_noticed() -> None:
    dashboard = json.loads(DASHBOARDS[0].read_text())
    [panel, *_] = dashboard["panels"]
    panel["options"]["colourMode"] = "value"
    panel["options"]["colorMode"] = "rainbow"
    panel["links"][0]["adress"] = "/public"
    panel["gridPos"]["w"] = "4"

    assert faults(dashboard) == [
        ".panels[0].options.colourMode is unknown",
        ".panels[0].grid_pos.w is '4'",
        ".panels[0].links[0].adress is unknown",
        ".panels[0].options.color_mode is 'rainbow'",
    ]


def test_every_metric_of_an_alert_is_declared() -> None:
    for rule in rules():
        assert named_in(rule["expr"]) <= declared(), rule["alert"]


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        page = ROOT / rule["annotations"]["runbook"]
        assert rule["alert"] in page.read_text().splitlines()[0]


def test_every_alert_is_tested_to_fire_and_to_stay_silent() -> None:
    cases = [
        (case["alertname"], bool(case.get("exp_alerts")))
        for test in yaml.safe_load(RULE_TESTS.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]

    for rule in rules():
        assert {fires for name, fires in cases if name == rule["alert"]} == {True, False}


def test_every_page_belongs_to_an_alert_and_is_deployed() -> None:
    pages = {page.name for page in RUNBOOKS.glob("*.md")}
    generated = yaml.safe_load((RUNBOOKS / "kustomization.yaml").read_text())

    assert pages == {Path(rule["annotations"]["runbook"]).name for rule in rules()}
    assert pages == set(generated["configMapGenerator"][0]["files"])


def test_no_label_can_take_a_value_without_bounds() -> None:
    unbounded = {"file_id", "filename", "path", "trace_id", "account", "uploaded_by"}
    for collector in list(REGISTRY._collector_to_names):  # noqa: SLF001 - it has no other listing
        labels = set(getattr(collector, "_labelnames", ()))
        assert not labels & unbounded, collector
