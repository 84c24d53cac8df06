"""The number series of a blueprint: both of them, of their own, fixed with the first number."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from billwright.canon.tables import LegalEntityRow
from billwright.issuing.tables import NumberSeriesRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import transaction
from billwright_tenants.apply import Applied
from billwright_tenants.errors import BlueprintConflictError
from support.onboarding import apply, raw, read, slug

__all__ = ["apply", "raw", "slug"]


def test_a_pattern_changes_only_before_the_first_number(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    from billwright.billing.tables import InvoiceRow
    from billwright.kernel.ids import new_id

    tenant = apply(raw).tenant
    series = raw["legal_entities"][0]["series"]
    series[0]["pattern"] = "INV-{number}"
    assert apply(raw).changes == ["legal entity HC-DE: series HC-{year}-{number:05d} -> INV-{number}"]
    rows = read(database, tenant, select(NumberSeriesRow).where(NumberSeriesRow.document_type == "invoice"))
    assert [(row.year, row.pattern) for row in rows] == [(0, "INV-{number}")]

    (entity,) = read(database, tenant, select(LegalEntityRow))
    with transaction(database, tenant, SYSTEM) as tx:
        values: dict[str, Any] = {
            "id": new_id(),
            "legal_entity_id": entity.id,
            "document_type": "invoice",
            "number": "INV-1",
            "sequence_number": 1,
            "number_year": 0,
            "issued_at": tx.now,
            "issued_on": tx.now.date(),
            "due_on": tx.now.date(),
        }
        tx.session.execute(insert(InvoiceRow), [{**_blank(InvoiceRow, tx.now), **values}])
    series[0]["pattern"] = "OTHER-{number}"
    with pytest.raises(BlueprintConflictError, match="stays"):
        apply(raw)


def _blank(table: Any, now: datetime) -> dict[str, Any]:
    """A value for each column that must have one."""
    blank: dict[type, Any] = {str: "x", int: 0, UUID: UUID(int=1), datetime: now, list: [], dict: {}}
    columns = [each for each in table.__table__.columns if not each.nullable and each.server_default is None]
    return {each.name: blank.get(each.type.python_type, now.date()) for each in columns}


def test_every_entity_has_both_series_with_numbers_of_its_own(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    second = {**raw["legal_entities"][0], "code": "HC-AT", "country": "AT", "default": False, "series": []}
    raw["legal_entities"].append(second)
    tenant = apply(raw).tenant
    patterns = read(database, tenant, select(NumberSeriesRow.pattern))
    assert sorted(patterns) == [
        "HC-AT-CN-{year}-{number:05d}",
        "HC-AT-{year}-{number:05d}",
        "HC-CN-{year}-{number:04d}",
        "HC-{year}-{number:05d}",
    ]
    assert apply(raw).changes == []
