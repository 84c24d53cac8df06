"""The API's description: complete, valid, and true of what the routes answer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # has no stubs

from billwright.approvals.api import CONTROLLERS as APPROVALS
from billwright.audit.api import CONTROLLERS as AUDIT
from billwright.billing.api import CONTROLLERS as BILLING
from billwright.canon.api import CONTROLLERS as CANON
from billwright.checks.api import CONTROLLERS as CHECKS
from billwright.jobs.api import CONTROLLERS as JOBS
from support.api import Api

OURS = (*CANON, *BILLING, *CHECKS, *APPROVALS, *JOBS, *AUDIT)
ROUTES = {
    "/v1/approvals": {"get": "listApprovals"},
    "/v1/audit": {"get": "listAuditEntries"},
    "/v1/contracts": {"get": "listContracts"},
    "/v1/contracts/{contract_id}": {"get": "getContract"},
    "/v1/customers": {"get": "listCustomers"},
    "/v1/customers/{customer_id}": {"get": "getCustomer"},
    "/v1/exceptions": {"get": "listExceptions"},
    "/v1/exceptions/{exception_id}": {"get": "getException"},
    "/v1/exceptions/{exception_id}/assign": {"post": "assignException"},
    "/v1/expenses": {"get": "listExpenses"},
    "/v1/expenses/{expense_id}": {"get": "getExpense"},
    "/v1/invoices": {"get": "listInvoices"},
    "/v1/invoices/{invoice_id}": {"get": "getInvoice"},
    "/v1/invoices/{invoice_id}/decisions": {"post": "decideInvoice"},
    "/v1/invoices/{invoice_id}/submit": {"post": "submitInvoice"},
    "/v1/items": {"get": "listItems"},
    "/v1/items/{item_id}": {"get": "getItem"},
    "/v1/jobs": {"get": "listJobs"},
    "/v1/jobs/{job_id}": {"get": "getJob"},
    "/v1/jobs/{job_id}/retry": {"post": "retryJob"},
    "/v1/milestones": {"get": "listMilestones"},
    "/v1/milestones/{milestone_id}": {"get": "getMilestone"},
    "/v1/projects": {"get": "listProjects"},
    "/v1/projects/{project_id}": {"get": "getProject"},
    "/v1/time-entries": {"get": "listTimeEntries"},
    "/v1/time-entries/{entry_id}": {"get": "getTimeEntry"},
}
METHODS = ("get", "put", "post", "delete", "patch")
COMPONENT_NAME = re.compile(r"[A-Za-z0-9._-]+")
Document = Mapping[str, Any]


def description(api: Api) -> Document:
    answer = api.client.get("/schema/openapi.json")
    assert answer.status_code == 200
    document: Document = answer.json()
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def everything(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from everything(part)
    elif isinstance(value, list):
        for part in value:
            yield from everything(part)


def resolve(document: Document, reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def success(operation: Any) -> Any:
    """The schema of the answer when all is well."""
    (answer,) = (response for status, response in operation["responses"].items() if status.startswith("2"))
    return answer["content"]["application/json"]["schema"]


def test_the_document_is_well_formed(api: Api) -> None:
    document = description(api)
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"]
    assert document["info"]["version"]
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for path, _, operation in operations(document):
        parameters = operation.get("parameters", [])
        places = [(parameter["in"], parameter["name"]) for parameter in parameters]
        assert len(places) == len(set(places)), path
        in_path = {name for place, name in places if place == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), path
        assert all(parameter["required"] for parameter in parameters if parameter["in"] == "path"), path
        assert all("schema" in parameter for parameter in parameters), path
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status), path
            assert response["description"], (path, status)


def test_every_reference_leads_somewhere_and_every_schema_is_one(api: Api) -> None:
    document = description(api)
    for each in everything(document):
        if isinstance(each.get("$ref"), str):
            assert resolve(document, each["$ref"]) is not None
    assert all(COMPONENT_NAME.fullmatch(name) for name in document["components"]["schemas"])
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            Draft202012Validator.check_schema(parameter["schema"])


def test_every_route_of_the_spine_is_described(api: Api) -> None:
    described = {
        path: {method: operation["operationId"] for at, method, operation in operations(description(api)) if at == path}
        for path in ROUTES
    }
    assert described == ROUTES
    handlers = [
        handler for controller in OURS for handler in vars(controller).values() if hasattr(handler, "http_methods")
    ]
    assert sum(len(methods) for methods in ROUTES.values()) == len(handlers)


@pytest.mark.parametrize("path", ROUTES)
def test_a_route_says_what_it_does_and_what_it_answers(api: Api, path: str) -> None:
    document = description(api)
    for method, operation in document["paths"][path].items():
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]
        assert "$ref" in success(operation)
        refused = {status: each for status, each in operation["responses"].items() if not status.startswith("2")}
        assert {"400", "401", "403"} <= set(refused)
        assert ("{" not in path) or "404" in refused
        assert method == "get" or {"409", "422"} <= set(refused)
        for response in refused.values():
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema["$ref"] == "#/components/schemas/ProblemDocument"


def test_bodies_are_typed(api: Api) -> None:
    document = description(api)
    for path, required in (
        ("/v1/invoices/{invoice_id}/decisions", {"decision", "content_sha256"}),
        ("/v1/exceptions/{exception_id}/assign", {"person"}),
    ):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        schema = resolve(document, body["$ref"])
        assert set(schema["required"]) == required
        assert required <= set(schema["properties"])


def test_lists_say_their_bounds(api: Api) -> None:
    document = description(api)
    lists = [path for path, methods in ROUTES.items() if any(name.startswith("list") for name in methods.values())]
    assert len(lists) == 12
    for path in lists:
        by_name = {each["name"]: each for each in document["paths"][path]["get"]["parameters"]}
        limit = by_name["limit"]["schema"]
        assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 200, 50), path
        assert "cursor" in by_name
        page = resolve(document, success(document["paths"][path]["get"])["$ref"])
        assert {"items", "next_cursor"} <= set(page["properties"])


def test_amounts_are_never_floats(api: Api) -> None:
    for name, schema in description(api)["components"]["schemas"].items():
        if name.endswith(("Out", "Detail")):
            kinds = [each.get("type") for each in everything(schema)]
            assert "number" not in kinds, name


def fill(api: Api) -> None:
    """One of everything that the routes show."""
    firm = api.firm
    firm.customer(po_required=True)
    firm.send("project", ref="P1", name="Bridge", code="BR", customer="C1")
    firm.contract(project="P1", billing="mixed")
    firm.send(
        "rate_card", ref="R1", contract="K1", currency="EUR", rates=[{"hourly": "90", "effective_from": "2026-01-01"}]
    )
    firm.milestone()
    firm.milestone("M2", number="2")
    firm.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Drawings", uri="https://dms.example/1")
    firm.send(
        "time_entry", ref="T1", contract="K1", person_name="Jo", worked_on="2026-02-03", hours="1", status="approved"
    )
    firm.send(
        "expense", ref="X1", contract="K1", person_name="Jo", spent_on="2026-02-04", amount="12.30", currency="EUR"
    )
    firm.accept()


def test_what_routes_answer_is_what_they_describe(api: Api) -> None:
    fill(api)
    document = description(api)
    auditor = api.person("auditor", "auditor")

    def check(path: str, body: Any) -> None:
        schema = {**success(document["paths"][path]["get"]), "components": document["components"]}
        Draft202012Validator(schema).validate(body)

    for path, methods in ROUTES.items():
        if "get" not in methods or "{" in path:
            continue
        parameters: dict[str, Any] = {"state": "queued"} if path == "/v1/jobs" else {}
        page = api.get(path, token=auditor if path == "/v1/audit" else None, **parameters)
        check(path, page)
        one = next((other for other in ROUTES if re.fullmatch(re.escape(path) + r"/{\w+}", other)), None)
        if one is not None and path != "/v1/jobs":
            assert page["items"], path
        for item in page["items"] if one is not None else ():
            check(one or "", api.get(f"{path}/{item['id']}"))
    Draft202012Validator(document["components"]["schemas"]["ProblemDocument"]).validate(
        api.get("/v1/items/garbage", expect=404)
    )
