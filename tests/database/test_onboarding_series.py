"""The number series of a blueprint: both of them, of their own, fixed with the first number."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from billwright.canon.tables import LegalEntityRow
from billwright.issuing.tables import NumberSeriesRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import transaction
from billwright_tenants.apply import Applied
from billwright_tenants.errors import BlueprintConflictError, BlueprintInvalidError
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


def second(raw: dict[str, Any], code: str, *series: dict[str, Any]) -> None:
    raw["legal_entities"].append(
        {**raw["legal_entities"][0], "code": code, "country": "AT", "default": False, "series": list(series)}
    )


@pytest.mark.parametrize(
    ("first", "other", "number"),
    [
        ("R-{number}", {"document_type": "invoice", "pattern": "R-{number:05d}"}, "R-11111"),
        ("R-{number}", {"document_type": "credit_note", "pattern": "R-{year}{number}"}, "R-21111"),
        ("HC-AT-{year}-{number:03d}", None, "HC-AT-2111-11111"),
    ],
)
def test_two_series_that_could_give_one_number_are_refused(
    apply: Callable[..., Applied], raw: dict[str, Any], first: str, other: dict[str, Any] | None, number: str
) -> None:
    raw["legal_entities"][0]["series"][0]["pattern"] = first
    second(raw, "HC-AT", *([other] if other else []))
    with pytest.raises(BlueprintInvalidError) as refused:
        apply(raw)
    assert "has 1 problem(s)" in str(refused.value)
    assert "invoices of HC-DE" in str(refused.value)
    assert f"could both give {number};" in str(refused.value)


def test_a_series_that_comes_later_is_held_against_those_in_use(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    tenant = apply(raw).tenant
    raw["legal_entities"] = [
        {
            **raw["legal_entities"][0],
            "code": "NEW",
            "series": [{"document_type": "invoice", "pattern": "HC-{year}-{number}"}],
        }
    ]
    with pytest.raises(BlueprintInvalidError, match="invoices of HC-DE"):
        apply(raw)
    assert len(read(database, tenant, select(LegalEntityRow))) == 1


def test_series_that_met_before_do_not_stop_other_changes(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    second(raw, "HC-AT", {"document_type": "invoice", "pattern": "AT-{number}"})
    tenant = apply(raw).tenant
    with transaction(database, tenant, SYSTEM) as tx:
        meets = NumberSeriesRow.pattern == "AT-{number}"
        tx.session.execute(update(NumberSeriesRow).where(meets).values(pattern="HC-{year}-{number}"))
    raw["legal_entities"][1]["series"] = []
    raw["payment_terms_days"] = 21
    assert apply(raw).changes == ["configuration version 2: payment_terms_days"]
