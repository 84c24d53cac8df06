"""Rule ``purchase_order``: the customer's purchase order is there, still valid, and covers the amount.

In: a draft with the totals of its contracts. Does: for each contract with lines in the draft, looks for the order, its
last day and what is left of its value. Out: blocking findings, and a warning when the order is nearly used up.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import ContractTotals, DraftView, Finding
from billwright.kernel.money import Money
from billwright_plugins.amounts import billed_here

WAIVABLE: Final = frozenset({"purchase_order_missing", "purchase_order_expired", "purchase_order_exceeded"})


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    warn_at_percent: Annotated[
        int,
        Meta(ge=1, le=100, description="Warn from this share of the order's value on: a whole number from 1 to 100."),
    ] = 90


@hookimpl
def examine_draft(draft: DraftView, settings: Mapping[str, Any]) -> Sequence[Finding]:
    """At most one finding about the order's presence or validity and one about its value, per contract."""
    chosen = msgspec.convert(settings, Settings)
    found: list[Finding | None] = []
    for totals, here in billed_here(draft):
        found += [_presence(draft, totals), _value(totals, here, chosen.warn_at_percent)]
    return [finding for finding in found if finding is not None]


def _presence(draft: DraftView, totals: ContractTotals) -> Finding | None:
    if not totals.purchase_order:
        return _missing(draft, totals) if draft.customer_po_required else None
    last_day = totals.purchase_order_valid_until
    if last_day is None or draft.today <= last_day:
        return None
    return Finding(
        code="purchase_order_expired",
        severity="blocking",
        subject="draft",
        message=f"Purchase order {totals.purchase_order} of contract {totals.number} ended on {last_day.isoformat()}.",
        remedy="Ask the customer to extend the order or to give a new one, and send it with the contract.",
        owner_role="contract_administrator",
        evidence={"contract": totals.number, "purchase_order": totals.purchase_order, "ended_on": last_day.isoformat()},
    )


def _missing(draft: DraftView, totals: ContractTotals) -> Finding:
    return Finding(
        code="purchase_order_missing",
        severity="blocking",
        subject="draft",
        message=f"{draft.customer_name} demands a purchase order, and contract {totals.number} has none.",
        remedy="Ask the customer for the number of the order, and send it with the contract.",
        owner_role="contract_administrator",
        evidence={"contract": totals.number},
    )


def _value(totals: ContractTotals, here: Money, warn_at_percent: int) -> Finding | None:
    if not totals.purchase_order or totals.purchase_order_minor is None or totals.currency is None:
        return None
    if totals.currency != here.currency:
        return _not_comparable(totals, here)
    value = Money(totals.purchase_order_minor, here.currency)
    billed = Money(totals.purchase_order_billed_minor, here.currency)
    after = billed + here
    if after.minor > value.minor:
        return _exceeded(totals, value=value, billed=billed, here=here)
    if Fraction(after.minor) * 100 >= Fraction(value.minor) * warn_at_percent:
        return _nearly_used(totals, value=value, after=after)
    return None


def _exceeded(totals: ContractTotals, *, value: Money, billed: Money, here: Money) -> Finding:
    over = billed + here - value
    return Finding(
        code="purchase_order_exceeded",
        severity="blocking",
        subject="draft",
        message=(
            f"Purchase order {totals.purchase_order} is worth {value}; {billed} is billed on it already, "
            f"and this draft of {here} exceeds it by {over}."
        ),
        remedy="Ask the customer to raise the order or to give a new one, or take lines off the draft.",
        owner_role="contract_administrator",
        evidence={
            "contract": totals.number,
            "purchase_order": totals.purchase_order,
            "value": str(value),
            "billed": str(billed),
            "draft": str(here),
            "over": str(over),
        },
    )


def _nearly_used(totals: ContractTotals, *, value: Money, after: Money) -> Finding:
    return Finding(
        code="purchase_order_nearly_used",
        severity="warning",
        subject="draft",
        message=(
            f"With this draft {after} of the {value} of purchase order {totals.purchase_order} are billed; "
            f"{value - after} is left."
        ),
        remedy="Ask the customer for the next order in good time.",
        owner_role="contract_administrator",
        evidence={
            "contract": totals.number,
            "purchase_order": totals.purchase_order,
            "value": str(value),
            "after": str(after),
            "left": str(value - after),
        },
    )


def _not_comparable(totals: ContractTotals, here: Money) -> Finding:
    return Finding(
        code="purchase_order_currency_differs",
        severity="warning",
        subject="draft",
        message=(
            f"Purchase order {totals.purchase_order} is in {totals.currency} and this draft in {here.currency}, "
            "so what is left of the order cannot be told."
        ),
        remedy="Compare the order with the draft by hand before you approve it.",
        owner_role="billing_clerk",
        evidence={"contract": totals.number, "purchase_order": totals.purchase_order, "draft": str(here)},
    )
