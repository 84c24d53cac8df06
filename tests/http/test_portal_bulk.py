"""One deed for several rows: each by itself, each with a sentence, and no more than each person may do."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from billwright.billing.tables import InvoiceRow
from billwright.checks.tables import ExceptionRow
from billwright.delivery.tables import DeliveryRow
from billwright.intake.tables import ConnectionRow, SourceMessageRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id, show
from billwright.posting.tables import PostingRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from billwright.web.portal.listing_bulk import TICKS_MAX, Action, run_action
from support.http import People
from support.lists import entries
from support.pipeline import Firm
from support.visitors import LogIn, Person, log_in_to

__all__ = ["log_in_to"]


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """Two drafts that wait for the manager, one that a check holds, and two held messages."""
    made = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False))
    for customer in ("C1", "C2"):
        made.customer(customer, name=f"Client {customer}")
        made.contract(f"K-{customer}", customer=customer)
        made.milestone(f"M-{customer}", f"K-{customer}")
        made.send(
            "evidence", ref=f"E-{customer}", contract=f"K-{customer}", milestones=[f"M-{customer}"], title="Protocol"
        )
        made.accept(f"M-{customer}", f"K-{customer}")
    made.customer("C3", name="Held Ltd", po_required=True)
    made.contract("K3", customer="C3")
    made.milestone("M3", "K3")
    made.accept("M3", "K3")
    made.store([made.event("spaceship", {"ref": "X-1"}), made.event("spaceship", {"ref": "X-2"})])
    made.drain()
    return made


def rows_of(firm: Firm, row: type[Any]) -> list[Any]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(row).order_by(row.id)))


def ticks(page: str, name: str = "tick") -> list[str]:
    return re.findall(rf'type="checkbox" name="{name}" form="bulk" value="([^"]+)"', page)


def results(page: str) -> list[tuple[str, str]]:
    """(Done or Not done, what the row is called and what became of it) of each row of the result."""
    (table,) = re.findall(r'<section class="card results".*?</section>', page, flags=re.DOTALL)
    said = []
    for row in re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", table, flags=re.DOTALL):
        label, _, rest = unescape(re.sub(r"<[^>]+>", " ", row.replace("</th>", "|"))).partition("|")
        how, _, text = " ".join(rest.replace("\u00a0", " ").split()).partition(" ")
        if how == "Not":
            how, text = "Not done", text.removeprefix("done ")
        said.append((how, f"{' '.join(label.replace(chr(0xA0), ' ').split())}: {text}"))
    return said


def act(by: Person, name: str, action: str, *ticked: str, **more: str) -> list[tuple[str, str]]:
    status, page = by.post(f"lists/{name}/bulk", action=action, tick=list(ticked), **more)
    assert status == 200, page
    return results(page)


def test_held_things_are_taken_given_and_checked_again(firm: Firm, log_in_to: LogIn, people: People) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    other = people.person("other@acme.example", "billing_clerk", tenant=firm.tenant)
    stranger = people.person("stranger@acme.example")
    _, page = clerk.get("exceptions?owner=all")
    own = ticks(page)
    held = [row for row in rows_of(firm, ExceptionRow) if row.closed_at is None]
    assert {tick.partition(":")[0] for tick in own} == {show("exc", row.id) for row in held}
    draft = next(tick for tick in own if "inv_" in tick)
    gone = f"{show('exc', new_id())}:"

    said = act(clerk, "exceptions", "take", draft, gone)
    assert [how for how, _ in said] == ["Done", "Not done"]
    assert said[0][1].endswith("Held Ltd: It is yours now.")
    assert "There is no exception" in said[1][1]
    assert "Clerk" in clerk.get("exceptions?assigned=me&owner=all")[1]
    assert ticks(clerk.get("exceptions?assigned=me&owner=all")[1]) == [draft]

    assert act(clerk, "exceptions", "give", draft, person=show("per", other))[0][0] == "Done"
    assert act(clerk, "exceptions", "give", draft)[0] == (
        "Not done",
        said[0][1].split(":")[0] + ": Choose the person whom it is given to.",
    )
    assert "has no role here" in act(clerk, "exceptions", "give", draft, person=show("per", stranger))[0][1]
    assert [entry.action for entry in entries(firm, "exception.assigned")] == ["exception.assigned"] * 2

    said = act(clerk, "exceptions", "check", draft, f"{show('exc', held[0].id)}:")
    assert [how for how, _ in said] == ["Done", "Not done"]
    assert next(row for row in rows_of(firm, InvoiceRow) if show("inv", row.id) in draft).detail == "submitted"


def test_a_deed_is_offered_and_done_by_permission(firm: Firm, log_in_to: LogIn) -> None:
    auditor = log_in_to(firm, "auditor@acme.example", "auditor")
    _, page = auditor.get("exceptions?owner=all")
    assert ticks(page) == []
    assert 'id="bulk"' not in page
    for action in ("take", "give", "check"):
        status, page = auditor.post("lists/exceptions/bulk", action=action, tick=f"{show('exc', new_id())}:")
        assert status == 403, action
    assert auditor.post("lists/messages/bulk", action="retry", tick="x")[0] == 403
    assert auditor.post("lists/postings/bulk", action="retry", tick="x")[0] == 403
    assert auditor.post("lists/deliveries/bulk", action="retry", tick="x")[0] == 403
    assert auditor.post("lists/jobs/bulk", action="retry", tick="x")[0] == 403
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    assert clerk.post("lists/exceptions/bulk", action="burn", tick="x")[0] == 422
    status, page = clerk.post("lists/exceptions/bulk", action="take")
    assert status == 422
    assert "Nothing is ticked" in page
    assert len(ticks(clerk.get("exceptions")[1])) == len(ticks(page)) > 0
    assert clerk.post("lists/exceptions/bulk", action="take", tick=[f"exc_{n}" for n in range(TICKS_MAX + 1)])[0] == 422


def test_several_drafts_are_approved_each_on_what_was_seen(firm: Firm, log_in_to: LogIn) -> None:
    manager = log_in_to(firm, "manager@acme.example", "manager_approver")
    one, two = ticks(manager.get("approvals")[1], "draft")
    shown, _, _ = two.partition(":")
    status, page = manager.post(
        "approvals", draft=[one, f"{shown}:{'0' * 64}", one, f"{show('inv', new_id())}:{'0' * 64}"]
    )
    assert status == 200
    said = results(page)
    assert [how for how, _ in said] == ["Done", "Not done", "Not done"]
    assert "is approved by you and now waits for finance" in said[0][1]
    assert "changed since you opened it" in said[1][1]
    assert said[1][1].startswith("Draft of EUR 10,000.00 to Client C2")
    assert ticks(page, "draft") == [two]
    status, page = manager.post("approvals")
    assert (status, ticks(page, "draft")) == (422, [two])
    assert "Nothing is ticked" in page


def test_nobody_approves_their_own_work_among_others(firm: Firm, log_in_to: LogIn) -> None:
    firm.customer("C4", name="Hours Ltd")
    firm.contract("K4", customer="C4", billing="time_and_materials")
    firm.send(
        "rate_card", ref="R4", contract="K4", currency="EUR",
        rates=[{"role": "Principal", "hourly": "190.00", "effective_from": "2026-01-01"}],
    )  # fmt: skip
    firm.send(
        "time_entry", ref="T4", contract="K4", person_name="Mia", person_email="manager@acme.example", role="Principal",
        worked_on="2026-02-20", hours="8", note="Audit", status="approved", approved_by="Ines Okafor",
    )  # fmt: skip
    manager = log_in_to(firm, "manager@acme.example", "manager_approver")
    _, page = manager.get("approvals")
    assert len(ticks(page, "draft")) == 2
    own = next(row for row in firm.invoices() if row.net_minor == 190 * 8 * 100)
    _, page = manager.post("approvals", draft=[f"{show('inv', own.id)}:{own.content_sha256}", *ticks(page, "draft")])
    assert [how for how, _ in results(page)] == ["Not done", "Done", "Done"]
    assert "somebody else has to approve it" in results(page)[0][1]


def test_held_messages_are_tried_again_one_by_one(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    _, page = clerk.get("messages")
    held = ticks(page)
    assert len(held) == 2
    applied = next(row for row in rows_of(firm, SourceMessageRow) if row.state == "applied")
    said = act(clerk, "messages", "retry", *held, show("msg", applied.id), "nonsense")
    assert [how for how, _ in said] == ["Done", "Done", "Not done", "Not done"]
    assert "not held any more" in said[2][1]
    assert len(entries(firm, "messages.retried")) == 2


def connection(firm: Firm) -> UUID:
    row: dict[str, Any] = {
        "id": new_id(), "name": "books", "connector": "tryton", "source": "connections/books", "settings": {}, "secrets": None,
        "hook_secret": None, "person_id": None, "enabled": True,
    }  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(insert(ConnectionRow), [row])
    made: UUID = row["id"]
    return made


def stuck_postings(firm: Firm) -> list[UUID]:
    """A posting that failed, one that does not agree."""
    books, now = connection(firm), firm.clock.now()
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(), "invoice_id": invoice.id, "connection_id": books, "key": str(invoice.id), "state": state,
            "attempts": 3, "external_id": None, "external_number": None, "read_back": None, "error": "The books said no.",
            "remedy": "Ask them why.", "intended_at": now, "posted_at": None,
        }
        for invoice, state in zip(firm.invoices(), ("failed", "mismatch"), strict=False)
    ]  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(insert(PostingRow), rows)
    return [row["id"] for row in rows]


def test_stuck_postings_are_posted_again_but_for_one_that_was_mended_meanwhile(firm: Firm, log_in_to: LogIn) -> None:
    failed, differs = stuck_postings(firm)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    _, page = clerk.get("connectors/postings")
    assert ticks(page) == [show("pst", failed), show("pst", differs)]
    assert "To mend:</b> Ask them why." in page
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(PostingRow).where(PostingRow.id == differs).values(state="posted"))
    said = act(clerk, "postings", "retry", show("pst", differs), show("pst", failed), show("pst", new_id()))
    assert [how for how, _ in said] == ["Not done", "Done", "Not done"]
    assert "nothing is left to do" in said[0][1]
    assert "Another attempt at books is on its way" in said[1][1]
    assert len(entries(firm, "posting.retried")) == 1


def test_mails_that_did_not_arrive_are_sent_again(firm: Firm, log_in_to: LogIn) -> None:
    invoice, now = firm.invoices()[0], firm.clock.now()
    mails: list[dict[str, Any]] = [
        {
            "id": new_id(), "key": f"mail:{state}", "subject_kind": "invoice", "subject_id": invoice.id, "channel": "email",
            "recipient": "ap@client.example", "state": state, "attempts": 2, "message_ref": None, "outcome": "550 no such user",
            "intended_at": now, "finished_at": now,
        }
        for state in ("refused", "sent")
    ]  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(insert(DeliveryRow), mails)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    _, page = clerk.get("connectors/deliveries")
    assert "550 no such user" in page
    shown = [show("del", each["id"]) for each in mails]
    assert ticks(page) == shown[:1]
    said = act(clerk, "deliveries", "retry", *shown)
    assert [how for how, _ in said] == ["Done", "Not done"]
    assert "never sent twice" in said[1][1]


def test_jobs_that_gave_up_run_again(firm: Firm, log_in_to: LogIn) -> None:
    now = firm.clock.now()
    jobs: list[dict[str, Any]] = [
        {
            "id": new_id(), "tenant_id": firm.tenant.id, "role_name": firm.tenant.role, "queue": "documents",
            "kind": "documents.render", "key": f"render:{number}", "payload": {}, "state": state, "run_at": now, "attempts": 8,
            "error": "The printer is on fire." if state == "dead" else None, "created_at": now, "updated_at": now,
        }
        for number, state in ((1, "dead"), (2, "dead"), (2, "queued"))
    ]  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(insert(JobRow), jobs)
    admin = log_in_to(firm, "admin@acme.example", "tenant_administrator")
    _, page = admin.get("connectors/jobs")
    shown = [show("job", each["id"]) for each in jobs[:2]]
    assert sorted(ticks(page)) == sorted(shown)
    assert "The printer is on fire." in page
    said = act(admin, "jobs", "retry", *shown)
    assert said == [
        ("Done", "documents.render: It runs again, with fresh attempts."),
        ("Done", "documents.render: The same work waits already under another job, which does it."),
    ]
    assert ticks(admin.get("connectors/jobs")[1]) == []


def test_a_failure_of_ours_stops_no_other_row_and_says_no_detail() -> None:
    class Failing:
        trace_id = "abc123"

    def run(_visit: Any, tick: str, _form: Any) -> str:
        return f"{10 // int(tick)}"

    action = Action(key="divide", label="Divide", icon="x", needs=(), run=run)
    found = run_action(action, Failing(), ["5", "0", "2"], {}, {"0": ("Zero", "")})  # type: ignore[arg-type] # of a visit it needs the trace only
    assert [(each.ok, each.text) for each in found if each.ok] == [(True, "2"), (True, "5")]
    assert (found[1].label, found[1].ok) == ("Zero", False)
    assert "Say abc123" in found[1].text
    assert "ZeroDivision" not in found[1].text
