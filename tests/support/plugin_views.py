"""Views for tests of rules and triggers: small, complete, each field may be given."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billwright.extension.views import (
    BilledLineView,
    ChangeOrderView,
    ContractTotals,
    ContractView,
    DecisionView,
    DraftView,
    ExpenseView,
    LineView,
    MilestoneView,
    PriceView,
    RateView,
    TimeEntryView,
)
from billwright.kernel.money import Money

START = datetime(2025, 3, 1, tzinfo=UTC)


def _with(given: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return defaults | given


def day(number: int | float) -> datetime:
    """``number`` days after 1 March 2025, UTC."""
    return START + timedelta(days=number)


def a_contract(**given: Any) -> ContractView:
    return ContractView(
        **_with(
            given,
            {
                "id": "c1",
                "number": "C-1",
                "title": "Bridge",
                "known": True,
                "customer_id": "cu1",
                "customer_known": True,
                "project_id": None,
                "project_name": "",
                "signed_on": date(2025, 1, 15),
                "currency": "EUR",
                "value": Decimal(1000),
                "billing": "fixed_price",
                "acceptance_settles_after_days": 0,
                "status": "active",
                "version_id": "v1",
                "versions": ((None, "v1"),),
                "milestones": (),
                "change_orders": (),
                "rates": (),
                "time_entries": (),
                "expenses": (),
                "now": day(100),
            },
        )
    )


def a_milestone(**given: Any) -> MilestoneView:
    return MilestoneView(
        **_with(
            given,
            {
                "id": "m1",
                "number": "1",
                "name": "Design approved",
                "basis": "fixed",
                "percent": None,
                "acceptance_required": True,
                "due_on": None,
                "clause": "4.1",
                "removed": False,
                "prices": (a_price(1000),),
                "decisions": (),
                "evidence_ids": (),
                "change_order_id": None,
                "message_id": "msg-milestone",
                "known": True,
            },
        )
    )


def a_price(amount: int | str | None, currency: str | None = "EUR", **given: Any) -> PriceView:
    return PriceView(
        **_with(
            given,
            {
                "effective_at": None,
                "amount": None if amount is None else Decimal(amount),
                "currency": currency,
                "raw": "",
                "change_order_id": None,
                "contract_version_id": None,
            },
        )
    )


def a_decision(decision: str, at: datetime, **given: Any) -> DecisionView:
    return DecisionView(
        **_with(
            given,
            {
                "id": f"d-{decision}-{at.isoformat()}",
                "decision": decision,
                "decided_at": at,
                "decided_by": "Ann",
                "items_open": 0,
                "message_id": "msg-decision",
            },
        )
    )


def a_change_order(identifier: str, signed_at: datetime | None, value_after: int | None = None) -> ChangeOrderView:
    return ChangeOrderView(
        id=identifier,
        number=identifier,
        title="",
        signed_at=signed_at,
        value_after=None if value_after is None else Decimal(value_after),
    )


def a_rate(identifier: str, hourly: str, since: date, **given: Any) -> RateView:
    return RateView(
        **_with(
            given,
            {
                "id": identifier,
                "role": "",
                "person_email": None,
                "hourly": Decimal(hourly),
                "currency": "EUR",
                "effective_from": since,
            },
        )
    )


def a_time_entry(**given: Any) -> TimeEntryView:
    return TimeEntryView(
        **_with(
            given,
            {
                "id": "t1",
                "person_name": "Ann Lee",
                "person_email": "ann@example.com",
                "role": "Engineer",
                "worked_on": date(2025, 3, 10),
                "hours": Decimal("7.5"),
                "note": "Load test",
                "status": "approved",
                "approved_by": "Bob",
                "change_order_id": None,
                "message_id": "msg-time",
            },
        )
    )


def an_expense(**given: Any) -> ExpenseView:
    return ExpenseView(
        **_with(
            given,
            {
                "id": "e1",
                "person_name": "Ann Lee",
                "spent_on": date(2025, 3, 10),
                "category": "Travel",
                "description": "Train to the site",
                "amount": Decimal("84.50"),
                "currency": "EUR",
                "status": "approved",
                "approved_by": "Bob",
                "receipt_uri": "",
                "message_id": "msg-expense",
            },
        )
    )


def a_line(**given: Any) -> LineView:
    net = given.pop("net", Money(100_000, "EUR"))
    identifier = given.pop("id", "l1")
    return LineView(
        **_with(
            given,
            {
                "id": identifier,
                "transaction_key": f"milestone:c1:{identifier}:1",
                "kind": "milestone",
                "description": "Milestone 1 — Design approved",
                "quantity": Decimal(1),
                "unit_price": net.decimal,
                "net": net,
                "tax_category": "S",
                "service_from": None,
                "service_to": date(2025, 3, 10),
                "contract_id": "c1",
                "contract_number": "C-1",
                "milestone_id": "m1",
                "milestone_number": "1",
                "acceptance_required": True,
                "accepted_at": day(9),
                "acceptance_items_open": 0,
                "change_order_id": None,
                "change_order_number": "",
                "change_order_signed": None,
                "evidence_count": 1,
                "subject_id": f"subject-{identifier}",
            },
        )
    )


def totals(**given: Any) -> ContractTotals:
    return ContractTotals(
        **_with(
            given,
            {
                "contract_id": "c1",
                "number": "C-1",
                "currency": "EUR",
                "value_minor": 1_000_000,
                "billed_minor": 0,
                "purchase_order": "",
                "purchase_order_minor": None,
                "purchase_order_valid_until": None,
                "purchase_order_billed_minor": 0,
            },
        )
    )


def a_draft(*lines: LineView, **given: Any) -> DraftView:
    return DraftView(
        **_with(
            given,
            {
                "id": "draft-1",
                "legal_entity": "Main",
                "customer_id": "cu1",
                "customer_name": "Harbour Authority",
                "customer_po_required": False,
                "currency": "EUR",
                "today": date(2025, 4, 1),
                "lines": lines or (a_line(),),
                "contracts": (totals(),),
                "history": (),
            },
        )
    )


def a_billed_line(**given: Any) -> BilledLineView:
    return BilledLineView(
        **_with(
            given,
            {
                "invoice_id": "inv-1",
                "invoice_label": "invoice 2025-0007",
                "transaction_key": "milestone:c1:m9:1",
                "subject_id": "m9",
                "contract_id": "c1",
                "description": "Milestone 1 — Design approved",
                "net": Money(100_000, "EUR"),
                "service_from": None,
                "service_to": date(2025, 3, 10),
            },
        )
    )
