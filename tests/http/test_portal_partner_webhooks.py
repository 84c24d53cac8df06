"""A partner's webhooks in its portal: who may do what, what each deed does at every tenant, and how many statements it takes."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow, ControlAuditEntryRow
from billwright.delivery.webhooks.partner import list_partner_webhooks
from billwright.delivery.webhooks.redeliver import skip_waiting
from billwright.delivery.webhooks.tables import PartnerWebhookRow, WebhookDeliveryRow, WebhookSubscriptionRow
from billwright.documents.store import FileStore
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.ids import new_id, show
from billwright.tenancy.transaction import control_transaction, transaction
from billwright.web.app import make_app
from billwright.web.portal.app import CONTROLLERS, problem_page
from billwright.web.services import Services
from support.hooks import VAULT
from support.http import PASSWORD, People, client_of, settings_for
from support.shared_hooks import Shared, shared
from support.visitors import Person, counted_statements, text_of

__all__ = ["shared"]
HTML = {"accept": "text/html"}
FORM: dict[str, Any] = {
    "name": "ledger",
    "url": "https://ledger.partner.example/in",
    "event": ["invoice.*", "invoice.issued"],
    "contact_email": "ops@partner.example",
}
LOGGED_IN = 1
"""Session and all that is read with it."""
EACH_TENANT = 2
"""Role and schema; the copy with what waits."""
Staff = Callable[[str], Person]


@pytest.fixture
def staff(shared: Shared, people: People, tmp_path: Path) -> Iterator[Staff]:
    """``staff(role)``: somebody of the partner, logged in; ``base`` are the webhooks."""
    settings = settings_for(tmp_path)
    services = Services(
        settings=settings, database=shared.database, problem_page=problem_page,
        dependencies={"store": FileStore(settings.files)},
    )  # fmt: skip
    opened = []

    def enter(role: str) -> Person:
        context = client_of(make_app(services, CONTROLLERS))
        client = context.__enter__()
        opened.append(context)
        people.person(f"{role}@staff.example", role)
        form = {"email": f"{role}@staff.example", "password": PASSWORD}
        assert client.post(f"/p/{shared.partner}/login", data=form, headers=HTML).status_code == 303
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/", headers=HTML).text)
        assert found
        return Person(client, f"/p/{shared.partner}", found.group(1))

    yield enter
    for context in reversed(opened):
        context.__exit__(None, None, None)


def here(shared: Shared, more: str = "") -> str:
    return f"webhooks/{show('whk', shared.webhook_id)}{more}"


def said(person: Person, path: str) -> str:
    status, page = person.get(path)
    assert status == 200, page
    return text_of(page)


def go(person: Person, path: str, **given: Any) -> str:
    status, where = person.post(path, **given)
    assert status == 303, text_of(where)
    return said(person, where.removeprefix(f"{person.base}/"))


def known(shared: Shared) -> list[PartnerWebhookRow]:
    return list(list_partner_webhooks(shared.database, SYSTEM, shared.partner))


def audited(shared: Shared, webhook_id: object) -> list[str]:
    with control_transaction(shared.database, SYSTEM) as tx:
        query = select(ControlAuditEntryRow.action).where(ControlAuditEntryRow.subject_id == webhook_id)
        return list(tx.session.scalars(query.order_by(ControlAuditEntryRow.id)))


def deliveries(shared: Shared) -> list[WebhookDeliveryRow]:
    with transaction(shared.database, shared.firms[0].tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(WebhookDeliveryRow).order_by(WebhookDeliveryRow.id)))


def test_one_is_made_changed_and_removed_and_each_tenant_follows(shared: Shared, staff: Staff) -> None:
    owner = staff("owner")
    assert "Webhooks" in said(owner, "webhooks")
    assert "The invoice has its number" in said(owner, "webhooks/new")
    answer = owner.client.post(f"{owner.base}/webhooks", data={"csrf": owner.csrf, **FORM}, headers=HTML)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made = known(shared)[1]
    assert (made.name, made.event_types) == ("ledger", ["invoice.*"])
    assert VAULT.open(made.partner_id, made.secret) in text_of(answer.text)
    assert "whsec_" not in owner.get(f"webhooks/{show('whk', made.id)}")[1]
    path = f"webhooks/{show('whk', made.id)}"
    assert "Not there yet" in said(owner, path)
    shared.drain()
    assert [row.url for row in shared.copies()] == [shared.receiver.url, FORM["url"]] * 2
    assert 'value="invoice.*" checked' in owner.get(f"{path}/change")[1]
    assert "take it over" in go(owner, path, **{**FORM, "event": ["*"], "name": "books"})
    shared.drain()
    assert [row.name for row in shared.copies()] == ["desk", "books"] * 2
    status, page = owner.post(f"{path}/state", state="removed")
    assert (status, "Tick that you are sure" in text_of(page)) == (422, True)
    assert "removed at all tenants" in go(owner, f"{path}/state", state="removed", sure="1")
    assert owner.get(path)[0] == 404
    assert audited(shared, made.id) == ["webhook.made", "webhook.changed", "webhook.removed"]


def test_a_refused_form_keeps_what_was_typed(shared: Shared, staff: Staff) -> None:
    owner = staff("owner")
    for changes, status, says in (
        ({"url": "https://user:pw@x.example/"}, 422, "Leave out user, password"),
        ({"event": []}, 422, "Say what it wants to know"),
        ({"name": "desk"}, 409, "There is a webhook 'desk' already"),
    ):
        got, page = owner.post("webhooks", **{**FORM, **changes})
        assert (got, says in text_of(page)) == (status, True), text_of(page)
        assert f'value="{changes.get("name", "ledger")}"' in page
    got, page = owner.post(here(shared), **{**FORM, "url": "ftp://x.example"})
    assert (got, "Write the whole address" in text_of(page)) == (422, True)
    assert len(known(shared)) == 1


def test_the_secret_is_replaced_and_shown_once(shared: Shared, staff: Staff) -> None:
    owner = staff("owner")
    status, page = owner.post(here(shared, "/secret"))
    assert status == 200
    (row,) = known(shared)
    assert VAULT.open(row.partner_id, row.secret) in text_of(page)
    assert "Both secrets are valid until 3 Mar 2026, 12:00 UTC" in text_of(page)
    assert "whsec_" not in owner.get(here(shared))[1]
    assert audited(shared, row.id)[-1] == "webhook.secret_rotated"


def test_the_log_shows_each_request_and_answer_and_no_content(shared: Shared, staff: Staff) -> None:
    shared.receiver.says(500, b"<script>alert(1)</script>")
    shared.bill()
    shared.drain()
    support, tenant = staff("support"), shared.firms[0].tenant
    page = said(support, here(shared))
    assert f"{tenant.name} The endpoint did not take it: 500. Does not answer since just now" in page
    log = said(support, here(shared, f"/at/{tenant.slug}"))
    assert "invoice.issued inv_" in log
    (sent,) = deliveries(shared)
    status, raw = support.get(here(shared, f"/at/{tenant.slug}/{show('del', sent.id)}"))
    assert status == 200
    assert "<script>alert" not in raw
    seen = text_of(raw)
    for expected in ('"type":"invoice.issued"', "webhook-signature: (kept secret)", "500", "alert(1)", "1 attempt"):
        assert expected in seen, expected
    for content in ("ACME-2026", "Client SA", "10,000", "10000"):
        assert content not in seen + log + page
    assert "Send it again" not in seen, "support only reads"
    assert "Nothing in this state" in said(support, here(shared, f"/at/{tenant.slug}?only=failed"))


def test_paused_enabled_tested_and_sent_again(shared: Shared, staff: Staff) -> None:
    owner, tenant = staff("owner"), shared.firms[0].tenant
    log = here(shared, f"/at/{tenant.slug}")
    assert "paused at all tenants" in go(owner, here(shared, "/state"), state="paused")
    shared.drain()
    shared.bill()
    shared.drain()
    assert shared.receiver.got == []
    for deed, given in ((f"/at/{tenant.slug}/test", {}), ("/again", {"day": "2026-03-01"})):
        status, page = owner.post(here(shared, deed), **given)
        assert (status, "enable it first" in text_of(page)) == (409, True), text_of(page)
    assert "enabled at all tenants" in go(owner, here(shared, "/state"), state="active")
    shared.drain()
    assert shared.receiver.types == ["invoice.issued"] * 2
    assert "A test of" in go(owner, here(shared, f"/at/{tenant.slug}/test"))
    shared.drain()
    assert shared.receiver.types[2:] == ["webhook.test"]
    (first, _) = deliveries(shared)
    assert "is sent again to" in go(owner, f"{log}/{show('del', first.id)}/again")
    shared.drain()
    assert shared.receiver.types[3:] == ["invoice.issued"]
    assert "Each tenant sends its events since 2026-03-01 again" in go(owner, here(shared, "/again"), day="2026-03-01")
    shared.drain()
    assert shared.receiver.types[4:] == ["invoice.issued"] * 2, "one of each tenant"
    assert audited(shared, shared.webhook_id)[-3:] == ["webhook.paused", "webhook.active", "webhook.redelivered"]
    with transaction(shared.database, tenant, SYSTEM) as tx:
        query = select(AuditEntryRow.action, AuditEntryRow.actor_kind).where(AuditEntryRow.subject_kind == "webhook")
        deeds = [tuple(row) for row in tx.session.execute(query.order_by(AuditEntryRow.id))]
    assert ("webhook.tested", "person") in deeds
    assert ("webhook.redelivered", "person") in deeds
    assert ("webhook.redelivered", "system") in deeds
    status, page = owner.post(here(shared, "/again"), day="tomorrow")
    assert (status, "Give a day as" in text_of(page)) == (422, True)


def test_who_of_a_tenant_skipped_what_and_why_stays_there(shared: Shared, staff: Staff) -> None:
    shared.receiver.says(500)
    shared.bill()
    shared.drain()
    tenant, now = shared.firms[0].tenant, shared.firms[0].clock.now()
    ana = Actor(kind="person", name="Ana Duarte", permissions=frozenset({"delivery:retry"}))
    (sent,) = deliveries(shared)
    skip_waiting(shared.database, tenant, ana, sent.subscription_id, now + timedelta(days=1), "Client SA has it.")
    owner, log = staff("owner"), here(shared, f"/at/{tenant.slug}")
    for path in (log, f"{log}/{show('del', sent.id)}"):
        page = said(owner, path)
        assert "Skipped by somebody of the tenant." in page
        assert "Duarte" not in page
        assert "Client SA" not in page


def test_a_long_log_comes_in_pages(shared: Shared, staff: Staff) -> None:
    owner, tenant = staff("owner"), shared.firms[0].tenant
    for _ in range(52):
        owner.post(here(shared, f"/at/{tenant.slug}/test"))
    log = here(shared, f"/at/{tenant.slug}")
    first = owner.get(log)[1]
    older = re.search(r'href="[^"]*(\?only=&amp;cursor=[^"]+)"', first)
    assert older
    assert first.count('class="open"') == 50
    assert owner.get(log + older.group(1).replace("&amp;", "&"))[1].count('class="open"') == 2


@pytest.mark.parametrize("role", ["administrator", "operator", "support", "billing"])
def test_only_the_owner_changes_anything(shared: Shared, staff: Staff, role: str) -> None:
    person, tenant = staff(role), shared.firms[0].tenant
    shared.bill()
    shared.drain()
    (sent,) = deliveries(shared)
    log = here(shared, f"/at/{tenant.slug}")
    for path in ("webhooks", here(shared), here(shared, "/state"), here(shared, "/secret"), here(shared, "/again"),
                 f"{log}/test", f"{log}/{show('del', sent.id)}/again"):  # fmt: skip
        assert person.post(path, **FORM, state="paused", day="2026-03-01")[0] == 403, path
    for path in ("webhooks/new", here(shared, "/change")):
        assert person.get(path)[0] == 403, path
    page = said(person, here(shared))
    assert "Pause" not in page
    assert "Make a new secret" not in page
    sees_logs = role != "billing"
    assert ("At your tenants" in page) is sees_logs
    for path in (log, f"{log}/{show('del', sent.id)}"):
        assert person.get(path)[0] == (200 if sees_logs else 403), path
    assert [row.state for row in known(shared)] == ["active"]


def test_people_of_a_tenant_and_what_is_not_there(shared: Shared, staff: Staff, people: People) -> None:
    owner, tenant = staff("owner"), shared.firms[0].tenant
    nobody = show("whk", new_id())
    for path in (f"webhooks/{nobody}", f"webhooks/{nobody}/change", f"webhooks/{nobody}/at/{tenant.slug}",
                 here(shared, "/at/no-such-tenant"), here(shared, f"/at/{tenant.slug}/{show('del', new_id())}"),
                 "webhooks/inv_0"):  # fmt: skip
        assert owner.get(path)[0] == 404, path
    people.person("clerk@client.example", "integration_administrator", tenant=tenant)
    form = {"email": "clerk@client.example", "password": PASSWORD}
    owner.client.cookies.clear()
    assert owner.client.post(f"/p/{shared.partner}/login", data=form, headers=HTML).status_code == 303
    for path in ("webhooks", here(shared), here(shared, f"/at/{tenant.slug}")):
        assert owner.get(path)[0] == 403, path
    owner.client.cookies.clear()
    assert owner.client.get(f"{owner.base}/webhooks", headers=HTML, follow_redirects=False).status_code in {303, 401}


def test_a_tenants_own_webhook_is_not_reached_from_here(shared: Shared, staff: Staff) -> None:
    """Nor another one's deliveries by the identifier of a webhook that is there."""
    shared.bill()
    shared.drain()
    (sent,) = deliveries(shared)
    with transaction(shared.database, shared.firms[0].tenant, SYSTEM) as tx:
        row = tx.session.get(WebhookSubscriptionRow, sent.subscription_id)
        assert row is not None
        row.owner, row.partner_subscription_id = "tenant", None
    log = here(shared, f"/at/{shared.firms[0].tenant.slug}")
    owner = staff("owner")
    assert "Nothing was sent yet" in said(owner, log)
    assert owner.get(f"{log}/{show('del', sent.id)}")[0] == 404
    assert owner.post(f"{log}/{show('del', sent.id)}/again")[0] == 404
    assert owner.post(f"{log}/test")[0] == 404


def test_statements_are_known(shared: Shared, staff: Staff) -> None:
    shared.bill()
    shared.drain()
    owner = staff("owner")
    (sent,) = deliveries(shared)
    log = here(shared, f"/at/{shared.firms[0].tenant.slug}")
    expected = {
        "webhooks": 2, "webhooks/new": 0, here(shared, "/change"): 2, here(shared): 3 + 2 * EACH_TENANT, log: 5,
        f"{log}/{show('del', sent.id)}": 6,
    }  # fmt: skip
    for path, count in expected.items():
        owner.get(path)
        with counted_statements(shared.database) as statements:
            assert owner.get(path)[0] == 200
        assert len(statements) == LOGGED_IN + count, (path, statements)
