"""The Helm chart and the image: what is rendered is valid, closed by default, and fits what the code reads."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions, major_minor

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "billwright"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSIONS = [major_minor(all_versions()[0]), kubernetes_validate.latest_version()]
TRACING = {"BILLWRIGHT_OTLP_ENDPOINT", "BILLWRIGHT_TRACED_PERCENT", "BILLWRIGHT_TRACED_HOSTS"}

TRIAL: dict[str, Any] = {
    "storage": {"kind": "emptyDir"},
    "networkPolicy": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
    "serviceAccount": {"create": False},
    "migration": {"enabled": False},
}
ELABORATE: dict[str, Any] = {
    "image": {"repository": "registry.example:5000/a/billwright", "digest": "sha256:" + "a" * 64},
    "fullnameOverride": "invoices",
    "secrets": {
        "smtp": {"name": "mail"},
        "databaseOwner": {"name": "owner"},
        "databaseCa": {"name": "ca"},
        "otlpHeaders": {"name": "collector"},
        "broker": {"name": "rabbit"},
        "revision": "2",
    },
    "config": {"tracing": {"endpoint": "http://collector.monitoring:4318", "percent": 10, "hosts": ["erp.example"]}},
    "storage": {"existingClaim": "kept"},
    "networkPolicy": {
        "smtp": {"to": [{"cidr": "2001:db8::/32"}]},
        "connectors": [],
        "prometheus": [],
        "broker": {"port": 5671},
    },
    "serviceAccount": {"create": False, "name": "given"},
    "podAnnotations": {"team": "billing"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "billing", "effect": "NoSchedule"}],
    "priorityClassName": "high",
    "ingress": {"enabled": True, "hosts": [{"name": "*.billing.example", "tlsSecretName": "wildcard"}]},
}
SCENARIOS = ["default", "northwind", "alpenrand", "trial", "elaborate"]
Object = dict[str, Any]


def values_of(scenario: str) -> Object:
    if scenario in {"trial", "elaborate"}:
        return TRIAL if scenario == "trial" else ELABORATE
    if scenario == "default":
        return {}
    return helm_python.values_from_yaml((CHART / f"values-{scenario}.yaml").read_text(encoding="utf-8"))


def render(values: Object) -> list[Object]:
    """Every object that an install with ``values`` would make, the hooks included."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="demo", namespace="billing", is_install=True)
    texts = (text for path, text in sorted(files.items()) if path.endswith(".yaml"))
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


@cache
def objects(scenario: str) -> list[Object]:
    return render(values_of(scenario))


def of_kind(scenario: str, kind: str) -> list[Object]:
    return [found for found in objects(scenario) if found["kind"] == kind]


def named(found: list[Object], suffix: str) -> Object:
    [only] = [each for each in found if each["metadata"]["name"].endswith(suffix)]
    return only


def workloads(scenario: str) -> list[Object]:
    return of_kind(scenario, "Deployment") + of_kind(scenario, "Job")


def labels_of(workload: Object) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def selected(scenario: str, selector: dict[str, str]) -> set[str]:
    """Names of the workloads whose pods a label selector matches."""
    return {w["metadata"]["name"] for w in workloads(scenario) if selector.items() <= labels_of(w).items()}


def environment(scenario: str, workload: Object) -> dict[str, str]:
    """What the container sees, its ConfigMap included."""
    container = workload["spec"]["template"]["spec"]["containers"][0]
    maps = {found["metadata"]["name"]: found["data"] for found in of_kind(scenario, "ConfigMap")}
    seen: dict[str, str] = {}
    for source in container.get("envFrom", []):
        seen |= maps[source["configMapRef"]["name"]]
    return seen | {entry["name"]: entry["value"] for entry in container["env"]}


@cache
def refusal(document: str, version: str) -> str | None:
    """Why Kubernetes ``version`` would refuse this object; cached because scenarios share most objects."""
    try:
        kubernetes_validate.validate(json.loads(document), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error)
    return None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_object_is_one_that_kubernetes_takes(scenario: str, version: str) -> None:
    for found in objects(scenario):
        assert refusal(json.dumps(found, sort_keys=True), version) is None, found["metadata"]["name"]
    names = [(found["kind"], found["metadata"]["name"]) for found in objects(scenario)]
    assert len(names) == len(set(names)) > 5


