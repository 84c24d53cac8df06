"""From what insight reads to reports: sentences, bars and rows. Pure, but for the words of reason codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from billwright.documents import format as fmt
from billwright.extension.reasons import explain
from billwright.insight.figures import percent
from billwright.insight.first_passes import RETURNED, Week
from billwright.insight.payments import AGES, Paid
from billwright.insight.stalls import Stage
from billwright.insight.unbilled import Unbilled
from billwright.kernel.money import Money
from billwright.web.portal.charts import share, span
from billwright.web.portal.reports_view import Bar, Chart, Link, Report, Row, Table

QUESTIONS: Final[Mapping[str, str]] = {
    "stall": "Where do invoices stall?",
    "unbilled": "What is unbilled, and why?",
    "paid": "How fast are we paid?",
    "clean": "Are first passes clean?",
}
NOTHING: Final = "There is nothing to tell yet."
_NOW: Final = {
    "check": "invoices?group=draft", "held": "exceptions?owner=all", "manager": "invoices?group=approval",
    "finance": "invoices?group=approval", "issue": "invoices?group=draft", "send": "mailbox", "post": "connectors",
    "pay": "collections",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """How values are written for the person who asks; ``base`` is the path of their tenant."""

    language: str
    base: str

    def money(self, minor: int, currency: str) -> str:
        return fmt.money(minor, currency, self.language)

    def path(self, place: str) -> str:
        return f"{self.base}/{place}"

    def part(self, report: str, part: str) -> str:
        return f"{self.base}/reports/{report}?part={part}#documents"


def stall_report(stages: Sequence[Stage], words: Words) -> Report:
    """Where do invoices stall?"""
    most = max((each.slowest or timedelta() for each in stages), default=timedelta()) // timedelta(seconds=1)
    bars = [
        Bar(
            label=each.label,
            path=words.part("stall", each.name),
            text=_took(each),
            solid=share((each.median or timedelta()) // timedelta(seconds=1), most),
            mark=share(each.slowest // timedelta(seconds=1), most) if each.slowest is not None else None,
        )
        for each in stages
    ]
    rows = [
        Row(
            part=each.name,
            path=words.part("stall", each.name),
            cells=(
                each.label, each.passed, each.median, each.slowest, Link(each.now, words.path(_NOW[each.name])), each.since,
            ),
        )
        for each in stages
    ]  # fmt: skip
    header = ("Stage", "Invoices", "Half took at most", "Slowest tenth took", "There now", "Oldest since")
    return Report(
        name="stall",
        question=QUESTIONS["stall"],
        answer=_stall_answer(stages),
        how="Invoices issued in the last 90 days, and how long each stood in a stage. Time on the desk is part of the time in "
        "checks. “There now” counts what stands in a stage at this moment.",
        charts=[Chart(title="Time per stage", bars=bars, legend="Bar: half took at most. Line: the slowest tenth.")]
        if any(each.passed or each.now for each in stages)
        else [],
        tables=[Table(caption="Time per stage", header=header, rows=rows)],
    )


def _took(each: Stage) -> str:
    if each.median is None:
        return "not met"
    half, slowest = span(each.median), span(each.slowest)
    return half if half == slowest else f"{half}, slowest tenth {slowest}"


def _stall_answer(stages: Sequence[Stage]) -> str:
    ours = [each for each in stages if each.median is not None and each.name != "pay"]
    waits = [each for each in stages if each.now and each.name != "pay"]
    if not ours and not waits:
        return NOTHING
    parts = []
    if ours:
        worst = max(ours, key=lambda each: each.median or timedelta())
        quick = (worst.median or timedelta()) < timedelta(minutes=1)
        longest = f"Longest in “{worst.label}”: {span(worst.median)} for half of them."
        parts.append("Half of the invoices took less than a minute in every stage." if quick else longest)
    if waits:
        fullest = max(waits, key=lambda each: each.now)
        parts.append(f"Most wait now in “{fullest.label}”: {fullest.now}.")
    return " ".join(parts)


def unbilled_report(found: Sequence[Unbilled], words: Words) -> Report:
    """What is unbilled, and why?"""
    most: dict[str | None, int] = {}
    for each in found:
        most[each.currency] = max(most.get(each.currency, 0), each.minor)
    charts = [
        Chart(
            title=f"Net, {currency}" if currency else "No amount known yet",
            bars=[
                Bar(
                    label=_why(each),
                    path=words.path(_unbilled_path(each)),
                    text=f"{words.money(each.minor, each.currency) if each.currency else 'no amount'}, {_items(each.items)}",
                    solid=share(each.minor, largest),
                )
                for each in found
                if each.currency == currency
            ],
        )
        for currency, largest in most.items()
    ]
    rows = [
        Row(
            part=each.reason or each.state,
            path=words.path(_unbilled_path(each)),
            cells=(
                _why(each),
                explain(each.reason).remedy if each.reason else _NEXT[each.state],
                each.items,
                Money(each.minor, each.currency) if each.currency else None,
                each.since if each.state == "waiting" else None,
            ),
        )
        for each in found
    ]
    header = ("Why", "What comes next", "Items", "Net", "Oldest waits")
    return Report(
        name="unbilled",
        question=QUESTIONS["unbilled"],
        answer=_unbilled_answer(found, words),
        how="Everything earned that is not on an issued invoice, by the first thing that it waits for. Net, per currency.",
        charts=charts,
        tables=[Table(caption="Unbilled by reason", header=header, rows=rows)],
    )


_NEXT: Final = {
    "ready": "The next draft of its contract takes it.",
    "drafted": "It is billed when its draft is issued.",
    "waiting": "It moves on by itself when what it waits for arrives.",
}


def _why(each: Unbilled) -> str:
    if each.reason:
        return explain(each.reason).title
    return {"ready": "Ready for a draft", "drafted": "In a draft"}.get(each.state, "Waits")


def _unbilled_path(each: Unbilled) -> str:
    if each.state == "drafted":
        return "invoices?group=draft"
    return f"unbilled?reason={each.reason}" if each.reason else "unbilled"


def _items(number: int) -> str:
    return f"{number} item" if number == 1 else f"{number} items"


def _unbilled_answer(found: Sequence[Unbilled], words: Words) -> str:
    if not found:
        return "Everything that is earned is billed."
    sums: dict[str, list[int]] = {}
    for each in found:
        if each.currency:
            approved, waits = sums.setdefault(each.currency, [0, 0])
            waiting = each.state == "waiting"
            sums[each.currency] = [approved + (0 if waiting else each.minor), waits + (each.minor if waiting else 0)]
    said = [
        (f"{words.money(approved, currency)} is approved and not issued" if approved else "")
        + (", " if approved and waits else "")
        + (f"{words.money(waits, currency)} waits" if waits else "")
        for currency, (approved, waits) in sums.items()
    ]
    return " ".join(f"{each}." for each in said if each) or "No amount is known yet of what waits."


def paid_report(found: Sequence[Paid], words: Words) -> Report:
    """How fast are we paid?"""
    charts = [
        Chart(
            title=f"Open by age, {each.currency}",
            bars=[
                Bar(
                    label=label,
                    path=words.part("paid", f"{each.currency}-{age}"),
                    text=words.money(each.ages[age], each.currency),
                    solid=share(each.ages[age], max(each.ages.values())) if age == "not_due" else share(0, 1),
                    hatched=share(each.ages[age], max(each.ages.values())) if age != "not_due" else share(0, 1),
                )
                for age, label in AGES.items()
            ],
            legend="Solid: not due yet. Hatched: late.",
        )
        for each in found
    ]
    ages = [
        Row(
            part=f"{each.currency}-{age}",
            path=words.part("paid", f"{each.currency}-{age}"),
            cells=(f"{label}, {each.currency}", Money(each.ages[age], each.currency)),
        )
        for each in found
        for age, label in AGES.items()
    ]
    speed = [
        Row(
            part=each.currency,
            path=words.path("collections"),
            cells=(
                each.currency, each.dso, Money(each.open_minor, each.currency), Money(each.billed_minor, each.currency),
                each.settled, each.median_days,
            ),
        )
        for each in found
    ]  # fmt: skip
    header = ("Currency", "DSO, days", "Open", "Billed in 90 days", "Paid in 90 days", "Half paid within, days")
    return Report(
        name="paid",
        question=QUESTIONS["paid"],
        answer=" ".join(_paid_answer(each) for each in found) or NOTHING,
        how="DSO (days sales outstanding) is what is open divided by what was billed in the last 90 days, times 90; times the "
        "days since the first invoice where that is younger. Late is what is past its due day where the legal entity is.",
        charts=charts,
        tables=[
            Table(caption="Open by age", header=("Age", "Open"), rows=ages),
            Table(caption="Speed of payment", header=header, rows=speed),
        ],
    )


def _paid_answer(each: Paid) -> str:
    outstanding = f"DSO is {_days(each.dso)} in {each.currency}" if each.dso is not None else ""
    half = f"half of what was paid came within {_days(each.median_days)}" if each.median_days is not None else ""
    said = "; ".join(part for part in (outstanding, half) if part)
    return f"{said[:1].upper()}{said[1:]}." if said else f"Nothing was billed in {each.currency} in the last 90 days."


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def _invoices(number: int) -> str:
    return f"{number} invoice" if number == 1 else f"{number} invoices"


def clean_report(weeks: Sequence[Week], causes: Mapping[str, int], words: Words) -> Report:
    """Are first passes clean?"""
    most = max((each.issued for each in weeks), default=0)
    by_week = [
        Bar(
            label=fmt.day(each.starts_on, words.language),
            path=words.part("clean", each.starts_on.isoformat()),
            text=f"{each.clean} of {each.issued}, {each.accuracy} %",
            solid=share(each.clean, most),
            hatched=share(each.stopped, most),
        )
        for each in weeks
    ]
    by_cause = [
        Bar(
            label=_cause(code),
            path=words.part("clean", code),
            text=_invoices(number),
            hatched=share(number, max(causes.values())),
        )
        for code, number in causes.items()
    ]
    charts = [
        Chart(title="By week of issue", bars=by_week, legend="Solid: right at first. Hatched: stopped on the way.")
    ]
    if causes:
        charts.append(Chart(title="What stopped the others", bars=by_cause))
    tables = [
        Table(
            caption="By week of issue",
            header=("Week of", "Issued", "Right at first", "Stopped", "Accuracy, %"),
            rows=[
                Row(
                    part=each.starts_on.isoformat(),
                    path=words.part("clean", each.starts_on.isoformat()),
                    cells=(each.starts_on, each.issued, each.clean, each.stopped, each.accuracy),
                )
                for each in weeks
            ],
        ),
        Table(
            caption="What stopped the others",
            header=("Cause", "Invoices"),
            rows=[
                Row(part=code, path=words.part("clean", code), cells=(_cause(code), n)) for code, n in causes.items()
            ],
        ),
    ]
    issued, clean = sum(each.issued for each in weeks), sum(each.clean for each in weeks)
    share_clean = f"{percent(clean, issued)} % right at first, of {_invoices(issued)} issued in the last 90 days."
    answer = share_clean if issued else NOTHING
    return Report(
        name="clean",
        question=QUESTIONS["clean"],
        answer=answer + (f" Most often stopped by: {_cause(next(iter(causes)))}." if causes else ""),
        how="An invoice is right at first when no check blocked its draft and no approver returned it. Invoices issued in the "
        "last 90 days, by week. One that two things stopped is counted with both causes.",
        charts=charts if issued else [],
        tables=tables if causes else tables[:1],
    )


def _cause(code: str) -> str:
    return "Returned by an approver" if code == RETURNED else explain(code).title
