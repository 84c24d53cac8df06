"""The partner's home: figures without a grant for those who may see them, doors that lead where they say, few statements."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import update

from billwright.documents.store import FileStore
from billwright.identity.tables import AccessGrantRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.app import make_app
from billwright.web.portal.app import CONTROLLERS, problem_page
from billwright.web.services import Services
from support.http import PASSWORD, People, client_of, settings_for
from support.lists import entries, file_of, links
from support.pipeline import AUTOMATIC, Firm
from support.visitors import LogIn, Person, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]

HTML = {"accept": "text/html"}
HOME_STATEMENTS = 2
"""Session and all that is read with it, list of tenants."""
EACH_STATEMENTS = 2
"""Role and schema, figures and changes."""
Staff = Callable[..., TestClient[Litestar]]


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One overdue invoice of an hour ago, one draft that is held."""
    made = make_firm(
        TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False, payment_terms_days=1)
    )
    made.customer()
    made.contract()
    made.milestone()
    made.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol")
    made.accept()
    made.customer("C2", name="Held Ltd", po_required=True)
    made.contract("K2", customer="C2")
    made.milestone("M2", "K2")
    made.accept("M2", "K2")
    made.clock.moment += timedelta(hours=1)
    return made


@pytest.fixture
def staff(firm: Firm, people: People, tmp_path: Path) -> Iterator[Staff]:
    """``staff(role)``: somebody of the partner, logged in."""
    settings = settings_for(tmp_path)
    services = Services(
        settings=settings,
        database=firm.database,
        problem_page=problem_page,
        dependencies={"store": FileStore(settings.files)},
    )
    opened = []

    def enter(role: str) -> TestClient[Litestar]:
        context = client_of(make_app(services, CONTROLLERS))
        client = context.__enter__()
        opened.append(context)
        people.person(f"{role}@partner.example", role)
        form = {"email": f"{role}@partner.example", "password": PASSWORD}
        assert client.post(f"/p/{people.partner_slug}/login", data=form, headers=HTML).status_code == 303
        return client

    yield enter
    for context in reversed(opened):
        context.__exit__(None, None, None)


def test_the_home_tells_how_each_tenant_stands_and_what_changed(firm: Firm, staff: Staff) -> None:
    page = staff("support").get("/", headers=HTML).text
    for expected in (
        "100 % first passes of Acme Consulting",
        "1 h ago exceptions of Acme Consulting",
        "EUR 10,000.00 unbilled work of Acme Consulting",
        "What changed since yesterday",
        "1 invoice, EUR 10,000.00 issued of Acme Consulting",
        "1 day",
    ):
        assert expected in text_of(page), (expected, text_of(page))
    assert "Client SA" not in page
    assert "Held Ltd" not in page
    firm.clock.moment += timedelta(hours=24)
    assert "Nothing was issued, paid, held or disputed" in text_of(staff("operator").get("/", headers=HTML).text)


def test_a_tenant_more_costs_two_statements_more(firm: Firm, staff: Staff, make_tenant: Callable[..., Tenant]) -> None:
    client = staff("support")
    for tenants in (1, 2, 3):
        with counted_statements(firm.database) as statements:
            assert client.get("/", headers=HTML).status_code == 200
        assert len(statements) == HOME_STATEMENTS + tenants * EACH_STATEMENTS, statements
        make_tenant(f"Firm {tenants}")


def test_the_switcher_has_only_tenants_that_this_person_may_enter(
    firm: Firm, staff: Staff, people: People, make_tenant: Callable[..., Tenant]
) -> None:
    """Others of the partner's world are in both tenants, and one of its staff has a grant for the second."""
    other = make_tenant("Other Firm")
    people.person("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
    people.person("clerk@other.example", "billing_clerk", tenant=other)
    client, slug = staff("support"), firm.tenant.slug
    for each in (firm.tenant, other):
        assert client.get(f"/enter/{each.slug}", headers=HTML).status_code == 200, "the form for a grant"
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get(f"/enter/{slug}", headers=HTML).text)
    assert csrf
    form = {"csrf": csrf.group(1), "reason": "Ticket 1: what is held", "role": "auditor", "hours": "4"}
    assert client.post(f"/enter/{slug}", data=form, headers=HTML).status_code == 303
    page = client.get(f"/t/{slug}/", headers=HTML).text
    assert re.findall(r"Acme Consulting|Other Firm", page.partition('id="places"')[2].partition("</ul>")[0]) == [
        "Acme Consulting"
    ]
    assert staff("operator").get(f"/enter/{slug}", headers=HTML).status_code == 200


def test_a_suspended_tenant_is_still_seen_to_stand_somewhere(firm: Firm, staff: Staff) -> None:
    with control_transaction(firm.database, SYSTEM) as tx:
        tx.session.execute(update(TenantRow).where(TenantRow.id == firm.tenant.id).values(state="suspended"))
    page = text_of(staff("support").get("/", headers=HTML).text)
    assert "Suspended" in page
    assert "exceptions of Acme Consulting" in page


