"""Prices and changed terms as canonical fields: kept as the record states them, never guessed."""

import re
from decimal import Decimal
from typing import Any, Final

from billwright.extension.canonical import Milestone, TermChange
from billwright.extension.connectors import MappingError
from billwright_connectors.agreements.rows import AmendmentRow, FirstTerms
from billwright_connectors.agreements.terms import split_field

CURRENCY: Final = re.compile(r"[A-Z0-9]{2,12}")
AMOUNT_MAX: Final = 10**15
SHORT_LENGTH: Final = 300
CONTRACT_TERMS: Final = {"total": "value", "team": "supplier"}


def short(text: str, length: int = SHORT_LENGTH) -> str:
    """``text`` cut to what a short field holds; the whole stays in the source message."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def currency_of(code: str | None) -> str | None:
    """The unit as stated, ISO or not; none if it is no code at all."""
    return code if code is not None and CURRENCY.fullmatch(code) else None


def finite(amount: Decimal | None, field: str) -> Decimal | None:
    """``amount`` if it is a number that fits.

    Raises:
        MappingError: not a finite number, or out of range.
    """
    if amount is not None and (not amount.is_finite() or abs(amount) >= AMOUNT_MAX):
        raise MappingError(f"{amount} is no amount; write a plain decimal number.", field=field)
    return amount


def milestone_of(contract_id: str, number: str, terms: FirstTerms) -> Milestone:
    """The milestone as first agreed. A price that the agreement strikes out is no price."""
    raw = terms.cost_raw or ""
    amount = finite(terms.amount, "as_first_agreed.amount")
    currency = currency_of(terms.currency)
    if not raw and amount is not None:
        raw = f"{amount} {terms.currency or ''}".strip()
    return Milestone(
        ref=f"{contract_id}/M{number}",
        contract=contract_id,
        number=number,
        name=short((terms.name or "").lstrip("—–. ")),
        amount=None if "~~" in raw else amount,
        currency=currency,
        amount_raw=short(raw),
        clause=f"Milestone {number}",
        change_order=terms.change_order,
        removed=terms.removed,
    )


def term_changes(row: AmendmentRow) -> tuple[TermChange, ...]:
    """Changed terms. Each new price of a milestone comes with amount *and* currency: the contract's may be another."""
    changes = [_change(row.contract_id, change.field, change.before, change.after) for change in row.changes]
    named = {(change.milestone, change.field) for change in changes}
    for number, price in sorted(row.prices_after.items()):
        ref = f"{row.contract_id}/M{number}"
        values = {"amount": finite(price.amount, "prices_after"), "currency": price.currency}
        for field, value in values.items():
            if (ref, field) not in named:
                text = worded(value)
                changes.append(TermChange(milestone=ref, field=field, before=text, after=text))
    return tuple(changes)


def _change(contract_id: str, field: str, before: Any, after: Any) -> TermChange:
    number, term = split_field(field)
    if number is None:
        term = CONTRACT_TERMS.get(term, term)
    elif not term:
        term = "added" if before is None else "removed" if after is None else "replaced"
    return TermChange(
        milestone=f"{contract_id}/M{number}" if number is not None else None,
        field=short(term),
        before=worded(before),
        after=worded(after),
    )


def worded(value: Any) -> str | None:
    """A term as text; lists and the terms of a whole milestone in one line; none where there is none."""
    if value is None:
        return None
    if isinstance(value, list):
        return short(", ".join(str(item) for item in value)) or None
    if isinstance(value, dict):
        return short(", ".join(str(item) for item in value.values() if item is not None)) or None
    return short(str(value))
