"""Webhooks in the portal: what is said of them, who may do what, what each deed does, and how many statements it takes."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, update

from billwright.audit.tables import AuditEntryRow
from billwright.delivery.webhooks.subscribe import Wanted, make_webhook, switch_webhook
from billwright.delivery.webhooks.tables import WebhookSubscriptionRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id, show
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.hooks import VAULT, Told
from support.visitors import LogIn, Person, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
SHELL = 3
STATEMENTS = {"": 3, "/new": 1, "/deliveries": 3, "/{whk}": 3, "/{whk}?deed=again&day=2026-03-01": 4, "/{whk}/change": 2,
              "/{whk}?deed=skip&day=2026-03-03": 4, "/deliveries/{del}": 3}  # fmt: skip
"""Besides the shell's three; a page shows them for any number of rows."""
FORM = {
    "name": "crm",
    "url": "https://crm.client.example/in",
    "event": ["invoice.*", "invoice.issued", "dispute.opened"],
    "contact_email": "dev@client.example",
}
LATER = "2026-03-03"


@pytest.fixture
def integrator(told: Told, log_in_to: LogIn) -> Person:
    return log_in_to(told.firm, "ana@acme.example", "integration_administrator")


def here(told: Told, more: str = "") -> str:
    return f"connectors/webhooks/{show('whk', told.webhook_id)}{more}"


def said(person: Person, path: str) -> str:
    status, page = person.get(path)
    assert status == 200, page
    return text_of(page)


def go(person: Person, path: str, **fields: Any) -> str:
    """Do it, and what the page says where it leads to."""
    status, where = person.post(path, **fields)
    assert status == 303, text_of(where)
    status, page = person.get(where.removeprefix(f"{person.base}/"))
    assert status == 200
    found = re.search(r'id="said".*?</p>', page, flags=re.DOTALL)
    assert found, page
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found.group())).split("> ")[-1].split())


def secret_in(page: str) -> str:
    (found,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", unescape(page))
    return str(found)


def webhooks(told: Told) -> list[WebhookSubscriptionRow]:
    with transaction(told.firm.database, told.firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(WebhookSubscriptionRow).order_by(WebhookSubscriptionRow.id)))


def audited(told: Told) -> list[str]:
    with transaction(told.firm.database, told.firm.tenant, SYSTEM) as tx:
        query = select(AuditEntryRow.action).where(AuditEntryRow.actor_kind == "person")
        return list(tx.session.scalars(query.where(AuditEntryRow.subject_kind == "webhook").order_by(AuditEntryRow.id)))


