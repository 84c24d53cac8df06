"""Trigger ``time_entries``: one billable item per time entry, at the rate in force on the day of the work.

In: a contract with its time entries, rate cards and terms of time. Does: finds the closest rate, rounds as the terms say,
takes corrections off what they correct. Out: one proposal per entry, ready when approved and priced, else waiting with
reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.terms_time import TimeTerms
from billwright.extension.views import ContractView, ItemProposal, TimeEntryView
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
from billwright_plugins.time_entries.quantities import Rated, billed_quantities
from billwright_plugins.time_entries.rates import Found, RateBook

REASONS: Final = (
    "contract_unknown",
    "customer_unknown",
    "billing_is_fixed_price",
    "after_contract_end",
    "change_order_unsigned",
    "time_rejected",
    "time_not_approved",
    "correction_unknown",
    "correction_too_large",
    "correction_waits",
    "no_rate",
    "rate_ambiguous",
    "work_kind_without_rate",
    *AMOUNT_REASONS,
)
NOTES: Final = ("converted", "within_rounding")
NO_TERMS: Final = TimeTerms()
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Priced:
    """An entry with its rate. ``root``: the entry that it corrects, itself if none, none if that is not known here."""

    entry: TimeEntryView
    root: TimeEntryView | None
    found: Found


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """Exactly one proposal per time entry of ``contract``."""
    book = RateBook(contract.rates, contract.time_terms)
    entries = {entry.id: entry for entry in contract.time_entries}
    priced = [_priced(book, entries, entry) for entry in contract.time_entries]
    terms = contract.time_terms or NO_TERMS
    quantities = billed_quantities(terms, [_rated(terms, book, each) for each in priced], contract.billed)
    signed = signed_change_orders(contract)
    own = {
        each.entry.id: _proposal(contract, each, quantities[each.entry.id], signed)
        for each in priced
        if each.root is each.entry
    }
    excessive = _excessive(contract)
    proposals = []
    for each in priced:
        if each.root is each.entry:
            proposals.append(own[each.entry.id])
            continue
        proposal = _proposal(contract, each, quantities[each.entry.id], signed)
        proposals.append(_with(proposal, _correction_reasons(each, own, excessive)))
    return proposals


def _priced(book: RateBook, entries: Mapping[str, TimeEntryView], entry: TimeEntryView) -> _Priced:
    """A correction is priced as what it corrects."""
    root = entry if entry.corrects_id is None else entries.get(entry.corrects_id)
    if root is not None and root is not entry and root.corrects_id is not None:
        root = None  # a correction of a correction says nothing clear
    return _Priced(entry=entry, root=root, found=book.find(root or entry))


def _rated(terms: TimeTerms, book: RateBook, each: _Priced) -> Rated:
    kind = book.kind(each.root or each.entry)
    rate = each.found.rate
    return Rated(
        entry=each.entry,
        root=each.root or each.entry,
        unit=rate.unit if rate else "HUR",
        rate_id=rate.id if rate else "",
        minimum=max(terms.minimum_hours, kind.minimum_hours if kind else ZERO),
    )


def _excessive(contract: ContractView) -> frozenset[str]:
    """Entries whose approved corrections take back more than was entered."""
    left: dict[str, Decimal] = {}
    hours = {entry.id: entry.hours for entry in contract.time_entries}
    for entry in contract.time_entries:
        if entry.corrects_id in hours and entry.status == "approved":
            left[entry.corrects_id] = left.get(entry.corrects_id, hours[entry.corrects_id]) + entry.hours
    return frozenset(identifier for identifier, rest in left.items() if rest < 0)


def _correction_reasons(each: _Priced, own: Mapping[str, ItemProposal], excessive: frozenset[str]) -> set[str]:
    if each.root is None:
        return {"correction_unknown"}
    if each.root.id in excessive:
        return {"correction_too_large"}
    return set() if own[each.root.id].ready else {"correction_waits"}


def _with(proposal: ItemProposal, codes: set[str]) -> ItemProposal:
    reasons = in_order({*proposal.reasons, *codes}, REASONS)
    settled = proposal.written_down and not reasons
    return replace(proposal, reasons=reasons, ready=not reasons and not settled, written_down=settled)


def _proposal(contract: ContractView, each: _Priced, quantity: Decimal, signed: frozenset[str]) -> ItemProposal:
    entry, rate = each.entry, each.found.rate
    charged = _charge(contract, each.found, quantity)
    nothing = rate is not None and not quantity and entry.hours.is_finite() and bool(entry.hours)
    if nothing:
        charged = replace(charged, problems=charged.problems - {"zero_amount"})
    reasons = _reasons(contract, each, charged, signed)
    return ItemProposal(
        transaction_key=f"time:{entry.id}",
        kind="time",
        subject_id=entry.id,
        ready=not reasons and not nothing,
        reasons=reasons,
        notes=_notes(charged, nothing=nothing and not reasons),
        description=_description(entry, charged),
        quantity=quantity,
        unit=rate.unit if rate else "HUR",
        unit_price=charged.unit_price,
        amount=charged.money,
        service_from=entry.worked_on,
        service_to=entry.worked_on,
        contract_version_id=version_at(contract, start_of_day(entry.worked_on)),
        change_order_id=entry.change_order_id,
        rate_id=rate.id if rate else None,
        message_id=entry.message_id,
        worked=entry.hours if quantity != entry.hours else None,
        written_down=nothing and not reasons,
    )


def _notes(charged: Charge, *, nothing: bool) -> tuple[str, ...]:
    codes = {"converted"} if charged.converted else set()
    return in_order(codes | ({"within_rounding"} if nothing else set()), NOTES)


def _charge(contract: ContractView, found: Found, quantity: Decimal) -> Charge:
    """Quantity times price, rounded once; the unit price keeps all its decimals. What is taken back is negative."""
    if found.rate is None:
        return Charge()
    price, currency = found.price, found.rate.currency
    problem = magnitude_problem(price) or magnitude_problem(quantity)
    if problem is not None:
        return Charge(problems=frozenset({problem}))
    each, units = exact(price), exact(quantity)
    amount = None if each is None or units is None else Fraction(each * abs(units))
    charged = charge(amount, currency, contract.settlement, rounding=True)
    charged = charged.at(unit_price_in(price, currency, contract.settlement))
    return replace(charged, money=-charged.money) if charged.money is not None and quantity < 0 else charged


def _reasons(contract: ContractView, each: _Priced, charged: Charge, signed: frozenset[str]) -> tuple[str, ...]:
    entry = each.entry
    codes = {*party_reasons(contract), *charged.problems}
    if each.found.reason is not None:
        codes.add(each.found.reason)
    if contract.billing == "fixed_price":
        codes.add("billing_is_fixed_price")
    if contract.ended_on is not None and entry.worked_on > contract.ended_on:
        codes.add("after_contract_end")
    if entry.change_order_id is not None and entry.change_order_id not in signed:
        codes.add("change_order_unsigned")
    if entry.status != "approved":
        codes.add("time_rejected" if entry.status == "rejected" else "time_not_approved")
    return in_order(codes, REASONS)


def _description(entry: TimeEntryView, charged: Charge) -> str:
    who = ", ".join(part for part in (entry.person_name, entry.role, entry.work_kind) if part)
    text = f"{who} — {entry.note}" if entry.note else who
    return shortened(f"{text} ({charged.remark})" if charged.remark else text)
