"""The API's description: complete, valid, and true of what the routes answer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # has no stubs
from litestar.routes import HTTPRoute

from support.api import Api

ROUTES = {
    "/v1/approvals": {"get": "listApprovals"},
    "/v1/audit": {"get": "listAuditEntries"},
    "/v1/contracts": {"get": "listContracts"},
    "/v1/contracts/{contract_id}": {"get": "getContract"},
    "/v1/customers": {"get": "listCustomers"},
    "/v1/customers/{customer_id}": {"get": "getCustomer"},
    "/v1/deliveries": {"get": "listDeliveries"},
    "/v1/deliveries/{delivery_id}/retry": {"post": "retryDelivery"},
    "/v1/disputes": {"get": "listDisputes"},
    "/v1/disputes/{dispute_id}/resolve": {"post": "resolveDispute"},
    "/v1/exceptions": {"get": "listExceptions"},
    "/v1/exceptions/{exception_id}": {"get": "getException"},
    "/v1/exceptions/{exception_id}/assign": {"post": "assignException"},
    "/v1/expenses": {"get": "listExpenses"},
    "/v1/expenses/{expense_id}": {"get": "getExpense"},
    "/v1/grants": {"get": "listGrants"},
    "/v1/grants/{grant_id}": {"delete": "revokeGrant"},
    "/v1/hooks/{connection}": {"post": "receiveHook"},
    "/v1/invoices": {"get": "listInvoices"},
    "/v1/invoices/{invoice_id}": {"get": "getInvoice"},
    "/v1/invoices/{invoice_id}/decisions": {"post": "decideInvoice"},
    "/v1/invoices/{invoice_id}/disputes": {"post": "openDispute"},
    "/v1/invoices/{invoice_id}/document": {"get": "getInvoiceDocument"},
    "/v1/invoices/{invoice_id}/einvoice": {"get": "getInvoiceEinvoice"},
    "/v1/invoices/{invoice_id}/submit": {"post": "submitInvoice"},
    "/v1/invoices/{invoice_id}/waivers": {"get": "showInvoiceWaivers", "post": "askWaiver"},
    "/v1/items": {"get": "listItems"},
    "/v1/items/{item_id}": {"get": "getItem"},
    "/v1/jobs": {"get": "listJobs"},
    "/v1/jobs/{job_id}": {"get": "getJob"},
    "/v1/jobs/{job_id}/retry": {"post": "retryJob"},
    "/v1/mailbox": {"get": "listMailbox"},
    "/v1/journal-entries": {"get": "listJournalEntries"},
    "/v1/journal-exports": {"get": "listJournalExports", "post": "exportJournal"},
    "/v1/journal-exports/{export_id}/file": {"get": "getJournalExportFile"},
    "/v1/me": {"get": "whoAmI"},
    "/v1/messages": {"get": "listMessages", "post": "storeMessages"},
    "/v1/messages/replay": {"post": "replayMessages"},
    "/v1/messages/retry": {"post": "retryMessages"},
    "/v1/messages/{message_id}": {"get": "getMessage"},
    "/v1/milestones": {"get": "listMilestones"},
    "/v1/milestones/{milestone_id}": {"get": "getMilestone"},
    "/v1/partners/{partner}/standings": {"get": "listStandings"},
    "/v1/partners/{partner}/tenants": {"get": "listTenants", "post": "applyTenant"},
    "/v1/partners/{partner}/tenants/{tenant_slug}": {"get": "showTenant"},
    "/v1/partners/{partner}/tenants/{tenant_slug}/grants": {"post": "grantAccess"},
    "/v1/partners/{partner}/tenants/{tenant_slug}/resume": {"post": "resumeTenant"},
    "/v1/partners/{partner}/tenants/{tenant_slug}/suspend": {"post": "suspendTenant"},
    "/v1/partners/{partner}/tokens": {"get": "listPartnerTokens", "post": "makePartnerToken"},
    "/v1/partners/{partner}/tokens/{token_id}": {"delete": "revokePartnerToken"},
    "/v1/payments": {"get": "listPayments", "post": "recordPayment"},
    "/v1/payments/{payment_id}/apply": {"post": "applyPayment"},
    "/v1/people/{person_id}/roles/{role}": {"put": "assignRole", "delete": "removeRole"},
    "/v1/postings": {"get": "listPostings"},
    "/v1/postings/{posting_id}/retry": {"post": "retryPosting"},
    "/v1/projects": {"get": "listProjects"},
    "/v1/projects/{project_id}": {"get": "getProject"},
    "/v1/receivables": {"get": "listReceivables"},
    "/v1/receivables/{receivable_id}": {"get": "showReceivable"},
    "/v1/receivables/{receivable_id}/write-offs": {"post": "askWriteOff"},
    "/v1/write-offs": {"get": "listWriteOffs"},
    "/v1/write-offs/{write_off_id}/decision": {"post": "decideWriteOff"},
    "/v1/reminders": {"get": "listReminders", "post": "sendReminder"},
    "/v1/reports/first-passes": {"get": "showFirstPasses"},
    "/v1/reports/payments": {"get": "showPaymentSpeed"},
    "/v1/reports/stages": {"get": "showStages"},
    "/v1/reports/standing": {"get": "showStanding"},
    "/v1/reports/trial-balance": {"get": "showTrialBalance"},
    "/v1/reports/unbilled": {"get": "showUnbilled"},
    "/v1/time-entries": {"get": "listTimeEntries"},
    "/v1/time-entries/{entry_id}": {"get": "getTimeEntry"},
    "/v1/tokens": {"get": "listTokens", "post": "makeToken"},
    "/v1/tokens/{token_id}": {"delete": "revokeToken"},
    "/v1/waivers": {"get": "listWaivers"},
    "/v1/waivers/{waiver_id}": {"get": "getWaiver"},
    "/v1/waivers/{waiver_id}/decide": {"post": "decideWaiver"},
    "/v1/worklist": {"get": "showWorklist"},
}
# Strangers send there: every refusal of a sender is one 401, whatever is wrong, and no key is kept for nobody.
HOOK = "/v1/hooks/{connection}"
EMPTY_HERE = {"/v1/jobs", "/v1/receivables", "/v1/waivers"}  # all is done, one draft waits for its purchase order
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
    """The schema of the answer when all is well; of any of them where several statuses say that it is."""
    answer = next(response for status, response in operation["responses"].items() if status.startswith("2"))
    return answer["content"]["application/json"]["schema"]


def answers_something(operation: Any) -> bool:
    """Every answer when all is well is nothing (204), a file, or JSON with a schema of its own."""
    good = {status: each for status, each in operation["responses"].items() if status.startswith("2")}
    return bool(good) and all(
        (status == "204" and "content" not in each)
        or {"application/pdf", "application/xml", "text/csv"} & each["content"].keys()
        or "$ref" in str(each["content"]["application/json"]["schema"])
        for status, each in good.items()
    )


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


def test_every_route_is_described_and_none_has_gone(api: Api) -> None:
    """A route may be added without a line here; one that goes or is renamed breaks somebody's client."""
    described: dict[str, dict[str, str]] = {}
    for path, method, operation in operations(description(api)):
        described.setdefault(path, {})[method] = operation["operationId"]
    assert {path: described.get(path, {}) | methods for path, methods in ROUTES.items()} == {
        path: described.get(path) for path in ROUTES
    }
    served = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in api.client.app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1/")
        for method in route.methods
        if method.lower() in METHODS
    }
    assert {(path, method) for path, methods in described.items() for method in methods} == served


