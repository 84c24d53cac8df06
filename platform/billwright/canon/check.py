"""Whether a canonical object can be stored, and whether it contradicts itself. Pure.

What comes from a connector's mapping must pass ``check_storable``; what a sender writes in our own types must pass
``check_sense`` too, so that it is told at the door.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final, get_args, get_type_hints

import msgspec

from billwright.extension.canonical import BillingSchedule, Canonical, ChangeOrder, Contract, Milestone, TimeEntry
from billwright.extension.schedules import ProgressTerms, RetainerTerms
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.money import is_currency, parse_amount

YEARS: Final = range(1900, 3000)
DECIMALS_MAX: Final = 12
MAGNITUDE_MAX: Final = 30
EARLIEST_ZONE: Final = timedelta(hours=14)  # a day begins first at UTC+14

_MONEY: Final[Mapping[str, tuple[tuple[str, str, str | None], ...]]] = {
    "contract": (("value", "currency", "value_raw"),),
    "milestone": (("amount", "currency", "amount_raw"),),
    "change_order": (("value_after", "currency_after", None),),
    "expense": (("amount", "currency", None),),
    "payment": (("amount", "currency", None),),
    "rate_card": (("", "currency", None),),
    "customer": (("", "currency", None),),
}
"""Kind to (amount, its currency, the field in which a source may state the price in its own words)."""


def check_storable(item: Canonical) -> None:
    """Refuse values that the database or our calendar cannot hold.

    Raises:
        InputInvalidError: ``field`` is the path in the object.
    """
    for path, value in _leaves(item, ""):
        if isinstance(value, str) and "\x00" in value:
            raise InputInvalidError("This text holds a NUL character; leave it out.", field=path)
    check_values(item)


def check_values(item: msgspec.Struct, path: str = "") -> None:
    """``check_storable`` for an object whose texts are known to be sound: numbers, dates and moments only.

    Raises:
        InputInvalidError: ``field`` is the path in the object.
    """
    for name in _value_fields(type(item)):
        value = getattr(item, name)
        if value is not None:
            _check_value(value, path + name)


def _check_value(value: Any, path: str) -> None:
    if isinstance(value, Decimal):
        _check_size(value, path)
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputInvalidError("This moment has no time zone; write it as 2026-03-01T09:30:00+01:00.", field=path)
        _check_year(value, path)
    elif isinstance(value, date):
        _check_year(value, path)
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            _check_value(inner, f"{path}[{index}]")
    else:
        check_values(value, f"{path}.")


def check_sense(item: Canonical) -> list[tuple[str, str]]:
    """Refuse amounts that their currency does not allow, and dates that contradict each other.

    Returns:
        (field, unit) of amounts in something that is no ISO 4217 currency: right only where the tenant declared a
        settlement for it, or where the source says the price in its own words beside it.

    Raises:
        InputInvalidError: ``field`` is the path in the object, the sentence names the remedy.
    """
    units = []
    for amount_field, currency_field, raw_field in _MONEY.get(item.kind, ()):
        currency = getattr(item, currency_field)
        if currency is not None and not is_currency(currency):
            if raw_field is None or not getattr(item, raw_field):
                units.append((currency_field, currency))
        elif currency is not None and amount_field and (amount := getattr(item, amount_field)) is not None:
            parse_amount(amount, currency, field=amount_field)
    if isinstance(item, Contract) and item.purchase_order and item.purchase_order.value and is_currency(item.currency):
        parse_amount(item.purchase_order.value, item.currency or "", field="purchase_order.value")
    if isinstance(item, ChangeOrder):
        units.extend(_check_changes(item))
    if isinstance(item, BillingSchedule):
        units.extend(_check_schedule(item))
    check = _CONTRADICTIONS.get(item.kind)
    if check is not None:
        check(item)
    return units


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _leaves(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


@cache
def _value_fields(model: type[msgspec.Struct]) -> tuple[str, ...]:
    """Fields that hold a number, date or moment, or a part that has such a field."""
    hints = get_type_hints(model)
    return tuple(name for name in model.__struct_fields__ if _holds_value(hints[name]))


def _holds_value(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return bool(_value_fields(annotation))
    return annotation in (date, datetime, Decimal) or any(_holds_value(each) for each in get_args(annotation))


def _check_year(value: date, path: str) -> None:
    if value.year not in YEARS:
        raise InputInvalidError(f"The year {value.year} cannot be right; correct it at the source.", field=path)


def _check_size(value: Decimal, path: str) -> None:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise InputInvalidError(f"{value} is no amount; send a plain decimal such as 1234.50.", field=path)
    if exponent < -DECIMALS_MAX or (value and value.adjusted() > MAGNITUDE_MAX):
        raise InputInvalidError(
            f"A number has at most {DECIMALS_MAX} decimals here; round it at the source.", field=path
        )


def _check_changes(order: ChangeOrder) -> Iterator[tuple[str, str]]:
    currencies = {
        change.milestone: change.after for change in order.changes if change.field == "currency" and change.after
    }
    for index, change in enumerate(order.changes):
        path = f"changes[{index}].after"
        if change.field == "currency" and change.after is not None and not is_currency(change.after):
            yield path, change.after
        if change.field != "amount" or change.after is None:
            continue
        currency = currencies.get(change.milestone, order.currency_after)
        try:
            amount = Decimal(change.after)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            raise InputInvalidError(
                f"{change.after!r} is no amount of 0 or more; send a plain decimal such as 1234.50.", field=path
            )
        if is_currency(currency):
            parse_amount(amount, currency or "", field=path)


def _check_schedule(item: BillingSchedule) -> Iterator[tuple[str, str]]:
    """Amounts that are billed as they are agreed; prices per unit may be finer than the currency."""
    terms = item.terms
    if terms.currency is None:
        return
    if not is_currency(terms.currency):
        yield "terms.currency", terms.currency
        return
    if isinstance(terms, RetainerTerms):
        parse_amount(terms.amount, terms.currency, field="terms.amount")
    for index, each in enumerate(terms.items if isinstance(terms, ProgressTerms) else ()):
        if each.value is not None:
            parse_amount(each.value, terms.currency, field=f"terms.items[{index}].value")


def _check_time_entry(item: TimeEntry) -> None:
    if item.approved_at is not None:
        began = datetime.combine(item.worked_on, time.min, tzinfo=UTC) - EARLIEST_ZONE
        if item.approved_at < began:
            raise InputInvalidError(
                f"Approved on {item.approved_at.date()}, before the work of {item.worked_on}; correct one of the two.",
                field="approved_at",
            )


def _check_contract(item: Contract) -> None:
    order = item.purchase_order
    if order and order.valid_until and item.signed_on and order.valid_until < item.signed_on:
        raise InputInvalidError(
            f"The purchase order ended on {order.valid_until}, before the contract was signed on {item.signed_on}; "
            "correct one of the two.",
            field="purchase_order.valid_until",
        )


def _check_milestone(item: Milestone) -> None:
    if item.basis == "percent" and item.percent is None:
        raise InputInvalidError("A milestone of basis percent needs its percent; send it.", field="percent")


_CONTRADICTIONS: Final[Mapping[str, Callable[[Any], None]]] = {
    "time_entry": _check_time_entry,
    "contract": _check_contract,
    "milestone": _check_milestone,
}
