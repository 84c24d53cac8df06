"""The button that reminds: it says to whom, how much and for which documents before anything goes out."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.collections.open_dispute import open_dispute
from billwright.collections.tables import ReminderRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.money import Money
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.pipeline import AUTOMATIC, Firm
from support.visitors import LogIn, Person, counted_statements, log_in_to

__all__ = ["log_in_to"]
LOOK_STATEMENTS = 10
"""Session (1), role and schema (1), counts (1), customer (1), settings (1), account (4), documents (1)."""


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """Two invoices of EUR 10,000.00 and EUR 2,500.00, four days late."""
    made = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, payment_terms_days=1))
    made.customer()
    made.contract()
    for stone, amount in (("M1", "10000.00"), ("M2", "2500.00")):
        made.milestone(stone, amount=amount)
        made.send("evidence", ref=f"E-{stone}", contract="K1", milestones=[stone], title="Protocol")
        made.accept(stone)
    made.clock.moment += timedelta(days=5)
    return made


@pytest.fixture
def collector(firm: Firm, log_in_to: LogIn) -> Person:
    return log_in_to(firm, "collector@acme.example", "collector")


def door(page: str) -> str:
    """The path of the only debtor's confirm page, below the tenant's."""
    (path,) = set(re.findall(r"collections/remind/led_\w+/cus_\w+/EUR", page))
    return str(path)


def reminders(firm: Firm) -> list[ReminderRow]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(ReminderRow)))


def seen(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(step|total_minor)" value="(\d+)"', page))


def test_looking_says_everything_and_sends_nothing(firm: Firm, collector: Person) -> None:
    path = door(collector.get("collections")[1])
    with counted_statements(firm.database) as statements:
        status, page = collector.get(path)
    plain = page.replace("\u00a0", " ")
    assert (status, len(statements)) == (200, LOOK_STATEMENTS)
    for expected in ("Step 1 of 3, friendly", "ap@client.example", "ACME-2026-00001", "ACME-2026-00002"):
        assert expected in plain, expected
    assert "Send the reminder over EUR 12,500.00 to ap@client.example" in plain
    assert reminders(firm) == []


def test_sending_sends_what_was_seen_once(firm: Firm, collector: Person) -> None:
    path = door(collector.get("collections")[1])
    fields = seen(collector.get(path)[1])
    assert collector.post(path, **fields) == (303, f"{collector.base}/collections")
    (row,) = reminders(firm)
    assert (row.step, row.total_minor, row.currency) == (1, 12_500_00, "EUR")
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        entry = tx.session.scalars(select(AuditEntryRow).where(AuditEntryRow.action == "reminder.decided")).one()
    assert (entry.subject_id, entry.actor_name) == (row.id, "Collector")
    with control_transaction(firm.database, SYSTEM) as control:
        jobs = control.session.scalars(select(JobRow.key).where(JobRow.tenant_id == firm.tenant.id)).all()
    assert f"reminder:{row.id}" in jobs
    status, page = collector.post(path, **fields)
    assert status == 409
    assert "went out today" in page


def test_what_changed_since_it_was_seen_is_not_sent(firm: Firm, collector: Person) -> None:
    path = door(collector.get("collections")[1])
    fields = seen(collector.get(path)[1])
    open_dispute(
        firm.database, firm.tenant, SYSTEM, firm.invoices()[0].id, line=1, amount=Money(4_000_00, "EUR"), reason="Late"
    )
    status, page = collector.post(path, **fields)
    assert status == 409
    assert "since you looked" in page
    assert reminders(firm) == []
    page = collector.get(path)[1].replace("\u00a0", " ")
    assert "Send the reminder over EUR 8,500.00" in page


def test_only_those_who_may_remind_see_the_button(
    firm: Firm, collector: Person, log_in_to: LogIn, make_tenant: Callable[..., Tenant]
) -> None:
    path = door(collector.get("collections")[1])
    fields = seen(collector.get(path)[1])
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    assert "collections/remind" not in clerk.get("collections")[1]
    assert (clerk.get(path)[0], clerk.post(path, **fields)[0]) == (403, 403)
    other = make_tenant("Other Firm")
    foreign = log_in_to(firm, "collector@other.example", "collector", tenant=other)
    assert (foreign.get(path)[0], foreign.post(path, **fields)[0]) == (404, 404)
    foreign.base = f"/t/{other.slug}"
    assert (foreign.get(path)[0], foreign.post(path, **fields)[0]) == (404, 409)
    assert reminders(firm) == []


def test_without_an_address_there_is_nothing_to_press(firm: Firm, collector: Person) -> None:
    path = door(collector.get("collections")[1])
    firm.customer(billing_email=None)
    page = collector.get(path)[1]
    assert "No billing e-mail" in page
    assert "Send the reminder" not in page