def test_a_route_says_what_it_does_and_what_it_answers(api: Api) -> None:
    silent = [
        f"{method} {path}: {problem}"
        for path, method, operation in operations(description(api))
        for problem in left_unsaid(path, method, operation)
    ]
    assert silent == []


def left_unsaid(path: str, method: str, operation: Any) -> Iterator[str]:
    for name in ("summary", "description", "tags"):
        if not operation.get(name):
            yield f"no {name}"
    if operation["summary"].title().replace(" ", "") == operation["operationId"]:
        yield "the summary is only the handler's name"
    if not answers_something(operation):
        yield "no answer when all is well"
    refused = {status: each for status, each in operation["responses"].items() if not status.startswith("2")}
    expected = {"400", "401", "403"}
    if path != HOOK:
        expected |= {"404"} if "{" in path else set()
        expected |= {"409", "422"} if method == "post" else set()
    if missing := expected - set(refused):
        yield f"not said that it may answer {sorted(missing)}"
    for status, response in refused.items():
        schema = response["content"]["application/problem+json"]["schema"]
        if schema != {"$ref": "#/components/schemas/ProblemDocument"}:
            yield f"{status} is no problem document"


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
    assert len(lists) > 20
    for path in lists:
        if path == "/v1/grants":
            continue  # the last 200, all at once
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
        page = api.get(path, token=auditor, **parameters)
        check(path, page)
        details = re.compile(re.escape(path) + r"/{\w+}")
        one = next((other for other, more in ROUTES.items() if "get" in more and details.fullmatch(other)), None)
        if one is not None and path not in EMPTY_HERE:
            assert page["items"], path
        for item in page["items"] if one is not None else ():
            check(one or "", api.get(f"{path}/{item['id']}", token=auditor))
    Draft202012Validator(document["components"]["schemas"]["ProblemDocument"]).validate(
        api.get("/v1/items/garbage", expect=404)
    )
