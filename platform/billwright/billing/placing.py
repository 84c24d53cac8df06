"""Where a ready item goes: which draft it shares with which others, and when. Pure: the same items make the same drafts,
in whatever order they came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from billwright.billing.split import whole_of
from billwright.extension.terms_grouping import BillingPolicy, read_billing_policy
from billwright.kernel.money import MINOR_UNIT_DIGITS, round_half_up
from billwright.tenancy.base import AnyRow

# What the contract's ``grouping`` means, in the words of a policy.
_OF_GROUPING: Final = {
    "immediate": BillingPolicy(),
    "monthly": BillingPolicy(when="month"),
    "each": BillingPolicy(apart=("item",)),
}
BELOW_MINIMUM: Final = "below_minimum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``key`` names the draft, ``due`` is when it may be made; none is at once."""

    key: str
    due: datetime | None
    policy: BillingPolicy


def place(row: AnyRow, entity_code: str, zone: ZoneInfo) -> Place:
    """``row`` as ``queries.ready_items`` gives it. What replaces a credited invoice, and a release of holdback, stand alone."""
    policy = read_billing_policy(row.billing_policy) or _OF_GROUPING[row.grouping]
    if row.rebill_of is not None:
        alone = f"{entity_code}|{row.customer_id}|{row.project_id or row.contract_id}|{row.currency}|{row.rebill_of}"
        return Place(key=alone, due=None, policy=BillingPolicy())
    if row.kind == "holdback" and (row.holdback or {}).get("release_document", "own") == "own":
        policy = BillingPolicy(apart=("item",))
    ends = period_end(policy, row.service_to) if row.service_to else None
    due = datetime(*_next(ends), tzinfo=zone) if ends and policy.when != "at_once" else None
    return Place(key="|".join(_parts(row, entity_code, policy, ends)), due=due, policy=policy)


def _next(day: date) -> tuple[int, int, int]:
    after = day + timedelta(days=1)
    return after.year, after.month, after.day


def _parts(row: AnyRow, entity_code: str, policy: BillingPolicy, ends: date | None) -> Sequence[str]:
    scope = "consolidated" if policy.consolidated else str(row.project_id or row.contract_id)
    names = {
        "project": str(row.project_id or row.contract_id),
        "contract": str(row.contract_id),
        "purchase_order": row.po_number,
        "cost_centre": row.cost_centre or "",
    }
    period = ""
    if "item" in policy.apart:
        # What settles an item goes with it; parts of several customers are told apart by the customer.
        period = row.follows or whole_of(row.transaction_key) or row.transaction_key
    elif policy.minimum_amount is None and row.service_to and ends:
        # Those that wait for a minimum go together, whichever period they are of.
        plain = policy.when in ("at_once", "month") and policy.cut_off_day is None
        period = f"{row.service_to:%Y-%m}" if plain else ends.isoformat()
    apart = [f"{name}={names[name]}" for name in sorted(policy.apart) if name in names]
    return [entity_code, str(row.customer_id), scope, row.currency, period, *apart]


def period_end(policy: BillingPolicy, day: date) -> date:
    """The last day of the period that ``day`` is in."""
    if policy.when == "week":
        return day + timedelta(days=6 - day.weekday())
    months = 3 if policy.when == "quarter" else 1
    last = day.month + (-day.month % months)
    ends = _last_day(day.year, last, policy.cut_off_day)
    if ends < day:
        year, month = divmod(day.year * 12 + last - 1 + months, 12)
        ends = _last_day(year, month + 1, policy.cut_off_day)
    return ends


def _last_day(year: int, month: int, cut_off_day: int | None) -> date:
    if cut_off_day is not None:
        return date(year, month, cut_off_day)
    return (date(year, month, 1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def held_by_minimum(rows: Sequence[AnyRow], policy: BillingPolicy, now: datetime, zone: ZoneInfo) -> date | None:
    """The day on which ``rows`` of one draft are billed though they come to less than the minimum; ``date.max`` when only
    more items or the end of the contract help. None: they are billed now."""
    if policy.minimum_amount is None or any(row.contract_status != "active" for row in rows):
        return None
    wanted = round_half_up(Fraction(policy.minimum_amount) * 10 ** MINOR_UNIT_DIGITS[rows[0].currency])
    if sum(row.open_minor for row in rows) >= wanted:
        return None
    days = [row.service_to for row in rows if row.service_to]
    if policy.minimum_wait_days is None or not days:
        return date.max
    until = min(days) + timedelta(days=policy.minimum_wait_days)
    return until if until > now.astimezone(zone).date() else None