def test_the_strict_check_would_see_a_misspelt_field() -> None:
    service = json.loads(json.dumps(of_kind("default", "Service")[0]))
    service["spec"]["selektor"] = {}
    assert all(refusal(json.dumps(service), version) for version in VERSIONS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_lint_has_no_complaint(scenario: str) -> None:
    report = helm_python.lint(CHART, values_of(scenario), strict=True)
    assert [message for message in report["messages"] if message["severity"] > 1] == report["errors"] == []


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 3},
        {"api": {"replica": 3}},
        {"api": {"replicas": -1}},
        {"api": {"replicas": "two"}},
        {"api": {"resources": {"requests": {"cpu": "lots"}}}},
        {"api": {"resources": {"limits": {"memory": None}}}},
        {"secrets": {"database": {"name": ""}}},
        {"secrets": {"redis": None}},
        {"secrets": {"masterKey": {"value": "in the clear"}}},
        {"secrets": {"database": "postgresql://login:password@host/name"}},
        {"image": {"tag": "latest"}},
        {"image": {"digest": "sha256:short"}},
        {"config": {"baseUrl": "billing.example"}},
        {"config": {"baseUrl": "https://billing.example/"}},
        {"config": {"logLevel": "LOUD"}},
        {"config": {"tracing": {"endpoint": "collector:4318"}}},
        {"config": {"tracing": {"endpoint": "http://login:password@collector:4318"}}},
        {"config": {"tracing": {"percent": 101}}},
        {"config": {"tracing": {"hosts": ["https://erp.example"]}}},
        {"workers": {"core": {"queues": ["intake", "biling"]}}},
        {"workers": {"core": {"queues": []}}},
        {"workers": {"Core": {"queues": ["intake"]}}},
        {"storage": {"kind": "hostPath"}},
        {"service": {"targetPort": 80}},
        {"ingress": {"enabled": True}},
        {"ingress": {"enabled": True, "hosts": [{"name": "billing.example"}]}},
        {"ingress": {"enabled": True, "hosts": [{"name": "https://billing.example", "tlsSecretName": "t"}]}},
        {"networkPolicy": {"redis": {"to": []}}},
        {"networkPolicy": {"postgresql": {"to": [{"cidr": "10.0.0.0"}]}}},
        {"networkPolicy": {"postgresql": {"to": [{"cidr": "10.0.0.0/8", "namespace": "databases"}]}}},
    ],
    ids=json.dumps,
)
def test_wrong_values_are_refused(values: Object) -> None:
    with pytest.raises(helm_python.HelmValuesError):
        render(values)


def test_the_schema_is_closed_everywhere() -> None:
    def parts(schema: Any) -> Iterator[Object]:
        if isinstance(schema, dict):
            yield schema
        for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            yield from parts(part)

    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    described = [part for part in parts(schema) if part.get("type") == "object"]
    assert len(described) > 20
    for part in described:
        assert part.get("additionalProperties", True) is not True, part
        assert set(part.get("required", [])) <= set(part.get("properties", {})), part


def test_a_queue_that_nobody_serves_is_refused() -> None:
    with pytest.raises(helm_python.HelmRenderError, match="housekeeping"):
        render({"workers": {"collections": {"queues": ["collections"]}}})


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_pod_is_locked_down(scenario: str) -> None:
    for workload in workloads(scenario):
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        # Else a Service named "billwright" would set BILLWRIGHT_PORT to "tcp://...".
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        assert re.search(r":[^:/]+$", container["image"])
        assert not container["image"].endswith(":latest")
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert writable == {environment(scenario, workload)["BILLWRIGHT_HOME"], "/tmp"}
    accounts = of_kind(scenario, "ServiceAccount")
    assert [account["automountServiceAccountToken"] for account in accounts] == [False] * len(accounts)


