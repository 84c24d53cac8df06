"""Trigger ``progress``: how much of each item of a schedule of values is done, less what was claimed before.

In: a contract with its billing schedules of model ``progress`` and their reports, each in all up to its day. Does: values what is
done of each item and takes off what earlier reports claimed or invoices billed. Out: one proposal per report and item that changed.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.schedules import ProgressItem, ProgressTerms, ProgressView, ScheduleView, ValueItem
from billwright.extension.views import ContractView, ItemProposal
from billwright_plugins.periods import today
from billwright_plugins.schedule_items import (
    Figures,
    Target,
    common_reasons,
    figures,
    lump,
    plain,
    propose,
    target_of,
    title,
    waits_for,
)

REASONS: Final = (
    "contract_unknown",
    "customer_unknown",
    "schedule_unknown",
    "change_order_unsigned",
    "not_in_schedule",
    "above_agreed_quantity",
    "report_not_approved",
    "progress_superseded",
    "period_not_due",
    "unknown_currency",
    "amount_out_of_range",
    "zero_amount",
)
NOTES: Final = ()


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """What each report of ``contract`` adds to the ones before it, item by item."""
    found: list[ItemProposal] = []
    for schedule in contract.schedules:
        if isinstance(schedule.terms, ProgressTerms) or (schedule.terms is None and schedule.reports):
            found.extend(_items(contract, schedule))
    return found


def _items(contract: ContractView, schedule: ScheduleView) -> Iterator[ItemProposal]:
    terms = schedule.terms if isinstance(schedule.terms, ProgressTerms) else None
    target = target_of(contract, terms.currency if terms is not None else None)
    agreed = {item.number: item for item in terms.items} if terms is not None else {}
    reports = [report for report in schedule.reports if report.status != "rejected"]
    numbers = dict.fromkeys(item.number for report in reports for item in report.items)
    for number in numbers:
        yield from _claims(contract, schedule, number, agreed.get(number), reports, target)


def _claims(
    contract: ContractView,
    schedule: ScheduleView,
    number: str,
    agreed: ValueItem | None,
    reports: Sequence[ProgressView],
    target: Target | None,
) -> Iterator[ItemProposal]:
    """The claims of one item, oldest first. A report that is older than one that was billed adds nothing any more."""
    said = [(report, item) for report in reports for item in report.items if item.number == number]
    keys = [f"progress:{contract.id}:{report.id}:{number}" for report, _ in said]
    last = max((place for place, key in enumerate(keys) if key in contract.billed), default=-1)
    claimed = sum(contract.billed[key].amount.minor for key in keys[: last + 1] if key in contract.billed)
    counted = Fraction(0)
    for place, ((report, item), key) in enumerate(zip(said, keys, strict=True)):
        codes = _codes(contract, schedule, report, item, agreed)
        done = _done(agreed, item)
        figure: Figures | None = None
        if key in contract.billed and target is not None:
            minor = contract.billed[key].amount.minor
            figure = _figures(agreed, done, counted, minor, target)
        elif place < last:
            codes.add("progress_superseded")
        elif agreed is not None and done is not None and target is not None:
            minor = target.minor(_worth(agreed, done)) - claimed
            if minor == 0:
                continue
            figure = _figures(agreed, done, counted, minor, target)
            claimed += minor if not codes else 0
        if done is not None and not codes:
            counted = done
        before = said[place - 1][0].as_of + timedelta(days=1) if place else None
        yield _claim(contract, schedule, key, report, (agreed, item), figure, target, codes, before)


def _claim(
    contract: ContractView,
    schedule: ScheduleView,
    key: str,
    report: ProgressView,
    what: tuple[ValueItem | None, ProgressItem],
    figure: Figures | None,
    target: Target | None,
    codes: set[str],
    since: date | None,
) -> ItemProposal:
    agreed, item = what
    name = f"{item.number} {agreed.name}".strip() if agreed is not None else item.number
    done = f"{_plain(item.percent)} %" if item.percent is not None else f"{_plain(item.quantity)} units"
    number = f" (report {report.number})" if report.number else ""
    moment = waits_for(contract, report.as_of)
    return propose(
        contract,
        schedule,
        kind="progress",
        key=key,
        text=f"{title(schedule, 'Progress')}, {name}: {done} done by {report.as_of.isoformat()}{number}",
        figure=figure,
        target=target,
        codes=codes,
        service=(since, report.as_of),
        look_again_at=moment,
        order=REASONS,
        message_id=report.message_id,
    )


def _codes(
    contract: ContractView, schedule: ScheduleView, report: ProgressView, item: ProgressItem, agreed: ValueItem | None
) -> set[str]:
    codes = common_reasons(contract, schedule)
    if schedule.terms is not None and _done(agreed, item) is None:
        codes.add("not_in_schedule")
    done = _done(agreed, item)
    if agreed is not None and agreed.quantity is not None and done is not None and done > Fraction(agreed.quantity):
        codes.add("above_agreed_quantity")
    if report.status != "approved":
        codes.add("report_not_approved")
    if report.as_of > today(contract):
        codes.add("period_not_due")
    return codes


def _done(agreed: ValueItem | None, item: ProgressItem) -> Fraction | None:
    """What is done in all: units where the agreement measures them, else the part of the value from 0 to 1; none if unclear."""
    if agreed is None:
        return None
    if item.quantity is not None:
        return Fraction(item.quantity) if agreed.unit_price is not None or agreed.quantity else None
    share = Fraction(item.percent or 0) / 100
    if agreed.quantity is not None:
        return share * Fraction(agreed.quantity)
    return share if agreed.unit_price is None else None


def _worth(agreed: ValueItem, done: Fraction) -> Fraction:
    """What ``done`` is worth, exact, in major units."""
    if agreed.unit_price is not None:
        return done * Fraction(agreed.unit_price)
    assert agreed.value is not None
    return Fraction(agreed.value) * (done / Fraction(agreed.quantity) if agreed.quantity else done)


def _figures(agreed: ValueItem | None, done: Fraction | None, counted: Fraction, minor: int, target: Target) -> Figures:
    """Units at their price where that is what is billed; else the amount in one piece."""
    if agreed is None or agreed.unit_price is None or done is None:
        return lump(minor, target)
    return figures(minor, target, done - counted, target.price(Fraction(agreed.unit_price)), agreed.unit)


def _plain(value: object) -> str:
    exact = plain(Fraction(str(value)))
    return str(value) if exact is None else format(exact, "f")
