"""Rule ``contract_value``: no more is billed on a contract than it is worth.

In: a draft with the totals of its contracts. Does: adds the draft to what is billed already. Out: a blocking finding when
the sum exceeds the contract's value and tolerance; a warning when the currencies differ and nothing can be compared, and
when work over a soft cap is billed.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import ContractTotals, DraftView, Finding, LineView
from billwright.kernel.money import Money
from billwright_plugins.amounts import billed_here

WAIVABLE: Final = frozenset({"contract_value_exceeded"})


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    tolerance_percent: Annotated[
        Decimal, Meta(description='By how much the value may be exceeded: a percentage from 0 to 100, such as "2.5".')
    ] = Decimal(0)

    def __post_init__(self) -> None:
        """msgspec has no bounds for decimals.

        Raises:
            ValueError: the tolerance is no percentage; msgspec makes a ValidationError of it.
        """
        if not self.tolerance_percent.is_finite() or not 0 <= self.tolerance_percent <= 100:
            raise ValueError("Expected a percentage from 0 to 100")


@hookimpl
def examine_draft(draft: DraftView, settings: Mapping[str, Any]) -> Sequence[Finding]:
    """At most one finding per contract about its value, and one about its soft caps."""
    chosen = msgspec.convert(settings, Settings)
    found = [_examine(totals, here, chosen.tolerance_percent) for totals, here in billed_here(draft)]
    return [*(finding for finding in found if finding is not None), *_over_soft_caps(draft)]


def _over_soft_caps(draft: DraftView) -> list[Finding]:
    """A warning per contract of which this draft bills work over a cap that only warns."""
    over: dict[str, list[LineView]] = {}
    for line in draft.lines:
        if "over_soft_cap" in line.notes:
            over.setdefault(line.contract_number, []).append(line)
    return [_over_soft_cap(number, lines) for number, lines in over.items()]


def _over_soft_cap(number: str, lines: Sequence[LineView]) -> Finding:
    billed = sum((line.net for line in lines[1:]), start=lines[0].net)
    return Finding(
        code="over_soft_cap",
        severity="warning",
        subject="draft",
        message=f"This draft bills {billed} of work on contract {number} that came when a cap of it was reached.",
        remedy="Ask the customer whether the overrun is agreed, or have a change order signed that raises the cap.",
        owner_role="contract_administrator",
        evidence={"contract": number, "billed": str(billed), "items": len(lines)},
    )


def _examine(totals: ContractTotals, here: Money, tolerance_percent: Decimal) -> Finding | None:
    if totals.currency is not None and totals.currency != here.currency:
        return _currency_differs(totals, here)
    if totals.value_minor is None:
        return None
    value, billed = Money(totals.value_minor, here.currency), Money(totals.billed_minor, here.currency)
    limit = Fraction(value.minor) * (100 + Fraction(tolerance_percent)) / 100
    if (billed + here).minor <= limit:
        return None
    return _exceeded(totals, value=value, billed=billed, here=here, tolerance_percent=tolerance_percent)


def _exceeded(
    totals: ContractTotals, *, value: Money, billed: Money, here: Money, tolerance_percent: Decimal
) -> Finding:
    over = billed + here - value
    allowed = f" (a tolerance of {tolerance_percent} % is allowed)" if tolerance_percent else ""
    return Finding(
        code="contract_value_exceeded",
        severity="blocking",
        subject="draft",
        message=(
            f"Contract {totals.number} is worth {value}; {billed} is billed already, "
            f"and this draft of {here} exceeds it by {over}{allowed}."
        ),
        remedy="Agree a change order that raises the contract's value, or take lines off the draft.",
        owner_role="contract_administrator",
        evidence={
            "contract": totals.number,
            "value": str(value),
            "billed": str(billed),
            "draft": str(here),
            "over": str(over),
        },
    )


def _currency_differs(totals: ContractTotals, here: Money) -> Finding:
    return Finding(
        code="contract_currency_differs",
        severity="warning",
        subject="draft",
        message=(
            f"Contract {totals.number} is in {totals.currency} and this draft in {here.currency}, "
            "so what is left of the contract's value cannot be told."
        ),
        remedy="Check that the customer agreed to be billed in this currency, and compare the amounts by hand.",
        owner_role="contract_administrator",
        evidence={"contract": totals.number, "contract_currency": totals.currency, "draft": str(here)},
    )
