"""Which rate an entry is billed at. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from billwright.extension.terms_time import TimeTerms, WorkKind
from billwright.extension.views import RateView, TimeEntryView
from billwright_plugins.pricing import EXACT_DIGITS

Facts = tuple[str, str, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``price`` of one unit of ``rate``, after the multiplier of the kind of work; or the ``reason`` why there is none."""

    rate: RateView | None = None
    price: Decimal = Decimal(0)
    reason: str | None = None


class RateBook:
    """The rates of one contract, asked for by entry; what was found for the same person, role, kind, project and day is kept."""

    def __init__(self, rates: Sequence[RateView], terms: TimeTerms | None) -> None:
        self._rates = rates
        self._kinds = {_folded(each.kind): each for each in terms.work_kinds} if terms else {}
        self._fitting: dict[Facts, list[tuple[tuple[bool, ...], RateView]]] = {}
        self._found: dict[object, Found] = {}

    def kind(self, entry: TimeEntryView) -> WorkKind | None:
        """What the terms say of the entry's kind of work."""
        return self._kinds.get(_folded(entry.work_kind)) if entry.work_kind else None

    def find(self, entry: TimeEntryView) -> Found:
        """The rate that fits most closely, and of these the latest in force on the day of the work.

        Closest is what names the kind of work, then the person, then the project, then the role. Two different prices in
        force from the same day and equally close are nothing to guess about, nor is a kind of work that has neither a rate
        of its own nor a multiplier.
        """
        facts = (_folded(entry.work_kind), _folded(entry.person_email or ""), _folded(entry.role), entry.project_id)
        key = (facts, entry.worked_on)
        if key not in self._found:
            self._found[key] = self._find(facts, entry)
        return self._found[key]

    def _find(self, facts: Facts, entry: TimeEntryView) -> Found:
        if facts not in self._fitting:
            close = ((_closeness(rate, facts), rate) for rate in self._rates)
            self._fitting[facts] = [(closeness, rate) for closeness, rate in close if closeness is not None]
        fitting = [(close, rate) for close, rate in self._fitting[facts] if rate.effective_from <= entry.worked_on]
        if not fitting:
            return Found(reason="no_rate")
        best = max((closeness, rate.effective_from) for closeness, rate in fitting)
        winners = [rate for closeness, rate in fitting if (closeness, rate.effective_from) == best]
        if len({(rate.hourly, rate.currency, rate.unit) for rate in winners}) > 1:
            return Found(reason="rate_ambiguous")
        return self._priced(min(winners, key=lambda rate: rate.id), entry)

    def _priced(self, rate: RateView, entry: TimeEntryView) -> Found:
        if not entry.work_kind or rate.work_kind:
            return Found(rate=rate, price=rate.hourly)
        kind = self.kind(entry)
        if kind is None or kind.multiplier is None:
            return Found(reason="work_kind_without_rate")
        with localcontext() as context:
            context.prec = EXACT_DIGITS
            return Found(rate=rate, price=rate.hourly * kind.multiplier)


def _closeness(rate: RateView, facts: Facts) -> tuple[bool, ...] | None:
    """None: does not fit. A rate that leaves kind, person, project or role open fits all of them."""
    kind, person, role, project = facts
    stated = (_folded(rate.work_kind), _folded(rate.person_email or ""), rate.project_id or "", _folded(rate.role))
    for wanted, has in zip(stated, (kind, person, project or "", role), strict=True):
        if wanted and wanted != has:
            return None
    return tuple(bool(each) for each in stated)


def _folded(text: str) -> str:
    return text.strip().casefold()