def test_jobs_of_a_suspended_tenant_wait_are_seen_and_go_on_when_it_is_opened_again(firm: Firm, staff: Staff) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.evaluate", key=f"evaluate:{new_id()}", payload={"contract_id": str(new_id())})
                     for _ in range(3)])  # fmt: skip
    with control_transaction(firm.database, SYSTEM) as tx:
        tx.session.execute(update(TenantRow).where(TenantRow.id == firm.tenant.id).values(state="suspended"))
    assert firm.drain() == 0
    assert "Suspended" in text_of(staff("support").get("/", headers=HTML).text)
    owner = staff("owner")
    page = owner.get("/", headers=HTML).text
    assert "3 jobs wait until it is open again; nothing is lost. Open Acme Consulting again" in text_of(page)
    (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', page))
    path = f"/enter/{firm.tenant.slug}/resume"
    assert owner.post(path, data={"csrf": "another"}, headers=HTML).status_code == 403
    support = staff("operator")
    page = support.get("/", headers=HTML).text
    assert "3 jobs wait" in text_of(page)
    assert path not in page
    (other,) = set(re.findall(r'name="csrf" value="([^"]+)"', page))
    assert support.post(path, data={"csrf": other}, headers=HTML).status_code == 403
    assert firm.drain() == 0
    assert owner.post(path, data={"csrf": csrf}, headers=HTML).status_code == 303
    assert "Suspended" not in text_of(owner.get("/", headers=HTML).text)
    assert firm.drain() == 3
    assert owner.post("/enter/nobody-here/resume", data={"csrf": csrf}, headers=HTML).status_code == 404


def test_figures_are_for_those_who_may_see_health(staff: Staff) -> None:
    page = text_of(staff("billing").get("/", headers=HTML).text)
    assert "not shown to your role" in page
    assert "EUR" not in page
    assert "What changed" not in page


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("exceptions?owner=all", "exceptions?owner=all"), ("reports", "reports"), ("", ""), ("//elsewhere.example", ""),
        ("../t/other/", ""), ("https://elsewhere.example", ""), ("audit?about=x&cursor=y", ""),
    ],
)  # fmt: skip
def test_a_door_leads_to_the_room_that_was_meant_and_nowhere_else(
    firm: Firm, staff: Staff, to: str, leads: str
) -> None:
    client, slug = staff("support"), firm.tenant.slug
    page = client.get(f"/enter/{slug}", params={"to": to}, headers=HTML)
    assert page.status_code == 200, page.text
    assert f'name="to" value="{leads}"' in page.text
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found
    form = {"csrf": found.group(1), "reason": "Ticket 1: what is held", "role": "auditor", "hours": "4", "to": to}
    entered = client.post(f"/enter/{slug}", data=form, headers=HTML)
    assert (entered.status_code, entered.headers["location"]) == (303, f"/t/{slug}/{leads}")
    again = client.get(f"/enter/{slug}", params={"to": to}, headers=HTML)
    assert (again.status_code, again.headers["location"]) == (303, f"/t/{slug}/{leads}")
    with control_transaction(firm.database, SYSTEM) as tx:
        tx.session.execute(update(AccessGrantRow).values(revoked_at=tx.now, revoked_by="test"))
    assert client.get(f"/enter/{slug}", params={"to": to}, headers=HTML).status_code == 200


def test_staff_inside_by_a_grant_take_files_and_keep_views_in_the_name_of_their_firm(
    firm: Firm, staff: Staff, log_in_to: LogIn
) -> None:
    """What they do says in the tenant's audit log for whom; their views are theirs, and end with the grant's door."""
    client, slug = staff("support"), firm.tenant.slug
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(f"/enter/{slug}", headers=HTML).text)
    assert found
    form = {"csrf": found.group(1), "reason": "Ticket 7: a file is wanted", "role": "auditor", "hours": "1"}
    assert client.post(f"/enter/{slug}", data=form, headers=HTML).status_code == 303
    inside = Person(client, f"/t/{slug}", found.group(1))
    assert [row["Customer"] for row in file_of(inside, "customers")] == ["Client SA", "Held Ltd"]
    status, where = inside.post("lists/customers/views", name="Who is late", state="which=overdue")
    assert status == 303, where
    view = where.removeprefix(f"{inside.base}/")
    assert "View: Who is late" in links(inside.get(view)[1])
    refused, _ = inside.post("lists/customers/views", name="For all", state="which=overdue", shared="1")
    assert refused == 403, "an auditor's grant may not decide what everybody in the tenant sees"
    said = [
        (entry.action, entry.actor_name, entry.acting_for)
        for action in ("list.exported", "view.created")
        for entry in entries(firm, action)
    ]
    assert said == [("list.exported", "Support", "Test Partner"), ("view.created", "Support", "Test Partner")]
    auditor = log_in_to(firm, "auditor@acme.example", "auditor")
    assert auditor.get(view)[0] == 404
    assert "Support for Test Partner" in text_of(auditor.get("audit?action=list.exported")[1])
    (row, *_) = file_of(auditor, "audit", action="list.exported", columns="who,acting_for,after")
    assert (row["Who"], row["For"]) == ("Support", "Test Partner")
    told = dict(part.split(": ", 1) for part in row["After"].split("; "))
    assert told == {
        "list": "customers", "rows": "2", "filters": "{}",
        "columns": '["name", "legal", "po", "open", "overdue", "reminders", "invoice"]',
    }  # fmt: skip
    with control_transaction(firm.database, SYSTEM) as tx:
        tx.session.execute(update(AccessGrantRow).values(revoked_at=tx.now, revoked_by="test"))
    for path in ("lists/customers/export.csv", view):
        assert inside.get(path)[0] == 404, path
    assert inside.post("lists/customers/views", name="Later", state="")[0] == 404
