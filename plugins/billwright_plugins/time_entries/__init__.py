"""Trigger ``time_entries``: one billable item per time entry, at the rate in force on the day of the work.

In: a contract with its time entries and rate cards. Does: finds the rate of the person or else of the role. Out: one
proposal per entry, ready when approved and priced, else waiting with reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import ContractView, ItemProposal, RateView, TimeEntryView
from billwright_plugins.pricing import (
    AMOUNT_REASONS,
    Charge,
    charge,
    exact,
    in_order,
    magnitude_problem,
    party_reasons,
    shortened,
    signed_change_orders,
    start_of_day,
    unit_price_in,
    version_at,
)

REASONS: Final = (
    "contract_unknown",
    "customer_unknown",
    "billing_is_fixed_price",
    "change_order_unsigned",
    "time_rejected",
    "time_not_approved",
    "no_rate",
    "rate_ambiguous",
    *AMOUNT_REASONS,
)
NOTES: Final = ("converted",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    rate: RateView | None = None
    reason: str | None = None


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """Exactly one proposal per time entry of ``contract``."""
    return [_proposal(contract, entry) for entry in contract.time_entries]


def _proposal(contract: ContractView, entry: TimeEntryView) -> ItemProposal:
    found = _rate(contract.rates, entry)
    charged = _charge(contract, entry, found.rate)
    reasons = _reasons(contract, entry, found, charged)
    return ItemProposal(
        transaction_key=f"time:{entry.id}",
        kind="time",
        subject_id=entry.id,
        ready=not reasons,
        reasons=reasons,
        notes=("converted",) if charged.converted else (),
        description=_description(entry, charged),
        quantity=entry.hours,
        unit="HUR",
        unit_price=charged.unit_price,
        amount=charged.money,
        service_from=entry.worked_on,
        service_to=entry.worked_on,
        contract_version_id=version_at(contract, start_of_day(entry.worked_on)),
        change_order_id=entry.change_order_id,
        rate_id=found.rate.id if found.rate else None,
        message_id=entry.message_id,
    )


def _rate(rates: Sequence[RateView], entry: TimeEntryView) -> Found:
    """The rate that fits ``entry`` most closely, and of these the latest in force on the day of the work.

    Two different prices in force from the same day for the same person or role are nothing to guess about.
    """
    fitting = [(_closeness(rate, entry), rate) for rate in rates if rate.effective_from <= entry.worked_on]
    ranked = [(closeness, rate.effective_from) for closeness, rate in fitting if closeness > 0]
    if not ranked:
        return Found(reason="no_rate")
    best = max(ranked)
    winners = [rate for closeness, rate in fitting if (closeness, rate.effective_from) == best]
    if len({(rate.hourly, rate.currency) for rate in winners}) > 1:
        return Found(reason="rate_ambiguous")
    return Found(rate=min(winners, key=lambda rate: rate.id))


def _closeness(rate: RateView, entry: TimeEntryView) -> int:
    """0: does not fit. A rate without role and person is for everybody; a person beats a role, both beat a person."""
    same_role = _same(rate.role, entry.role)
    if rate.person_email:
        if not _same(rate.person_email, entry.person_email or ""):
            return 0
        return 4 if rate.role and same_role else (3 if not rate.role else 0)
    if rate.role:
        return 2 if same_role else 0
    return 1


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _charge(contract: ContractView, entry: TimeEntryView, rate: RateView | None) -> Charge:
    """Hours times hourly price, rounded once; the unit price keeps all its decimals."""
    if rate is None:
        return Charge()
    problem = magnitude_problem(rate.hourly) or magnitude_problem(entry.hours)
    if problem is not None:
        return Charge(problems=frozenset({problem}))
    hourly, hours = exact(rate.hourly), exact(entry.hours)
    amount = None if hourly is None or hours is None else Fraction(hourly * hours)
    charged = charge(amount, rate.currency, contract.settlement, rounding=True)
    return charged.at(unit_price_in(rate.hourly, rate.currency, contract.settlement))


def _reasons(contract: ContractView, entry: TimeEntryView, found: Found, charged: Charge) -> tuple[str, ...]:
    codes = {*party_reasons(contract), *charged.problems}
    if found.reason is not None:
        codes.add(found.reason)
    if contract.billing == "fixed_price":
        codes.add("billing_is_fixed_price")
    if entry.change_order_id is not None and entry.change_order_id not in signed_change_orders(contract):
        codes.add("change_order_unsigned")
    if entry.status != "approved":
        codes.add("time_rejected" if entry.status == "rejected" else "time_not_approved")
    return in_order(codes, REASONS)


def _description(entry: TimeEntryView, charged: Charge) -> str:
    who = f"{entry.person_name}, {entry.role}" if entry.role else entry.person_name
    text = f"{who} — {entry.note}" if entry.note else who
    return shortened(f"{text} ({charged.remark})" if charged.remark else text)
