"""Caps of a contract as signed change orders made them. Pure.

A change order changes a cap by the term ``cap`` (the contract's only one) or ``cap.NAME``; ``after`` is the new amount. It
holds from the day of the signature on, in the legal entity's zone.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from billwright.canon.terms import natural, parse
from billwright.extension.terms_time import Cap, TimeTerms
from billwright.extension.views import CapView

FIELD: Final = "cap"


def cap_views(terms: TimeTerms | None, change_orders: Sequence[Row[Any]], time_zone: str) -> tuple[CapView, ...]:
    """Each cap with its amounts in the order of the signatures, never of arrival."""
    if terms is None or not terms.caps:
        return ()
    zone = ZoneInfo(time_zone)
    signed = [row for row in change_orders if row.signed_at is not None]
    signed.sort(key=lambda row: (row.signed_at, natural(row.number), row.ref))
    changes = [
        (row.signed_at.astimezone(zone).date(), change["field"], amount)
        for row in signed
        for change in row.changes
        if change["milestone"] is None and (amount := _amount(change["after"])) is not None
    ]
    alone = len(terms.caps) == 1
    return tuple(_view(cap, changes, alone=alone) for cap in terms.caps)


def _view(cap: Cap, changes: Sequence[tuple[date, str, Decimal]], *, alone: bool) -> CapView:
    named = f"{FIELD}.{cap.name}"
    mine = [(day, amount) for day, field, amount in changes if field == named or (alone and field == FIELD)]
    return CapView(cap=cap, limits=((None, cap.amount), *mine))


def _amount(text: str | None) -> Decimal | None:
    amount = parse(text or "")
    return amount if amount is not None and amount >= 0 else None
