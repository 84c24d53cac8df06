"""The invoice page: waivers asked for and decided in it, what is tried again from it, and how few statements it takes."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from billwright.checks.tables import FindingRow, WaiverRow
from billwright.delivery.tables import DeliveryRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id, show
from billwright.posting.tables import PostingRow
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import transaction
from support.pipeline import AUTOMATIC, Firm
from support.visitors import LogIn, Person, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
STATEMENTS_MAX = 9
REASON = "The customer pays without an order."


@pytest.fixture
def held(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """A draft that lacks its purchase order."""
    rules = (RuleSetting(name="purchase_order"), RuleSetting(name="duplicate_billing"))
    approvals = (ApprovalRule(name="all", steps=("manager",)),)
    firm = make_firm(
        TenantConfiguration(render_documents=False, deliver_by_mail=False, rules=rules, approvals=approvals)
    )
    firm.customer(po_required=True)
    firm.contract()
    firm.milestone()
    firm.send(
        "evidence", ref="E1", contract="K1", milestones=["M1"], title="Signed protocol", uri="https://dms.example/1"
    )
    firm.accept()
    return firm


def page_of(firm: Firm) -> str:
    return f"invoices/{show('inv', firm.invoice().id)}"


def finding(firm: Firm) -> UUID:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return tx.session.scalars(select(FindingRow.id).where(FindingRow.resolved_at.is_(None))).one()


def waiver(firm: Firm) -> WaiverRow:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return tx.session.scalars(select(WaiverRow)).one()


def ask(firm: Firm, person: Person, **more: str) -> tuple[int, str]:
    fields = {
        "finding": show("fnd", finding(firm)),
        "content_sha256": firm.invoice().content_sha256,
        "reason": REASON,
        "evidence": "Letter of 1 March",
    } | more
    return person.post(f"{page_of(firm)}/waivers", **fields)


def test_a_finding_is_asked_to_pass_in_its_place_and_decided_there(held: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(held, "clerk@acme.example", "billing_clerk")
    lead = log_in_to(held, "lead@acme.example", "manager_approver")
    path = page_of(held)
    _, before = clerk.get(path)
    assert "Ask for a waiver of this finding" in text_of(before)
    assert "Ask for a waiver" not in text_of(lead.get(path)[1])
    status, place = ask(held, clerk)
    assert (status, place) == (303, f"{clerk.base}/{path}")
    asked = text_of(clerk.get(path)[1])
    assert f"Asked by Clerk, just now : “{REASON}” Proof: Letter of 1 March" in asked
    assert "Let this finding pass" not in asked
    assert "Let this finding pass" in text_of(lead.get(path)[1])
    inbox = text_of(lead.get("approvals")[1])
    assert "Findings that somebody asks to let pass" in inbox
    assert REASON in inbox
    assert REASON not in text_of(log_in_to(held, "auditor@acme.example", "auditor").get("invoices")[1])
    decide = f"waivers/{show('wvr', waiver(held).id)}/decide"
    fields = {"decision": "grant", "reason": "I saw the letter.", "invoice": show("inv", held.invoice().id)}
    assert lead.post(decide, **fields) == (303, f"{lead.base}/{path}")
    held.drain()
    after = text_of(clerk.get(path)[1])
    assert "Waived" in after
    assert "Granted by Lead, just now : “I saw the letter.”" in after
    assert held.invoice().detail == "awaiting_manager"
    assert "You asked for or granted a waiver" in text_of(lead.get(path)[1])
    other = log_in_to(held, "second@acme.example", "manager_approver")
    assert "Lead let this pass: “I saw the letter.”" in text_of(other.get("approvals")[1])


def test_what_is_not_allowed_is_refused_with_its_sentence(held: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(held, "clerk@acme.example", "billing_clerk")
    lead = log_in_to(held, "lead@acme.example", "manager_approver")
    assert ask(held, lead)[0] == 403
    assert ask(held, clerk, reason=" ")[0] == 422
    assert ask(held, clerk, content_sha256="0" * 64)[0] == 409
    assert ask(held, clerk, finding=show("fnd", new_id()))[0] == 404
    assert ask(held, clerk, csrf="forged")[0] == 403
    assert ask(held, clerk)[0] == 303
    assert ask(held, clerk)[0] == 409
    decide = f"waivers/{show('wvr', waiver(held).id)}/decide"
    given = {"decision": "grant", "reason": "Fine.", "invoice": show("inv", held.invoice().id)}
    assert clerk.post(decide, **given)[0] == 403
    assert lead.post(decide, **given | {"reason": ""})[0] == 422
    assert lead.post(decide, **given | {"decision": "perhaps"})[0] == 422
    assert lead.post(decide, **given | {"csrf": "forged"})[0] == 403
    assert lead.post(f"waivers/{show('wvr', new_id())}/decide", **given)[0] == 404
    assert waiver(held).state == "waiting"


def test_a_finding_that_never_passes_offers_nothing(
    make_firm: Callable[[TenantConfiguration], Firm], log_in_to: LogIn
) -> None:
    rules = (RuleSetting(name="purchase_order", waivable=()),)
    firm = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False, rules=rules))
    firm.customer(po_required=True)
    firm.contract()
    firm.milestone()
    firm.accept()
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    assert "Ask for a waiver" not in text_of(clerk.get(page_of(firm))[1])


@pytest.fixture
def issued(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """An invoice that was neither posted nor mailed."""
    firm = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    invoice = firm.invoice()
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        delivery = {
            "id": new_id(), "key": "mail", "subject_kind": "invoice", "subject_id": invoice.id, "channel": "email",
            "recipient": "old@client.example", "state": "refused", "outcome": "no such box", "intended_at": tx.now, "attempts": 1,
        }  # fmt: skip
        posting = {
            "id": new_id(), "invoice_id": invoice.id, "connection_id": new_id(), "key": "post", "state": "rejected",
            "error": "The period is closed.", "remedy": "Open it.", "intended_at": tx.now, "attempts": 1,
        }  # fmt: skip
        insert_many(tx.session, DeliveryRow, [delivery])
        insert_many(tx.session, PostingRow, [posting])
    return firm


def test_what_did_not_leave_the_house_is_tried_again_from_here(issued: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(issued, "clerk@acme.example", "billing_clerk")
    path = page_of(issued)
    page = clerk.get(path)[1]
    seen = text_of(page)
    assert f"Mail {issued.invoice().number} to ap@client.example again" in seen
    assert f"Post {issued.invoice().number} to" in seen
    assert "nothing is posted twice" in seen
    (mail,) = re.findall(r"deliveries/(del_\w+)/retry", page)
    assert clerk.post(f"{path}/deliveries/{mail}/retry") == (303, f"{clerk.base}/{path}")
    with transaction(issued.database, issued.tenant, SYSTEM) as tx:
        assert tx.session.scalars(select(DeliveryRow.state)).one() == "failed"
    auditor = log_in_to(issued, "auditor@acme.example", "auditor")
    assert "again" not in text_of(auditor.get(path)[1]).partition("Sent and posted")[2].partition("Money")[0]
    assert auditor.post(f"{path}/deliveries/{mail}/retry")[0] == 403
    assert clerk.post(f"{path}/deliveries/{show('del', new_id())}/retry")[0] == 404
    assert clerk.post(f"{path}/postings/{show('pst', new_id())}/retry")[0] == 404


def test_the_whole_page_takes_nine_statements_at_most(held: Firm, issued: Firm, log_in_to: LogIn) -> None:
    for firm, email in ((held, "one@acme.example"), (issued, "two@acme.example")):
        person = log_in_to(firm, email, "manager_approver", "auditor")
        path = page_of(firm)
        with counted_statements(firm.database) as statements:
            status, page = person.get(path)
        assert status == 200
        assert len(statements) <= STATEMENTS_MAX, "\n".join(statements)
    assert "Signed protocol" in log_in_to(held, "three@acme.example", "auditor").get(page_of(held))[1]
    assert "EUR" in page
