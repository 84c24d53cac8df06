"""The legal entities of a blueprint and their number series."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import insert, select, update

from billwright.audit.record import record
from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import LegalEntityRow
from billwright.issuing.tables import NumberSeriesRow
from billwright.kernel.ids import new_id
from billwright.receivables.tables import JournalEntryRow
from billwright.tenancy.transaction import Tx
from billwright_tenants.blueprint import Accounts, Bank, DocumentType, LegalEntity, Series
from billwright_tenants.errors import BlueprintConflictError
from billwright_tenants.series import SeriesKey, refuse_common_numbers

COLUMNS = ("name", "country", "currency", "time_zone", "profile")
USUAL_PATTERNS: Final[dict[DocumentType, str]] = {
    "invoice": "{code}-{{year}}-{{number:05d}}",
    "credit_note": "{code}-CN-{{year}}-{{number:05d}}",
}


def apply_entities(tx: Tx, entities: Sequence[LegalEntity], changes: list[str]) -> None:
    """Make or change each listed entity; others stay, since issued invoices name them.

    Raises:
        BlueprintInvalidError: a series that is new or changed could give a number that another one gives, too.
        BlueprintConflictError: the pattern of a series that is in use, or the currency of books in use, would change.
    """
    known = {row.code: row for row in tx.session.scalars(select(LegalEntityRow))}
    default = next((entity.code for entity in entities if entity.default), entities[0].code)
    fresh: set[SeriesKey] = set()
    for entity in entities:
        wanted = _row(entity, default=entity.code == default)
        row = known.get(entity.code)
        identifier = _add(tx, wanted, changes) if row is None else _change(tx, row, wanted, changes)
        fresh |= {(entity.code, each) for each in _series(tx, identifier, entity, changes)}
    if fresh:
        refuse_common_numbers(tx, fresh)


def _row(entity: LegalEntity, *, default: bool) -> dict[str, Any]:
    profile = {
        "legal_name": entity.legal_name or "",
        "address": msgspec.to_builtins(entity.address),
        "tax_id": entity.tax_id,
        "registration": entity.registration,
        "email": entity.email,
        "phone": entity.phone,
        "bank": _banks(entity.bank),
        "standard_tax_rate": _percent(entity.standard_tax_rate) if entity.standard_tax_rate is not None else None,
        "accounts": _accounts(entity.accounts),
        "default": default,
    }
    if entity.tax is not None:
        regime = msgspec.to_builtins(entity.tax) | {"provincial": _percents(entity.tax.provincial)}
        profile["tax"] = {name: value for name, value in regime.items() if value}
    if entity.calendar is not None:
        profile["calendar"] = msgspec.to_builtins(entity.calendar)
    columns = {"name": entity.name, "country": entity.country, "currency": entity.currency}
    if entity.einvoice is not None:
        profile["einvoice"] = msgspec.to_builtins(entity.einvoice)
    return {"code": entity.code, **columns, "time_zone": entity.time_zone, "profile": profile}


def _percent(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _percents(given: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: _percent(value) for name, value in given.items()}


def _banks(given: Bank | tuple[Bank, ...] | None) -> list[dict[str, str]]:
    listed = (given,) if isinstance(given, Bank) else given or ()
    return [
        {
            **msgspec.to_builtins(bank),
            "iban": bank.iban.replace(" ", "").upper(),
            "bic": bank.bic.replace(" ", "").upper(),
        }
        for bank in listed
    ]


def _accounts(given: Accounts | None) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(given or Accounts()).items() if value}


def _add(tx: Tx, wanted: dict[str, Any], changes: list[str]) -> UUID:
    identifier = new_id()
    tx.session.execute(insert(LegalEntityRow), [{"id": identifier, **wanted}])
    record(tx, "legal_entity.added", "legal_entity", identifier, after=wanted)
    changes.append(f"legal entity {wanted['code']} added")
    return identifier


def _change(tx: Tx, row: LegalEntityRow, wanted: dict[str, Any], changes: list[str]) -> UUID:
    changed = [name for name in COLUMNS if getattr(row, name) != wanted[name]]
    if "currency" in changed:
        _refuse_if_booked(tx, row)
    if changed:
        before = {name: getattr(row, name) for name in changed}
        after = {name: wanted[name] for name in changed}
        tx.session.execute(update(LegalEntityRow).where(LegalEntityRow.id == row.id).values(**after))
        record(tx, "legal_entity.changed", "legal_entity", row.id, before=before, after=after)
        named = sorted(
            key
            for name in changed
            for key in (_differences(before[name], after[name]) if name == "profile" else [name])
        )
        changes.append(f"legal entity {wanted['code']}: {', '.join(named)} changed")
    return row.id


def _refuse_if_booked(tx: Tx, row: LegalEntityRow) -> None:
    """The journal is valued in the currency: a change would add up values of two."""
    query = select(JournalEntryRow.id).where(JournalEntryRow.legal_entity_id == row.id).limit(1)
    if tx.session.scalars(query).one_or_none() is not None:
        raise BlueprintConflictError(
            f"{row.code} has booked in {row.currency} already; its currency stays. Add a legal entity for the other one.",
            field="legal_entities.currency",
        )


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name in {*before, *after} if before.get(name) != after.get(name)]


def _series(tx: Tx, entity_id: UUID, entity: LegalEntity, changes: list[str]) -> list[str]:
    """One series per kind of document. One that is not listed gets a usual pattern, so that issuing never lacks it.

    Returns the kinds of document whose series is new or changed.
    """
    fresh: list[str] = []
    rows = tx.session.scalars(select(NumberSeriesRow).where(NumberSeriesRow.legal_entity_id == entity_id)).all()
    listed = {each.document_type: each for each in entity.series}
    for document_type, usual in USUAL_PATTERNS.items():
        mine = sorted((row for row in rows if row.document_type == document_type), key=lambda row: row.year)
        wanted = listed.get(document_type)
        if not mine:
            pattern = usual.format(code=entity.code)
            opened = wanted or Series(document_type=document_type, pattern=pattern)
            _open_series(tx, entity_id, entity, opened, changes)
            fresh.append(document_type)
        elif wanted is not None and mine[-1].pattern != wanted.pattern:
            _change_pattern(tx, mine, entity, wanted, changes)
            fresh.append(document_type)
    return fresh


def _open_series(tx: Tx, entity_id: UUID, entity: LegalEntity, series: Series, changes: list[str]) -> None:
    row = {
        "legal_entity_id": entity_id,
        "document_type": series.document_type,
        "year": _year(tx.now, entity, series),
        "pattern": series.pattern,
        "next_number": series.start,
    }
    tx.session.execute(insert(NumberSeriesRow), [row])
    record(tx, "number_series.opened", "legal_entity", entity_id, after=row)
    changes.append(f"legal entity {entity.code}: series {series.pattern} for {series.document_type} opened")


def _year(now: datetime, entity: LegalEntity, series: Series) -> int:
    """The year in the entity's own zone; 0 for a series that never starts anew."""
    return now.astimezone(ZoneInfo(entity.time_zone)).year if "{year}" in series.pattern else 0