def test_a_digest_wins_over_the_tag() -> None:
    images = {w["spec"]["template"]["spec"]["containers"][0]["image"] for w in workloads("elaborate")}
    assert images == {"registry.example:5000/a/billwright@sha256:" + "a" * 64}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_secrets_come_as_files_from_existing_secrets(scenario: str) -> None:
    assert of_kind(scenario, "Secret") == []
    for workload in workloads(scenario):
        pod = workload["spec"]["template"]["spec"]
        [volume] = [volume for volume in pod["volumes"] if volume["name"] == "secrets"]
        assert volume["projected"]["defaultMode"] == 0o440
        items = [item for source in volume["projected"]["sources"] for item in source["secret"]["items"]]
        [mount] = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "secrets"]
        files = {f"{mount['mountPath']}/{item['path']}" for item in items}
        named_files = {value for name, value in environment(scenario, workload).items() if name.endswith("_FILE")}
        assert files - named_files <= {f"{mount['mountPath']}/database-ca.crt"}
        assert named_files <= files


def names_that_settings_read() -> tuple[set[str], set[str]]:
    """(plain names, names that may also be given as ``NAME_FILE``) in kernel/settings.py."""
    tree = ast.parse((ROOT / "platform/billwright/kernel/settings.py").read_text(encoding="utf-8"))
    plain, secret = set[str](), set[str]()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        names = {text for text in texts if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", text)}
        (secret if isinstance(call.func, ast.Name) and call.func.id == "_secret" else plain).update(names)
    return plain, secret


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_pods_get_the_settings_that_the_code_reads(scenario: str) -> None:
    plain, secret = names_that_settings_read()
    allowed = plain | {f"{name}_FILE" for name in secret}
    always = plain - {"BILLWRIGHT_BASE_URL", "BILLWRIGHT_PRIVATE_HOSTS", "BILLWRIGHT_CLOCK_OFFSET_S"} | {
        "DATABASE_URL_FILE"
    }
    if scenario != "elaborate":
        always -= TRACING
    broker = "BILLWRIGHT_BROKER_URL_FILE" if scenario == "elaborate" else "REDIS_URL_FILE"
    running = {broker, "BILLWRIGHT_MASTER_KEY_FILE"}
    allowed -= {"BILLWRIGHT_BROKER_URL_FILE", "REDIS_URL_FILE"} - {broker}
    for workload in workloads(scenario):
        names = environment(scenario, workload).keys()
        assert always | (running if workload["kind"] == "Deployment" else set()) <= names <= allowed
    owners = {
        w["metadata"]["name"] for w in workloads(scenario) if "DATABASE_OWNER_URL_FILE" in environment(scenario, w)
    }
    assert {name.rpartition("-")[2] for name in owners} <= {"api", "migrate"}


def test_a_changed_setting_or_secret_restarts_the_pods() -> None:
    def checksums(values: Object) -> tuple[str, str]:
        deployment = named([found for found in render(values) if found["kind"] == "Deployment"], "-api")
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        return annotations["checksum/config"], annotations["checksum/secrets"]

    before, config, secret = (checksums(v) for v in ({}, {"config": {"poolSize": 9}}, {"secrets": {"revision": "2"}}))
    assert before[0] != config[0]
    assert before[1] == config[1] != secret[1]
    assert before[0] == secret[0]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_selectors_match_the_pods_that_are_meant(scenario: str) -> None:
    deployments = {found["metadata"]["name"]: found for found in of_kind(scenario, "Deployment")}
    [api] = [name for name in deployments if name.endswith("-api")]
    for name, deployment in deployments.items():
        assert selected(scenario, deployment["spec"]["selector"]["matchLabels"]) == {name}
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        for constraint in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert selected(scenario, constraint["labelSelector"]["matchLabels"]) == {name}
    for service in of_kind(scenario, "Service"):
        closed = service["metadata"]["name"].endswith("-closed")
        assert ("selector" in service["spec"]) is not closed
        assert closed or selected(scenario, service["spec"]["selector"]) == {api}
    budgets = [
        selected(scenario, b["spec"]["selector"]["matchLabels"]) for b in of_kind(scenario, "PodDisruptionBudget")
    ]
    assert sorted(budgets, key=sorted) == (
        [] if scenario == "trial" else sorted(({name} for name in deployments), key=sorted)
    )


@pytest.mark.parametrize("scenario", [scenario for scenario in SCENARIOS if scenario != "trial"])
def test_network_is_closed_but_for_what_is_needed(scenario: str) -> None:
    policies = of_kind(scenario, "NetworkPolicy")
    everyone = {w["metadata"]["name"] for w in workloads(scenario)}
    deny = named(policies, "-deny")["spec"]
    assert selected(scenario, deny["podSelector"]["matchLabels"]) == everyone
    assert deny == {"podSelector": deny["podSelector"], "policyTypes": ["Ingress", "Egress"]}
    for policy in policies:
        targets = selected(scenario, policy["spec"]["podSelector"]["matchLabels"])
        assert targets
        for rule in policy["spec"].get("ingress", []):
            assert {name.rpartition("-")[2] for name in targets} == {"api"}
            assert rule["from"]
            assert rule["ports"] == [{"protocol": "TCP", "port": "http"}]
        for rule in policy["spec"].get("egress", []):
            assert rule["to"]
            assert rule["ports"]
    stores = named(policies, "-stores")["spec"]
    assert selected(scenario, stores["podSelector"]["matchLabels"]) == everyone
    broker = 5671 if scenario == "elaborate" else 6379
    assert [rule["ports"][0]["port"] for rule in stores["egress"]] == [53, 5432, broker]
    if scenario != "default":
        outside = named(policies, "-outside")["spec"]["podSelector"]["matchLabels"]
        assert all("-worker-" in name for name in selected(scenario, outside))


@pytest.mark.parametrize("scenario", [scenario for scenario in SCENARIOS if scenario != "trial"])
def test_migrations_run_first_and_need_nothing_of_the_release(scenario: str) -> None:
    [job] = of_kind(scenario, "Job")
    policy = named(of_kind(scenario, "NetworkPolicy"), "-migrate")
    for hook in (job, policy):
        assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert "before-hook-creation" in hook["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    weights = [int(hook["metadata"]["annotations"]["helm.sh/hook-weight"]) for hook in (policy, job)]
    assert weights == sorted(weights)
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["migrate"]
    assert "envFrom" not in pod["containers"][0]
    assert {tuple(volume.keys() - {"name"}) for volume in pod["volumes"]} == {("emptyDir",), ("projected",)}
    made = {found["metadata"]["name"] for found in of_kind(scenario, "ServiceAccount")}
    assert pod["serviceAccountName"] not in made


@pytest.mark.parametrize("scenario", ["northwind", "alpenrand", "elaborate"])
def test_ingress_serves_the_partners_hosts_over_tls_and_hides_metrics(scenario: str) -> None:
    [ingress] = of_kind(scenario, "Ingress")
    hosts = [host["name"] for host in values_of(scenario)["ingress"]["hosts"]]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == hosts
    assert [host for tls in ingress["spec"]["tls"] for host in tls["hosts"]] == hosts
    services = {found["metadata"]["name"]: found["spec"] for found in of_kind(scenario, "Service")}
    for rule in ingress["spec"]["rules"]:
        behind = {path["path"]: services[path["backend"]["service"]["name"]] for path in rule["http"]["paths"]}
        assert "selector" not in behind["/metrics"]
        assert "selector" in behind["/"]


def test_the_api_alone_is_probed_and_scraped() -> None:
    for deployment in of_kind("default", "Deployment"):
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        probes = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
        scraped = "prometheus.io/scrape" in deployment["spec"]["template"]["metadata"]["annotations"]
        assert scraped is bool(probes) is (container["args"][0] == "api")
        assert not probes or (probes["livenessProbe"], probes["readinessProbe"]) == ("/health/live", "/health/ready")


def test_documents_outlive_an_uninstall() -> None:
    [claim] = of_kind("default", "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert of_kind("trial", "PersistentVolumeClaim") == of_kind("elaborate", "PersistentVolumeClaim") == []
