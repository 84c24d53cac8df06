"""Rows of a table into canonical objects: column names to fields, people's numbers and dates to exact ones. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, get_args, get_type_hints

import msgspec

from billwright.extension.canonical import CANONICAL_TYPES, Canonical, PurchaseOrder, Rate, RateCard
from billwright.intake.csv_text import DECIMAL_COMMA, FileRefusedError, Sheet
from billwright.intake.envelope import RefusedError, refusal_of

_PLURALS: Final = {"evidence": "evidence", "time_entry": "time_entries"}
KIND_OF_PREFIX: Final[Mapping[str, str]] = {
    name: kind for kind in CANONICAL_TYPES for name in (kind, _PLURALS.get(kind, f"{kind}s"))
}
"""``time_entries-2026-03.csv`` holds time entries."""

_SYNONYMS: Final[Mapping[str, str]] = {
    "id": "ref", "reference": "ref", "key": "ref", "contract_ref": "contract", "contract_id": "contract",
    "customer_ref": "customer", "customer_id": "customer", "project_ref": "project", "project_id": "project",
    "change_order_ref": "change_order", "person": "person_name", "employee": "person_name", "email": "person_email",
    "po_number": "purchase_order.number", "po_value": "purchase_order.value",
    "po_valid_until": "purchase_order.valid_until", "street": "address.street", "postal_code": "address.postal_code",
    "zip": "address.postal_code", "city": "address.city", "country": "address.country",
}  # fmt: skip
_DATES: Final = {"time_entry": "worked_on", "expense": "spent_on", "payment": "paid_on"}
_LISTS: Final = frozenset({"milestones"})
_LIST_SEPARATOR: Final = "|"
# A row of a file is one rate of one card: what both could say, as the currency, is said of the card.
_RATE_FIELDS: Final = tuple(name for name in Rate.__struct_fields__ if name not in RateCard.__struct_fields__)
_YES: Final = frozenset({"yes", "y", "ja", "oui", "x"})
_NO: Final = frozenset({"no", "n", "nein", "non"})
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,14}(?:\.[0-9]{1,14})?")
_COMMA_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),[0-9]+")
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+")
_GROUPED_TWICE: Final = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")


def kind_of(name: str) -> str | None:
    """The kind of object that a file's name promises; none if its prefix is not known."""
    return KIND_OF_PREFIX.get(re.split(r"[-. ]", name.lower())[0])


def rows_of(sheet: Sheet, kind: str) -> Iterator[tuple[int, Canonical | RefusedError]]:
    """Each row's object, or why it is refused.

    Raises:
        FileRefusedError: a column is missing or there twice; the columns are named.
    """
    columns = _columns(sheet.header, kind)
    model = CANONICAL_TYPES[kind]
    for line, cells in sheet.rows:
        try:
            if len(cells) != len(columns):
                raise RefusedError(
                    f"The row has {len(cells)} cells, the header {len(columns)}; put a cell with {sheet.delimiter!r} in quotes.",
                    field=None,
                )
            values = _values(columns, cells, kind, comma=sheet.delimiter == DECIMAL_COMMA)
            yield line, msgspec.convert(values, model, strict=False)
        except msgspec.ValidationError as error:
            yield line, refusal_of(error)
        except RefusedError as error:
            yield line, error


def _columns(header: tuple[str, ...], kind: str) -> list[str]:
    fields = set(CANONICAL_TYPES[kind].__struct_fields__)
    columns = [_field(name, kind, fields) for name in header]
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise FileRefusedError(f"Columns are there twice: {', '.join(twice)}. Keep one of each.")
    required = {each.name for each in msgspec.structs.fields(CANONICAL_TYPES[kind]) if each.required}
    if kind == "rate_card":
        required = (required - {"rates"}) | {"effective_from", "daily" if "daily" in columns else "hourly"}
    if missing := sorted(required - set(columns)):
        raise FileRefusedError(f"Columns are missing: {', '.join(missing)}. Add them to the file and drop it again.")
    return columns


def _field(name: str, kind: str, fields: set[str]) -> str:
    if name in fields:
        return name
    if name == "date":
        return _DATES.get(kind, name)
    other = _SYNONYMS.get(name, name)
    return other if other.partition(".")[0] in fields else name


def _values(columns: list[str], cells: list[str], kind: str, *, comma: bool) -> dict[str, Any]:
    """The row as nested values; an empty cell is a field that is not sent."""
    values: dict[str, Any] = {}
    for column, raw in zip(columns, cells, strict=True):
        cell = raw.strip()
        if not cell:
            continue
        head, _, inner = column.partition(".")
        value = _value(inner or head, cell, comma=comma)
        if inner:
            values.setdefault(head, {})[inner] = value
        else:
            values[head] = value
    if kind == "rate_card":
        values["rates"] = [{name: values.pop(name) for name in _RATE_FIELDS if name in values}]
    return values


def _value(name: str, cell: str, *, comma: bool) -> Any:
    if name in _LISTS:
        return [part.strip() for part in cell.split(_LIST_SEPARATOR) if part.strip()]
    if name in _BOOLEANS:
        word = cell.lower()
        return "true" if word in _YES else "false" if word in _NO else word
    if name in _DECIMALS:
        return _plainest(_decimal(cell, name) if comma else cell)
    if match := _DAY_FIRST.fullmatch(cell):
        day, month, year = match.groups()
        return f"{year}-{month:0>2}-{day:0>2}" if name in _DATE_FIELDS else cell
    return cell


def _decimal(cell: str, name: str) -> str:
    """``1.234,50`` as ``1234.50``.

    Raises:
        RefusedError: ``1.234`` may be either of two numbers; it is never guessed.
    """
    if _COMMA_NUMBER.fullmatch(cell) or _GROUPED_TWICE.fullmatch(cell):
        return cell.replace(".", "").replace(",", ".")
    if _GROUPED.fullmatch(cell):
        whole = cell.replace(".", "")
        raise RefusedError(
            f"{cell} may mean {whole} or {cell.replace('.', ',')}; write {whole},00 or {cell}0.", field=name
        )
    return cell


def _plainest(number: str) -> str:
    """``7.50`` as ``7.5``: a row says the same however its number is written."""
    return format(Decimal(number).normalize(), "f") if _PLAIN_NUMBER.fullmatch(number) else number


def _fields_with(*wanted: type) -> frozenset[str]:
    """Names of fields of ``wanted`` types in all kinds and in what a table can say of their parts."""
    found = set()
    for model in (*CANONICAL_TYPES.values(), PurchaseOrder, Rate):
        for name, annotation in get_type_hints(model).items():
            if any(each in wanted for each in (annotation, *get_args(annotation))):
                found.add(name)
    return frozenset(found)


_DECIMALS: Final = _fields_with(Decimal)
_BOOLEANS: Final = _fields_with(bool)
_DATE_FIELDS: Final = _fields_with(date)
