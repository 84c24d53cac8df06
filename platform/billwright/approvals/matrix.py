"""The approval matrix: which steps a draft needs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billwright.kernel.money import Money
from billwright.tenancy.configuration import ApprovalRule, StepRole


@dataclass(frozen=True, slots=True)
class Route:
    """The rule that decided and its steps in order; no step means that the matrix lets the draft pass."""

    rule: str
    steps: tuple[StepRole, ...]


# A tenant without a fitting row gets both steps: a gap in the matrix must never let money out unseen.
FALLBACK = Route("no row of the matrix fits: both steps", ("manager", "finance"))


def route(rules: Sequence[ApprovalRule], *, legal_entity: str, customer: str, customer_name: str, net: Money) -> Route:
    """The first row that fits by legal entity, customer (name or source key), currency and net amount.

    ``at_least`` is reached by an amount that equals it; a credit note counts by what it takes back.
    """
    amount = abs(Decimal(net.decimal))
    for rule in rules:
        fits = (
            rule.legal_entity in ("*", legal_entity)
            and rule.customer in ("*", customer, customer_name)
            and rule.currency in ("*", net.currency)
            and amount >= rule.at_least
        )
        if fits:
            return Route(rule.name, tuple(rule.steps))
    return FALLBACK
