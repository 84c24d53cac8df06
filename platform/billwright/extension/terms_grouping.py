"""How a contract's billable items become invoices: when, what shares one, and from which amount on."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

Apart = Literal["item", "project", "contract", "purchase_order", "cost_centre"]


class BillingPolicy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Takes the place of the contract's ``grouping``.

    ``when``: at once, or when the week (Monday to Sunday), month or quarter of the service is over; with ``cut_off_day`` a
    month or quarter ends with that day of its month. ``apart`` keeps on invoices of their own each item, project, contract,
    purchase order or cost centre (the project's). ``consolidated`` puts several contracts and projects of the customer on one
    invoice, of those contracts that say so. Less than ``minimum_amount`` (major units, net) waits, until the contract has ended
    or ``minimum_wait_days`` after the oldest service.
    """

    when: Literal["at_once", "week", "month", "quarter"] = "at_once"
    cut_off_day: Annotated[int, Meta(ge=1, le=28)] | None = None
    apart: Annotated[tuple[Apart, ...], Meta(max_length=5)] = ()
    consolidated: bool = False
    minimum_amount: Decimal | None = None
    minimum_wait_days: Annotated[int, Meta(ge=1, le=3_650)] | None = None

    def __post_init__(self) -> None:
        if self.cut_off_day is not None and self.when not in ("month", "quarter"):
            raise ValueError("`cut_off_day` goes with `when`: month or quarter")
        if self.minimum_amount is not None and not (
            self.minimum_amount.is_finite() and 0 < self.minimum_amount <= 10**12
        ):
            raise ValueError(f"`minimum_amount` must be above 0 and at most {10**12}, not {self.minimum_amount}")
        if self.minimum_wait_days is not None and self.minimum_amount is None:
            raise ValueError("`minimum_wait_days` goes with `minimum_amount`")
        if "item" in self.apart and (self.consolidated or self.minimum_amount is not None):
            raise ValueError(
                "`apart`: item gives each item an invoice of its own; leave `consolidated` and the minimum out"
            )


class BillTo(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of several customers that pay a contract: its ``percent`` of every item, or its ``amount`` in proportion to those
    of the others."""

    customer: Annotated[str, Meta(min_length=1, max_length=200)]
    percent: Decimal | None = None
    amount: Decimal | None = None

    @property
    def weight(self) -> Decimal:
        return self.percent if self.percent is not None else (self.amount or Decimal(0))


def check_bill_to(payers: tuple[BillTo, ...]) -> None:
    """Refuse shares that do not make a whole; nothing to check without any."""
    if not payers:
        return
    names = [each.customer for each in payers]
    if len(payers) < 2 or len({*names}) < len(names):
        raise ValueError("`bill_to` names at least two customers, each once; leave it out for a single one")
    by_percent = [each.percent is not None for each in payers]
    if any(each.percent is not None and each.amount is not None for each in payers) or len({*by_percent}) > 1:
        raise ValueError("`bill_to` gives each customer a `percent`, or each one an `amount`")
    if any(not each.weight.is_finite() or not 0 < each.weight <= 10**12 for each in payers):
        raise ValueError("`bill_to` needs shares above 0")
    if by_percent[0] and abs(sum((each.weight for each in payers), start=Decimal(-100))) > Decimal("0.01"):
        raise ValueError("the percentages of `bill_to` must add up to 100, to a hundredth")


def read_billing_policy(stored: Any) -> BillingPolicy | None:
    """The policy as it is stored; none where the contract's ``grouping`` holds."""
    return None if stored is None else msgspec.convert(stored, BillingPolicy, strict=False)