def _change_pattern(
    tx: Tx, rows: Sequence[NumberSeriesRow], entity: LegalEntity, series: Series, changes: list[str]
) -> None:
    """Only before the first number is taken: afterwards numbers would seem to be missing."""
    if len(rows) > 1 or _is_used(tx, rows[0]):
        raise BlueprintConflictError(
            f"{entity.code} has used its series {rows[-1].pattern} already; its pattern stays. Add a legal entity, or keep it.",
            field="legal_entities.series",
        )
    row = rows[0]
    old = row.pattern
    values = {"pattern": series.pattern, "next_number": series.start, "year": _year(tx.now, entity, series)}
    mine = (
        NumberSeriesRow.legal_entity_id == row.legal_entity_id,
        NumberSeriesRow.document_type == row.document_type,
    )
    tx.session.execute(update(NumberSeriesRow).where(*mine).values(**values))
    record(tx, "number_series.changed", "legal_entity", row.legal_entity_id, before={"pattern": old}, after=values)
    changes.append(f"legal entity {entity.code}: series {old} -> {series.pattern}")


def _is_used(tx: Tx, row: NumberSeriesRow) -> bool:
    query = select(InvoiceRow.id).where(
        InvoiceRow.legal_entity_id == row.legal_entity_id,
        InvoiceRow.document_type == row.document_type,
        InvoiceRow.number.is_not(None),
    )
    return tx.session.scalars(query.limit(1)).one_or_none() is not None
