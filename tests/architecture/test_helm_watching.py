"""What the chart adds for those who watch: traces, and Grafana's dashboard."""

import json
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parents[2] / "helm" / "billwright"
TRACED: dict[str, Any] = {
    "config": {"tracing": {"endpoint": "http://collector.monitoring:4318", "percent": 10, "hosts": ["erp.example"]}},
    "secrets": {"otlpHeaders": {"name": "collector"}},
    "dashboards": {"enabled": True, "annotations": {"grafana_folder": "Billing"}},
}


def render(values: dict[str, Any], kind: str) -> dict[str, Any]:
    """Objects of one kind by name."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="demo", namespace="billing", is_install=True)
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    found = [each for text in texts for each in yaml.safe_load_all(text) if each]
    return {each["metadata"]["name"]: each for each in found if each["kind"] == kind}


def test_spans_reach_the_collector_from_api_and_workers_and_only_where_one_is_named() -> None:
    policy = render(TRACED, "NetworkPolicy")["demo-billwright-tracing"]["spec"]
    assert policy["podSelector"]["matchExpressions"][0]["values"] == ["api", "worker"]
    assert [rule["ports"][0]["port"] for rule in policy["egress"]] == [4318]
    assert "demo-billwright-tracing" not in render({}, "NetworkPolicy")

    data = render(TRACED, "ConfigMap")["demo-billwright"]["data"]
    assert {name: value for name, value in data.items() if "_TRACED_" in name or "_OTLP_" in name} == {
        "BILLWRIGHT_OTLP_ENDPOINT": "http://collector.monitoring:4318",
        "BILLWRIGHT_TRACED_PERCENT": "10",
        "BILLWRIGHT_TRACED_HOSTS": "erp.example",
    }
    assert "BILLWRIGHT_OTLP_ENDPOINT" not in render({}, "ConfigMap")["demo-billwright"]["data"]


def test_the_collectors_secret_is_mounted_where_spans_are_made() -> None:
    for name, deployment in render(TRACED, "Deployment").items():
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        named = {each["name"] for each in container["env"]}
        assert ("BILLWRIGHT_OTLP_HEADERS_FILE" in named) is not name.endswith("-dispatcher"), name


def test_grafana_finds_the_dashboard_where_it_is_wanted() -> None:
    found = render(TRACED, "ConfigMap")["demo-billwright-dashboards"]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "Billing"}
    file = (CHART / "files" / "dashboard.json").read_text(encoding="utf-8")
    assert json.loads(found["data"]["billwright.json"]) == json.loads(file)
    assert set(render({}, "ConfigMap")) == {"demo-billwright"}
