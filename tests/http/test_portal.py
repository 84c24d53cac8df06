"""What the portal refuses, whom it sends where, what it never says, and how many queries a page takes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import event, insert, select, update

from billwright.approvals.tables import ApprovalStepRow
from billwright.documents.store import FileStore
from billwright.documents.tables import DocumentRow
from billwright.identity.tables import AccessGrantRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.tables import HostNameRow, PartnerRow, TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.app import make_app
from billwright.web.portal.app import CONTROLLERS, problem_page
from billwright.web.portal.login_pages import safe_next
from billwright.web.services import Services
from support.http import PASSWORD, People, client_of, settings_for
from support.pipeline import Firm

QUERIES_MAX = 12
FINDING_OUT = 2
"""Session with person, tenant, rights and places (1), role and schema (1)."""
PAGES = "exceptions approvals invoices unbilled messages collections mailbox connectors audit access".split()


@dataclass
class Visitor:
    """A browser's view of the portal: cookies are kept, forms carry the token."""

    client: TestClient[Litestar]
    store: FileStore
    csrf: str = ""

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        answer = self.client.get(path, headers={"accept": "text/html", **headers})
        return answer.status_code, answer.text

    def post(self, path: str, **fields: str) -> tuple[int, str]:
        answer = self.client.post(path, data={"csrf": self.csrf, **fields}, headers={"accept": "text/html"})
        return answer.status_code, answer.headers.get("location", "") or answer.text


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One draft that waits for the manager, one that a check holds."""
    made = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False))
    made.customer()
    made.contract()
    made.milestone()
    made.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol")
    made.accept()
    made.customer("C2", name="Held Ltd", po_required=True)
    made.contract("K2", customer="C2")
    made.milestone("M2", "K2")
    made.accept("M2", "K2")
    return made


@pytest.fixture
def visit(firm: Firm, people: People, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Visitor]]:
    """``visit(email, *roles, tenant=...)``: logged in through the form, or a stranger without an e-mail."""
    settings = settings_for(tmp_path_factory.mktemp("portal"))
    store = FileStore(settings.files)
    services = Services(
        settings=settings, database=firm.database, problem_page=problem_page, dependencies={"store": store}
    )
    opened = []

    def make(email: str = "", *roles: str, tenant: Tenant | None = None) -> Visitor:
        context = client_of(make_app(services, CONTROLLERS))
        client = context.__enter__()
        opened.append(context)
        visitor = Visitor(client, store)
        if email:
            people.person(email, *roles, tenant=tenant)
            status, where = visitor.post(f"/p/{people.partner_slug}/login", email=email, password=PASSWORD)
            assert (status, where) == (303, "/")
            page = client.get(f"/t/{firm.tenant.slug}/" if tenant else "/", headers={"accept": "text/html"})
            found = re.search(r'name="csrf" value="([^"]+)"', page.text)
            visitor.csrf = found.group(1) if found else ""
        return visitor

    yield make
    for context in reversed(opened):
        context.__exit__(None, None, None)


def waiting(firm: Firm) -> tuple[str, str]:
    """(shown id, content hash) of the draft that waits for the manager."""
    row = next(each for each in firm.invoices() if each.detail == "awaiting_manager")
    return show("inv", row.id), row.content_sha256


def test_strangers_are_sent_to_the_log_in_and_back(firm: Firm, visit: Callable[..., Visitor]) -> None:
    stranger = visit()
    answer = stranger.client.get(f"/t/{firm.tenant.slug}/approvals", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next=/t/{firm.tenant.slug}/approvals")
    part = stranger.client.get(f"/t/{firm.tenant.slug}/approvals", headers={"hx-request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (204, "/login")


def test_on_a_host_that_is_nobodys_the_page_asked_for_says_whose_log_in_it_is(
    firm: Firm, people: People, visit: Callable[..., Visitor]
) -> None:
    partner = people.partner_slug
    for path in (f"/t/{firm.tenant.slug}/approvals", f"/p/{partner}"):
        answer = visit().client.get("/login", params={"next": path})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/p/{partner}/login?next={path}")
    for path in ("/", "/t/nobody/approvals", "//elsewhere.example"):
        assert visit().client.get("/login", params={"next": path}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/t/acme/approvals?open=1", "/t/acme/approvals?open=1"), ("", "/"), (None, "/"), ("//elsewhere.example", "/"),
        ("https://elsewhere.example", "/"), ("/\\elsewhere.example", "/"), ("javascript:alert(1)", "/"), ("t/acme", "/"),
        ("/a\r\nset-cookie: x=1", "/"), ("/\t/elsewhere.example", "/"),
    ],
)  # fmt: skip
def test_nobody_is_sent_to_another_site(asked: str | None, given: str) -> None:
    assert safe_next(asked) == given


def test_a_wrong_password_says_no_more_than_an_unknown_person(visit: Callable[..., Visitor], people: People) -> None:
    people.person("known@acme.example")
    door = f"/p/{people.partner_slug}/login"
    answers = [
        visit().post(door, email=email, password="no such password")
        for email in ("known@acme.example", "unknown@acme.example")
    ]
    pages = [re.sub(r"\w+@acme\.example", "", text) for _, text in answers]
    assert [status for status, _ in answers] == [401, 401]
    assert pages[0] == pages[1]
    assert "do not fit" in pages[0]


def test_rooms_are_offered_by_permission_and_refused_without(firm: Firm, visit: Callable[..., Visitor]) -> None:
    clerk = visit("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
    base = f"/t/{firm.tenant.slug}"
    _, page = clerk.get(f"{base}/")
    offered = [name for name in PAGES if f'href="{base}/{name}"' in page]
    answers = {name: clerk.get(f"{base}/{name}")[0] for name in PAGES}
    assert {name for name, status in answers.items() if status == 200} == set(offered)
    assert {name for name, status in answers.items() if status == 403} == {"approvals", "audit", "access"}
    page = clerk.get(f"{base}/audit")[1]
    assert "This is not open to you" in page
    assert "audit:read" in page


def test_a_clerk_cannot_approve_by_sending_the_form(firm: Firm, visit: Callable[..., Visitor]) -> None:
    clerk = visit("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
    shown, content = waiting(firm)
    path = f"/t/{firm.tenant.slug}/invoices/{shown}"
    assert "Approve –" not in clerk.get(path)[1]
    status, page = clerk.post(f"{path}/decide", decision="approve", content_sha256=content)
    assert status == 403
    assert "invoice:approve_manager" in page
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        assert set(tx.session.scalars(select(ApprovalStepRow.state))) == {"waiting"}


def test_forms_need_the_token_of_the_session(firm: Firm, visit: Callable[..., Visitor]) -> None:
    manager = visit("manager@acme.example", "manager_approver", tenant=firm.tenant)
    shown, content = waiting(firm)
    path = f"/t/{firm.tenant.slug}/invoices/{shown}/decide"
    right, manager.csrf = manager.csrf, "guessed"
    assert manager.post(path, decision="approve", content_sha256=content)[0] == 403
    manager.csrf = right
    status, where = manager.post(path, decision="approve", content_sha256=content)
    assert (status, where) == (303, f"/t/{firm.tenant.slug}/approvals")


def test_a_decision_about_older_content_is_refused(firm: Firm, visit: Callable[..., Visitor]) -> None:
    manager = visit("manager@acme.example", "manager_approver", tenant=firm.tenant)
    shown, _ = waiting(firm)
    answer = manager.client.post(
        f"/t/{firm.tenant.slug}/invoices/{shown}/decide",
        data={"csrf": manager.csrf, "decision": "approve", "content_sha256": "0" * 64},
        headers={"hx-request": "true", "accept": "*/*"},
    )
    assert (answer.status_code, answer.headers["hx-retarget"]) == (409, "#said")
    assert "changed since you opened it" in answer.text


def test_bulk_approval_tells_the_result_of_each(firm: Firm, visit: Callable[..., Visitor]) -> None:
    manager = visit("manager@acme.example", "manager_approver", tenant=firm.tenant)
    shown, content = waiting(firm)
    held = next(show("inv", each.id) for each in firm.invoices() if each.detail == "blocked")
    answer = manager.client.post(
        f"/t/{firm.tenant.slug}/approvals",
        data={"csrf": manager.csrf, "draft": [f"{shown}:{content}", f"{held}:{content}"]},
        headers={"accept": "text/html"},
    )
    assert answer.status_code == 200
    assert "now waits for finance" in answer.text
    assert "No decision waits on this invoice" in answer.text


def test_a_held_draft_is_checked_again(firm: Firm, visit: Callable[..., Visitor]) -> None:
    clerk = visit("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
    held = next(show("inv", each.id) for each in firm.invoices() if each.detail == "blocked")
    base = f"/t/{firm.tenant.slug}/exceptions"
    assert f"{base}/{held}/check" in clerk.get(f"{base}?owner=all")[1]
    status, where = clerk.post(f"{base}/{held}/check")
    assert (status, where) == (303, f"/t/{firm.tenant.slug}/invoices/{held}")
    assert next(each for each in firm.invoices() if show("inv", each.id) == held).detail == "submitted"
    auditor = visit("auditor@acme.example", "auditor", tenant=firm.tenant)
    assert "/check" not in auditor.get(f"{base}?owner=all")[1]
    assert auditor.post(f"{base}/{held}/check")[0] == 403


def test_partner_staff_see_counts_but_no_content_without_a_grant(
    firm: Firm, visit: Callable[..., Visitor], database: Database
) -> None:
    staff = visit("staff@partner.example", "support")
    slug = firm.tenant.slug
    status, home = staff.get("/")
    assert status == 200
    assert firm.tenant.name in home
    assert "Client SA" not in home
    for path in ("", *PAGES, f"invoices/{waiting(firm)[0]}", "search?q=client"):
        assert staff.get(f"/t/{slug}/{path}")[0] == 404, path
    staff.csrf = re.search(r'name="csrf" value="([^"]+)"', home).group(1)  # type: ignore[union-attr]
    assert staff.post(f"/enter/{slug}", reason="too short", role="auditor", hours="4")[0] == 422
    status, where = staff.post(f"/enter/{slug}", reason="Ticket 1: look at a draft", role="auditor", hours="4")
    assert (status, where) == (303, f"/t/{slug}/")
    assert "Client SA" in staff.get(f"/t/{slug}/invoices")[1]
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(AccessGrantRow).values(revoked_at=tx.now, revoked_by="test"))
    assert staff.get(f"/t/{slug}/invoices")[0] == 404


def test_people_of_another_tenant_find_nothing(
    firm: Firm, visit: Callable[..., Visitor], make_tenant: Callable[..., Tenant]
) -> None:
    other = make_tenant("Other Firm")
    foreign = visit("clerk@other.example", "billing_clerk", tenant=other)
    nowhere = foreign.get("/t/no-such-tenant/invoices")
    for path in ("", *PAGES, "invoices/inv_" + "0" * 32):
        status, page = foreign.get(f"/t/{firm.tenant.slug}/{path}")
        assert status == 404
        assert firm.tenant.name not in page
    assert re.sub(r"[0-9a-f]{32}", "", foreign.get(f"/t/{firm.tenant.slug}/invoices")[1]) == re.sub(
        r"[0-9a-f]{32}", "", nowhere[1]
    )


def test_no_brand_leaks_into_another_and_the_vendor_into_none(
    firm: Firm, visit: Callable[..., Visitor], database: Database, partner_id: object
) -> None:
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(PartnerRow).where(PartnerRow.id == partner_id).values(brand={"primary": "#123456"}))
        tx.session.execute(update(TenantRow).where(TenantRow.id == firm.tenant.id).values(brand={"primary": "#7a1f3d"}))
        host = f"{firm.tenant.slug}.example"
        tx.session.execute(insert(HostNameRow), [{"host": host, "partner_id": partner_id, "tenant_id": firm.tenant.id}])
    auditor = visit("auditor@acme.example", "auditor", tenant=firm.tenant)
    base = f"/t/{firm.tenant.slug}"
    pages = [auditor.get(f"{base}/{path}")[1] for path in ("", *PAGES, "nowhere")]
    pages += [auditor.get(path)[1] for path in ("/login", "/nowhere", f"/p/{firm.tenant.slug}/login")]
    shown, _ = waiting(firm)
    pages += [
        auditor.get(f"{base}/{path}")[1]
        for path in ("messages?status=all", f"invoices/{shown}", f"invoices/{shown}/audit")
    ]
    said = [re.findall(r".{0,60}illwright.{0,20}", page) for page in pages]
    assert [each for each in said if each] == []
    assert "--primary:#7a1f3d" in auditor.get(f"{base}/brand.css")[1]
    assert "--primary:#7a1f3d" in visit().get("/brand.css", host=host)[1]
    assert "--primary:#2b3a4a" in visit().get("/brand.css", host="unknown.example")[1]
    assert visit().get(f"{base}/brand.css")[0] == 303


def test_every_page_takes_few_queries(firm: Firm, visit: Callable[..., Visitor], database: Database) -> None:
    manager = visit("all@acme.example", "manager_approver", "auditor", tenant=firm.tenant)
    base = f"/t/{firm.tenant.slug}"
    shown, _ = waiting(firm)
    taken: dict[str, int] = {}
    statements: list[str] = []

    def count(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(database.engine, "before_cursor_execute", count)
    try:
        for path in ("", *PAGES, f"invoices/{shown}", "search?q=client"):
            statements.clear()
            assert manager.get(f"{base}/{path}")[0] == 200
            taken[path] = len(statements)
    finally:
        event.remove(database.engine, "before_cursor_execute", count)
    too_many = {path: count for path, count in taken.items() if count > QUERIES_MAX + FINDING_OUT}
    assert too_many == {}, taken


def test_the_stored_pdf_is_shown_in_our_own_page_and_in_no_other(firm: Firm, visit: Callable[..., Visitor]) -> None:
    clerk = visit("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
    invoice_id, body = firm.invoices()[0].id, b"%PDF-1.7 stored"
    path = f"/t/{firm.tenant.slug}/invoices/{show('inv', invoice_id)}"
    assert "<iframe" not in clerk.get(path)[1]
    document = {
        "id": new_id(), "subject_id": invoice_id, "kind": "invoice_pdf", "name": "A-1.pdf", "media_type": "application/pdf",
        "sha256": clerk.store.put(firm.tenant.id, body), "size_bytes": len(body), "content_sha256": "0" * 64, "pages": 1,
        "made_at": firm.clock.now(),
    }  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(insert(DocumentRow), [document])
    assert f'<iframe src="{path}/pdf#view=FitH"' in clerk.get(path)[1]
    answer = clerk.client.get(f"{path}/pdf")
    assert (answer.status_code, answer.content) == (200, body)
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in clerk.client.get(path).headers["content-security-policy"]
