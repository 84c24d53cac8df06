"""Grafana's dashboard asks for figures that ``/metrics`` gives, by labels that they have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from billwright.insight.metrics_jobs import JobGroup, job_metrics
from billwright.insight.metrics_tenants import TenantFigures, tenant_metrics

FILE: Final = Path(__file__).parents[2] / "helm/billwright/files/dashboard.json"
DASHBOARD: Final[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
NAME: Final = re.compile(r"billwright_[a-z_]+[a-z]")
FROM_THE_SCRAPE: Final = {"instance", "pod"}
ENDINGS: Final = ("_bucket", "_sum", "_count")


def questions() -> Iterator[tuple[str, str]]:
    """(title, expression) of everything that the dashboard asks for."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]


def legends() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"], target["legendFormat"]


def known_labels() -> dict[str, set[str]]:
    """Of one example of each figure that has labels."""
    groups = [JobGroup("t", "q", state, "business", 2, 1, 5.0, 6.0) for state in ("queued", "retry", "leased", "dead")]
    figures = TenantFigures(
        read_at_s=0.0, breakers_open_s={"mail": [1.0]}, retries_left={"mail": 9}, waiting={"active": 1},
        oldest_s={"active": 2.0}, failed=1, attempts={"taken": 3}, drafts={"held": 1},
        drafts_oldest_s={"held": 4.0},
        documents_stopped={"memory": 1},
    )  # fmt: skip
    found = [*job_metrics(groups), *tenant_metrics({"t": figures}, 1.0)]
    return {metric.name: set(metric.samples[0].labels) for metric in found}


@pytest.fixture
def exported(client: TestClient[Litestar]) -> dict[str, set[str]]:
    """Names that a scrape of a running app gives, and the labels of those that have any by now."""
    client.get("/v1/invoices")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        found.setdefault(family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_it_asks_for_figures_and_labels_that_a_scrape_gives(exported: dict[str, set[str]]) -> None:
    labels = {name: theirs | known_labels().get(name, set()) for name, theirs in exported.items()}
    for title, question in questions():
        names = set(NAME.findall(question))
        assert names, title
        assert names <= labels.keys(), title
        known = set[str]().union(*(labels[name] for name in names)) | FROM_THE_SCRAPE
        grouped = re.findall(r"(?:by|without) \(([a-z_, ]+)\)", question)
        asked = [*grouped, *re.findall(r"([a-z_]+)(?:=~|!=|=)\"", question)]
        assert {each.strip() for text in asked for each in text.split(",")} <= known, title


def test_a_legend_names_labels_that_are_left() -> None:
    """After ``by (...)`` no other label is there any more."""
    for question, legend in legends():
        kept = re.findall(r"by \(([a-z_, ]+)\)", question)
        names = set(re.findall(r"\{\{([a-z_]+)\}\}", legend))
        if kept:
            assert names <= {each.strip() for text in kept for each in text.split(",")}, question
        else:
            assert names <= set[str]().union(*(known_labels().get(name, set()) for name in NAME.findall(question)))


def test_figures_of_the_database_are_not_added_up_over_processes() -> None:
    """Each API process gives the same: they are made one before anything else is done with them."""
    for title, question in questions():
        for name in NAME.findall(question):
            if not name.startswith("billwright_request") and "label_values" not in question:
                single = f"max without (instance, pod) ({name}" in question
                assert single or re.search(rf"(?:min|max)\({name}\)", question), title


def test_what_the_issue_asks_for_is_there() -> None:
    named = {name for _, question in questions() for name in NAME.findall(question)}
    assert named >= {
        "billwright_jobs", "billwright_job_overdue_seconds", "billwright_job_leased_seconds", "billwright_jobs_retrying",
        "billwright_jobs_dead", "billwright_breaker_open_seconds", "billwright_webhook_attempts_last_hour",
        "billwright_drafts",
    }  # fmt: skip


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