def test_one_is_made_and_its_secret_shown_once(told: Told, integrator: Person) -> None:
    page = said(integrator, "connectors/webhooks/new")
    assert "The invoice has its number and its content is frozen." in page
    answer = integrator.client.post(
        f"{integrator.base}/connectors/webhooks",
        data={"csrf": integrator.csrf, **FORM},
        headers={"accept": "text/html"},
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    secret = secret_in(answer.text)
    made = webhooks(told)[1]
    assert (made.name, made.url, made.event_types) == (FORM["name"], FORM["url"], ["invoice.*", "dispute.opened"])
    assert VAULT.open(told.firm.tenant.id, made.secret) == secret
    for path in ("connectors/webhooks", f"connectors/webhooks/{show('whk', made.id)}"):
        assert "whsec_" not in integrator.get(path)[1]
    assert audited(told) == ["webhook.made"]


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"url": "https://user:pw@crm.client.example/"}, 422, "Leave out user, password and fragment"),
        ({"event": ""}, 422, "Say what it wants to know"),
        ({"event": "invoice.exploded"}, 422, "There is no event"),
        ({"name": "books"}, 409, "There is a webhook 'books' already"),
        ({"contact_email": "nobody"}, 422, "no e-mail address"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(
    told: Told, integrator: Person, changes: dict[str, Any], status: int, says: str
) -> None:
    got, page = integrator.post("connectors/webhooks", **{**FORM, **changes})
    assert (got, says in text_of(page)) == (status, True), text_of(page)
    assert f'value="{changes.get("url", FORM["url"])}"' in unescape(page)
    assert len(webhooks(told)) == 1


def test_a_webhook_is_changed(told: Told, integrator: Person) -> None:
    assert 'value="invoice.issued" checked' in integrator.get(here(told, "/change"))[1]
    go(integrator, here(told), **FORM | {"event": ["*", "invoice.issued"]})
    (row,) = webhooks(told)
    assert (row.name, row.event_types) == ("crm", ["*"])
    status, page = integrator.post(here(told), **FORM | {"url": "ftp://x.example"})
    assert (status, "Write the whole address" in text_of(page)) == (422, True)


def test_it_says_since_when_it_fails_and_why_and_can_be_tried_at_once(told: Told, integrator: Person) -> None:
    assert "Nothing yet" in said(integrator, here(told))
    told.receiver.says(503)
    told.bill("M1")
    told.drain()
    told.bill("M2")
    told.drain()
    listed = said(integrator, "connectors/webhooks")
    assert "Does not answer since just now : The endpoint did not take it: 503. Tried again just now ." in listed
    assert "Webhooks 1" in listed  # the tab says that one needs somebody
    page = said(integrator, here(told))
    assert "Waiting 2 events" in page
    assert "Try again now: 2 waiting events to 127.0.0.1" in page
    told.receiver.says(204)
    assert "What waits is sent to" in go(integrator, here(told, "/state"), state="active")
    told.drain()
    assert {row.state for row in told.deliveries()} == {"delivered"}
    assert "Active" in said(integrator, "connectors/webhooks")


def test_paused_and_enabled_it_says_what_will_be_sent_to_whom(told: Told, integrator: Person) -> None:
    assert "events are kept until you enable" in go(integrator, here(told, "/state"), state="paused")
    told.bill("M1")
    told.drain()
    assert told.receiver.got == []
    assert "Enable: send 1 waiting event to 127.0.0.1" in said(integrator, here(told))
    status, page = integrator.post(here(told, "/test"))
    assert (status, "enable it first" in text_of(page)) == (409, True)
    go(integrator, here(told, "/state"), state="active")
    told.drain()
    assert told.receiver.types == ["invoice.issued"]
    go(integrator, here(told, "/test"))
    told.drain()
    assert told.receiver.types == ["invoice.issued", "webhook.test"]
    assert audited(told) == ["webhook.paused", "webhook.active", "webhook.tested"]


def test_switched_off_stands_in_words(told: Told, integrator: Person) -> None:
    told.receiver.says(410)
    told.bill("M1")
    told.drain()
    assert "Switched off since just now : The endpoint says that it is gone (410)." in said(
        integrator, "connectors/webhooks"
    )
    assert "mend the endpoint, then enable it" in said(integrator, here(told))


def test_beside_a_sandboxs_clock_moments_of_real_time_are_written_out(told: Told, integrator: Person) -> None:
    told.receiver.says(503)
    told.bill("M1")
    told.drain()
    with control_transaction(told.firm.database, SYSTEM) as tx:
        sandbox = update(TenantRow).where(TenantRow.id == told.firm.tenant.id)
        tx.session.execute(sandbox.values(clock_at=told.firm.clock.now() - timedelta(days=300)))
    assert "Does not answer since 2 Mar 2026, 12:00 UTC" in said(integrator, "connectors/webhooks")


def test_a_new_secret_says_until_when_both_are_valid(told: Told, integrator: Person) -> None:
    answer = integrator.client.post(
        f"{integrator.base}/{here(told, '/secret')}", data={"csrf": integrator.csrf}, headers={"accept": "text/html"}
    )
    assert "Both secrets are valid until 3 Mar 2026, 12:00 UTC" in text_of(answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert secret_in(answer.text) == VAULT.open(told.firm.tenant.id, told.webhook().secret) != told.secret
    assert "valid until 3 Mar 2026, 12:00 UTC" in said(integrator, here(told))


def test_removing_needs_to_be_sure(told: Told, integrator: Person) -> None:
    status, page = integrator.post(here(told, "/state"), state="removed")
    assert (status, "Tick that you are sure" in text_of(page)) == (422, True)
    assert "Its log stays" in go(integrator, here(told, "/state"), state="removed", sure="1")
    assert integrator.get(here(told))[0] == 404
    assert "No webhooks" in said(integrator, "connectors/webhooks")


def test_each_attempt_is_shown_without_what_is_secret_and_escaped(told: Told, integrator: Person) -> None:
    told.receiver.says(500, b'<script>alert(1)</script> {"api_key": "k-123456"} ' + b"x" * 9_000)
    told.bill("M1")
    told.drain()
    (row,) = told.deliveries()
    path = f"connectors/webhooks/deliveries/{show('del', row.id)}"
    status, page = integrator.get(path)
    assert status == 200
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "k-123456" not in page
    assert "v1," not in page
    assert len(page) < 40_000
    seen = text_of(page)
    for expected in ("webhook-signature: (kept secret)", '"type":"invoice.issued"', "ACME-2026-00001", "1 attempt"):
        assert expected in seen, expected
    told.receiver.says(204)
    told.pass_time(minutes=1)
    assert "sent again" in go(integrator, f"{path}/again")
    told.drain()
    assert told.deliveries()[0].attempts == 3
    assert "Taken: 204." in said(integrator, path)


def test_all_since_a_day_are_counted_and_then_sent_again(told: Told, integrator: Person) -> None:
    told.bill("M1")
    told.bill("M2")
    told.drain()
    assert len(told.receiver.got) == 2
    page = said(integrator, here(told, "?deed=again&day=2026-03-01"))
    assert "2 events of its kinds happened since 2026-03-01." in page
    assert "Send 2 events to 127.0.0.1" in page
    assert "0 events" in said(integrator, here(told, f"?deed=again&day={LATER}"))
    assert "2 events since 2026-03-01 sent again" in go(integrator, here(told, "/again"), day="2026-03-01")
    told.drain()
    assert len(told.receiver.got) == 4
    status, wrong = integrator.get(here(told, "?deed=again&day=tomorrow"))
    assert (status, "Give a day as" in text_of(wrong)) == (422, True)


def test_what_waits_is_skipped_with_a_reason(told: Told, integrator: Person) -> None:
    go(integrator, here(told, "/state"), state="paused")
    told.bill("M1")
    told.drain()
    assert "1 event that happened before 2026-03-03 waits." in said(integrator, here(told, f"?deed=skip&day={LATER}"))
    status, page = integrator.post(here(told, "/skip"), day=LATER, reason=" ")
    assert (status, "Say why" in text_of(page)) == (422, True)
    assert "1 event skipped" in go(integrator, here(told, "/skip"), day=LATER, reason="The books have it already.")
    assert told.deliveries()[0].state == "skipped"
    assert "Skipped by" in said(integrator, "connectors/webhooks/deliveries?state=skipped")


def test_deliveries_are_filtered_and_exported(told: Told, integrator: Person) -> None:
    told.bill("M1")
    told.drain()
    other, _ = make_webhook(
        told.firm.database, told.firm.tenant, SYSTEM,
        Wanted(name="quiet", url="https://quiet.example/", event_types=("draft.*",)), VAULT,
    )  # fmt: skip
    path = "connectors/webhooks/deliveries"
    assert "ACME-2026-00001" in said(integrator, f"{path}?webhook={show('whk', told.webhook_id)}&state=delivered")
    for nothing in (f"webhook={show('whk', other)}", "state=failed", "type=dispute.opened"):
        assert "Nothing fits these filters" in said(integrator, f"{path}?{nothing}"), nothing
    assert integrator.get(f"{path}?type=nonsense")[0] == 422
    status, file = integrator.get("lists/webhook_deliveries/export.csv?type=invoice.issued")
    assert status == 200
    assert "invoice.issued,ACME-2026-00001,Taken" in file
    assert "books" in integrator.get("lists/webhooks/export.csv")[1]


def test_the_partners_own_webhook_is_shown_and_left_alone(told: Told, integrator: Person) -> None:
    with transaction(told.firm.database, told.firm.tenant, SYSTEM) as tx:
        row = tx.session.get_one(WebhookSubscriptionRow, told.webhook_id)
        row.owner = "partner"
    assert "your partner's" in said(integrator, "connectors/webhooks")
    status, page = integrator.get(here(told))
    assert (status, "nothing of its content: no amounts, no names" in text_of(page)) == (200, True)
    assert re.findall(r'method="post" action="([^"]+)"', page) == ["/logout"]
    for path, fields in DEEDS.items():
        if path not in {"/again", "/skip"}:
            assert integrator.post(here(told, path), **fields)[0] == 403, path
    assert integrator.get(here(told, "/change"))[0] == 404
    assert told.webhook().state == "active"


DEEDS: dict[str, dict[str, Any]] = {
    "": FORM, "/state": {"state": "paused"}, "/secret": {}, "/test": {}, "/again": {"day": "2026-03-01"},
    "/skip": {"day": LATER, "reason": "x"},
}  # fmt: skip


def test_a_reader_reads_and_changes_nothing(told: Told, log_in_to: LogIn) -> None:
    told.bill("M1")
    told.drain()
    sent = f"connectors/webhooks/deliveries/{show('del', told.deliveries()[0].id)}"
    reader = log_in_to(told.firm, "reader@acme.example", "auditor")
    for path in ("connectors/webhooks", here(told), sent):
        page = said(reader, path)
        assert not re.search("Pause|Remove|Make a new secret|New webhook|again to", page), path
    for path in ("connectors/webhooks/new", here(told, "/change")):
        assert reader.get(path)[0] == 403, path
    for path, fields in DEEDS.items():
        assert reader.post(here(told, path), **fields)[0] == 403, path
    assert reader.post("connectors/webhooks", **FORM)[0] == 403
    assert reader.post(f"{sent}/again")[0] == 403
    assert audited(told) == []


def test_nothing_is_done_without_the_forms_token(told: Told, integrator: Person) -> None:
    integrator.csrf = "another"
    for path, fields in DEEDS.items():
        assert integrator.post(here(told, path), **fields)[0] == 403, path
    assert audited(told) == []


def test_another_tenants_webhooks_are_not_there(
    told: Told, make_tenant: Any, log_in_to: LogIn, integrator: Person
) -> None:
    other: Tenant = make_tenant("other")
    foreign, _ = make_webhook(
        told.firm.database, other, SYSTEM, Wanted(name="x", url="https://x.example/", event_types=("*",)), VAULT
    )
    stranger = log_in_to(told.firm, "stranger@other.example", "integration_administrator", tenant=other)
    assert stranger.get("connectors/webhooks")[0] == 404
    for name in (show("whk", foreign), show("whk", new_id()), "whk_nonsense"):
        assert integrator.get(f"connectors/webhooks/{name}")[0] == 404
        for path, fields in DEEDS.items():
            assert integrator.post(f"connectors/webhooks/{name}{path}", **fields)[0] == 404, path
    assert integrator.get(f"connectors/webhooks/deliveries/{show('del', new_id())}")[0] == 404
    assert integrator.post(f"connectors/webhooks/deliveries/{show('del', new_id())}/again")[0] == 404


def test_pages_take_the_same_few_statements_for_any_number_of_rows(told: Told, integrator: Person) -> None:
    told.bill("M1")
    told.drain()
    first = taken(told, integrator)
    for place in range(3):
        wanted = Wanted(name=f"n{place}", url=told.receiver.url, event_types=("*",))
        made, _ = make_webhook(told.firm.database, told.firm.tenant, SYSTEM, wanted, VAULT)
        switch_webhook(told.firm.database, told.firm.tenant, SYSTEM, made, "paused" if place else "active")
        told.bill(f"N{place}")
    told.drain()
    assert first == taken(told, integrator) == STATEMENTS


def taken(told: Told, person: Person) -> dict[str, int]:
    found = {}
    names = {"{whk}": show("whk", told.webhook_id), "{del}": show("del", told.deliveries()[0].id)}
    for page in STATEMENTS:
        path = page.replace("{whk}", names["{whk}"]).replace("{del}", names["{del}"])
        with counted_statements(told.firm.database) as statements:
            assert person.get(f"connectors/webhooks{path}")[0] == 200, path
        found[page] = len(statements) - SHELL
    return found
