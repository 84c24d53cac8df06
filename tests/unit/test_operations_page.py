"""The page for operators names every figure that the code gives; the rules ask for no other and for labels that there are."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from billwright.insight.metrics_jobs import JobGroup, job_metrics
from billwright.insight.metrics_tenants import TenantFigures, tenant_metrics

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
RULES: Final[list[dict[str, Any]]] = [
    rule
    for group in yaml.safe_load((ROOT / "helm/billwright/files/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
SOURCES: Final = sorted((ROOT / "platform/billwright/insight").glob("metrics*.py"))
NAME: Final = re.compile(r"billwright_[a-z_]+[a-z]")
FROM_THE_SCRAPE: Final = {"instance", "pod"}


def given() -> set[str]:
    """Names in the code; a counter's gets its ending on the way out."""
    return {
        name + ("_total" if name == "billwright_requests" else "")
        for path in SOURCES
        for name in re.findall(r'"(billwright_[a-z_]+)"', path.read_text(encoding="utf-8"))
    }


def labels() -> dict[str, set[str]]:
    """Labels of the figures that have any, from one example of each."""
    states = ("queued", "retry", "leased", "dead")
    groups = [JobGroup("t", "q", state, "business", 2, 1, 5.0, 6.0) for state in states]
    figures = TenantFigures(
        read_at_s=0.0, breakers_open_s={"mail": [1.0]}, retries_left={"mail": 9}, waiting={"active": 1},
        oldest_s={"active": 2.0}, failed=1, attempts={"taken": 3},
        drafts={"held": 1},
        drafts_oldest_s={"held": 4.0},
        documents_stopped={"memory": 1},
    )  # fmt: skip
    found: list[Metric] = [*job_metrics(groups), *tenant_metrics({"t": figures}, 1.0)]
    return {metric.name: set(metric.samples[0].labels) for metric in found}


def test_the_page_names_every_figure_and_no_other() -> None:
    assert set(NAME.findall(PAGE)) == given()
    for name, theirs in labels().items():
        (shown,) = re.findall(rf"`{name}(?:\{{([a-z_,]+)\}})?` \|", PAGE)
        assert set(filter(None, shown.split(","))) == theirs, name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_figures_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    names = set(NAME.findall(rule["expr"]))
    assert names
    assert names <= given()
    known = set().union(*(labels().get(name, set()) for name in names)) | FROM_THE_SCRAPE
    grouped = re.findall(r"(?:by|without) \(([a-z, ]+)\)", rule["expr"])
    asked = [*grouped, *re.findall(r"([a-z_]+)=~?\"", rule["expr"])]
    assert {each.strip() for text in asked for each in text.split(",") if each.strip()} <= known
    assert set(re.findall(r"\$labels\.([a-z_]+)", rule["annotations"]["summary"])) <= known - FROM_THE_SCRAPE
    assert rule["labels"]["severity"] in {"warning", "critical"}
