"""Write-downs and write-ups by people: billed as set, with reason, by nobody who approves, and only while the price stands."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.billing.adjust_item import adjust_item
from billwright.billing.errors import ItemStateError
from billwright.billing.tables import BillableItemRow, InvoiceLineRow, ItemAdjustmentRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError, PermissionDeniedError, SelfApprovalError
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person
from support.races import offenders

FINANCE = "invoice:approve_finance"
CLERK = person("Cleo Clerk", "item:adjust", FINANCE)
FIN = person("Fin Ance", FINANCE)


@pytest.fixture
def draft(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One draft of two entries, 600.00 each, which waits for finance."""
    rows = (ApprovalRule(name="finance", steps=("finance",)),)
    firm = make_firm(TenantConfiguration(approvals=rows, render_documents=False, deliver_by_mail=False))
    firm.customer()
    firm.contract(billing="time_and_materials")
    rates = [{"role": "Engineer", "hourly": "120.00", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    firm.store([firm.event("time_entry", an_entry(day)) for day in (2, 3)])
    firm.drain()
    return firm


def an_entry(number: int, hours: str = "5") -> dict[str, Any]:
    return {
        "ref": f"T{number}", "contract": "K1", "person_name": "Ann Lee", "role": "Engineer",
        "worked_on": f"2026-02-{number:02d}", "hours": hours, "status": "approved",
    }  # fmt: skip


def first(firm: Firm) -> BillableItemRow:
    return min(firm.items().values(), key=lambda row: str(row.service_to))


def adjust(firm: Firm, minor: int | None, actor: Actor = CLERK, **given: Any) -> None:
    amount = None if minor is None else Money(minor, given.pop("currency", "EUR"))
    fields: dict[str, Any] = {"amount": amount, "reason_code": "rework", "text": "We did it twice."} | given
    adjust_item(firm.database, firm.tenant, actor, first(firm).id, **fields)
    firm.drain()


@pytest.mark.parametrize(("minor", "net"), [(450_00, 1050_00), (700_00, 1300_00)])
def test_the_draft_bills_what_the_person_set_and_another_person_approves(draft: Firm, minor: int, net: int) -> None:
    seen = draft.invoice().content_sha256
    adjust(draft, minor)

    item = first(draft)
    assert (item.state, item.amount_minor, item.standard_minor) == ("drafted", minor, 600_00)
    assert (item.adjusted_by, item.notes) == ("person:rework", ["adjusted_by_person"])
    assert draft.invoice().net_minor == net
    assert draft.invoice().content_sha256 != seen
    with pytest.raises(SelfApprovalError):
        draft.decide(CLERK)
    draft.decide(FIN)
    assert draft.invoice().phase == "issued"
    with transaction(draft.database, draft.tenant, SYSTEM) as tx:
        lines = tx.session.scalars(select(InvoiceLineRow).order_by(InvoiceLineRow.net_minor)).all()
        audited = tx.session.scalars(select(AuditEntryRow).where(AuditEntryRow.action == "item.adjusted")).one()
        kept = tx.session.scalars(select(ItemAdjustmentRow)).one()
    assert sorted((line.net_minor, line.standard_minor) for line in lines) == sorted([(600_00, None), (minor, 600_00)])
    assert (audited.reason, kept.text, kept.actor_name) == ("We did it twice.", "We did it twice.", "Cleo Clerk")
    assert offenders(draft) == []


def test_written_down_to_nothing_leaves_the_draft_and_can_be_taken_back(draft: Firm) -> None:
    adjust(draft, 0)
    assert (first(draft).state, first(draft).amount_minor, first(draft).reasons) == ("written_down", 0, [])
    assert draft.invoice().net_minor == 600_00
    adjust(draft, None)

    assert (first(draft).state, first(draft).amount_minor, first(draft).standard_minor) == ("drafted", 600_00, None)
    assert sum(invoice.net_minor for invoice in draft.invoices()) == 1200_00


def test_when_the_price_changes_the_item_waits_for_a_new_decision(draft: Firm) -> None:
    adjust(draft, 450_00)
    draft.send("time_entry", **an_entry(2, "6"))

    assert (first(draft).state, first(draft).reasons) == ("waiting", ["adjustment_outdated"])
    adjust(draft, 500_00)
    assert (first(draft).state, first(draft).amount_minor, first(draft).standard_minor) == ("drafted", 500_00, 720_00)


@pytest.mark.parametrize(
    ("minor", "given", "refusal"),
    [
        (450_00, {"actor": person("Nobody")}, PermissionDeniedError),
        (450_00, {"actor": SYSTEM}, PermissionDeniedError),
        (450_00, {"reason_code": "because"}, InputInvalidError),
        (450_00, {"text": " "}, InputInvalidError),
        (450_00, {"currency": "USD"}, InputInvalidError),
        (-1, {}, InputInvalidError),
        (600_00, {}, InputInvalidError),
        (None, {}, ItemStateError),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    draft: Firm, minor: int | None, given: dict[str, Any], refusal: type[Exception]
) -> None:
    before = draft.invoice().content_sha256
    with pytest.raises(refusal):
        adjust(draft, minor, **given)

    assert draft.invoice().content_sha256 == before


def test_what_is_billed_is_credited_instead(draft: Firm) -> None:
    draft.decide(FIN)
    with pytest.raises(ItemStateError, match="credit"):
        adjust(draft, 450_00)
    with pytest.raises(NotFoundError):
        adjust_item(draft.database, draft.tenant, CLERK, new_id(), amount=None, reason_code="rework", text="Not there.")
