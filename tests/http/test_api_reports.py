"""Reports over HTTP: the same figures as on the pages, for those who may read them, counts only for partners."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant
from support.api import Api
from support.http import bearer
from support.pipeline import AUTOMATIC, Firm
from support.visitors import counted_statements

PATHS = ("standing", "stages", "unbilled", "payments", "first-passes")
LIST_STATEMENTS = 3
"""Token, tenant by host, and the list of tenants."""
EACH_STATEMENTS = 2


@pytest.fixture
def api(make_firm: Callable[[TenantConfiguration], Firm], open_api: Callable[[Firm], Api]) -> Api:
    """One invoice of EUR 10,000.00, due and overdue, and a milestone that waits."""
    firm = make_firm(
        TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False, payment_terms_days=1)
    )
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol")
    firm.accept()
    firm.milestone("M2", amount="2500.50")
    firm.clock.moment += timedelta(days=3)
    return open_api(firm)


def test_reports_tell_what_the_pages_tell(api: Api) -> None:
    standing = api.get("/v1/reports/standing")
    owed = [{"amount": "10000.00", "currency": "EUR"}]
    assert (standing["open"], standing["overdue"], standing["dso_days"]) == (owed, owed, {"EUR": 4})
    assert (standing["accuracy_percent"], standing["unbilled"], sum(standing["issued_per_day"])) == (100, [], 1)
    assert standing["last_day"] == {"issued": [], "paid": [], "exceptions": 0, "failed": 0, "disputes": []}
    stages = {each["stage"]: each for each in api.get("/v1/reports/stages")}
    assert (stages["check"]["passed"], stages["check"]["median_s"], stages["pay"]["now"]) == (1, 0, 1)
    (waiting,) = api.get("/v1/reports/unbilled")
    assert (waiting["state"], waiting["items"], waiting["amount"]["amount"]) == ("waiting", 1, "2500.50")
    (euro,) = api.get("/v1/reports/payments")
    assert (euro["dso_days"], euro["by_age"]["1_30"]["amount"], euro["median_days_to_pay"]) == (4, "10000.00", None)
    passes = api.get("/v1/reports/first-passes")
    assert passes == {"weeks": [{"starts_on": "2026-03-02", "issued": 1, "first_pass": 1}], "causes": []}


@pytest.mark.parametrize("path", PATHS)
def test_reports_need_their_permission_and_their_tenant(
    api: Api, make_tenant: Callable[..., Tenant], path: str
) -> None:
    narrow = api.person("narrow", "billing_clerk", scopes=frozenset({"invoice:read"}))
    refused = api.get(f"/v1/reports/{path}", token=narrow, expect=403)
    assert "report:read" in refused["detail"]
    stranger = api.people.token("far@other.example", "billing_clerk", tenant=make_tenant("Other Firm"))
    headers = bearer(stranger, billwright_tenant=api.firm.tenant.slug)
    assert api.client.get(f"/v1/reports/{path}", headers=headers).status_code == 404
    assert api.client.get(f"/v1/reports/{path}").status_code == 401


def test_a_partner_sees_counts_of_all_its_tenants_and_no_content(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    make_tenant("Zweite GmbH")
    path = f"/v1/partners/{api.people.partner_slug}/standings"
    support = api.people.token("support@partner.example", "support")
    with counted_statements(api.firm.database) as statements:
        answer = api.client.get(path, headers=bearer(support))
    assert answer.status_code == 200
    assert [each["name"] for each in answer.json()["items"]] == ["Acme Consulting", "Zweite GmbH"]
    assert "Client SA" not in answer.text
    assert len(statements) <= LIST_STATEMENTS + 2 * EACH_STATEMENTS, statements
    first = api.get(path, token=support, limit=1)
    (second,) = api.get(path, token=support, limit=1, cursor=first["next_cursor"])["items"]
    assert second["name"] == "Zweite GmbH"


def test_standings_need_health_and_are_of_one_partner(api: Api) -> None:
    billing = api.people.token("billing@partner.example", "billing")
    path = f"/v1/partners/{api.people.partner_slug}/standings"
    assert "health:read" in api.get(path, token=billing, expect=403)["detail"]
    support = api.people.token("support@partner.example", "support")
    api.get("/v1/partners/somebody-else/standings", token=support, expect=404)
    api.get(path, expect=404)  # a tenant's token knows no partner
