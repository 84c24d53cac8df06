"""Grouping ready items into drafts: per legal entity, customer, project, currency and period."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, update

from billwright.audit.record import entry_values, record_many
from billwright.billing import queries
from billwright.billing.drafts import rebuild_drafts
from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.tables import LegalEntityRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx


def group_ready(tx: Tx, contract_ids: Sequence[UUID]) -> None:
    """Put ready items into drafts: one per legal entity, customer, project, currency and period.

    Items of a contract that bills monthly wait until their month is over. A draft that is already on its way through
    approvals takes no more items; they make another one, so that nobody's approval is dropped by an arrival.
    """
    entities = queries.entities(tx)
    groups: dict[str, list[AnyRow]] = defaultdict(list)
    timers: list[JobSpec] = []
    for row in queries.ready_items(tx, contract_ids):
        entity = entity_of(entities, row.legal_entity)
        if entity is None:
            continue
        period_end = _period_end(row, entity)
        if period_end is not None and period_end > tx.now:
            timers.append(
                JobSpec(
                    kind="billing.evaluate",
                    key=f"period:{row.contract_id}:{period_end:%Y-%m}",
                    payload={"contract_id": row.contract_id},
                    run_at=period_end,
                )
            )
            continue
        groups[_group_key(row, entity)].append(row)
    enqueue(tx, timers)
    if not groups:
        return
    drafts = queries.open_drafts(tx, list(groups))
    made = _make_drafts(tx, entities, {key: rows for key, rows in groups.items() if key not in drafts})
    drafts |= made
    assignments = [
        {"b_id": row.id, "b_invoice": drafts[key], "b_now": tx.now} for key, rows in groups.items() for row in rows
    ]
    statement = (
        update(BillableItemRow)
        .where(BillableItemRow.id == bindparam("b_id"))
        .values(state="drafted", invoice_id=bindparam("b_invoice"), updated_at=bindparam("b_now"))
    )
    tx.session.connection().execute(statement, assignments)
    record_many(
        tx,
        [
            entry_values(tx, "item.drafted", "billable_item", row["b_id"], after={"invoice_id": row["b_invoice"]})
            for row in assignments
        ],
    )
    rebuild_drafts(tx, sorted({drafts[key] for key in groups}), made=frozenset(made.values()))


def entity_of(entities: Mapping[str, LegalEntityRow], code: str) -> LegalEntityRow | None:
    """The contract's legal entity, or the tenant's default one when the contract names none."""
    if code:
        return entities.get(code)
    defaults = [entity for entity in entities.values() if entity.profile.get("default")]
    return next(iter(defaults or entities.values()), None)


def _period_end(row: AnyRow, entity: LegalEntityRow) -> datetime | None:
    """When the item's period is over (midnight after its last day, in the entity's zone); none when it bills at once."""
    if row.grouping != "monthly" or row.service_to is None or row.rebill_of is not None:
        return None
    day: date = row.service_to
    first_of_next = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime(first_of_next.year, first_of_next.month, 1, tzinfo=ZoneInfo(entity.time_zone))


def _group_key(row: AnyRow, entity: LegalEntityRow) -> str:
    if row.rebill_of is not None:  # what replaces a credited invoice stands alone
        return f"{entity.code}|{row.customer_id}|{row.project_id or row.contract_id}|{row.currency}|{row.rebill_of}"
    period = f"{row.service_to:%Y-%m}" if row.service_to else ""
    if row.grouping == "each":
        period = str(row.id)
    return f"{entity.code}|{row.customer_id}|{row.project_id or row.contract_id}|{row.currency}|{period}"


def _make_drafts(tx: Tx, entities: Mapping[str, LegalEntityRow], groups: Mapping[str, list[AnyRow]]) -> dict[str, UUID]:
    default_terms = read_configuration(tx).payment_terms_days
    made: dict[str, UUID] = {}
    rows: list[dict[str, Any]] = []
    for key, items in groups.items():
        first = items[0]
        entity = entity_of(entities, first.legal_entity)
        assert entity is not None
        terms = next((t for t in (first.contract_terms, first.customer_terms) if t is not None), default_terms)
        made[key] = new_id()
        rows.append(
            {
                "id": made[key],
                "document_type": "invoice",
                "legal_entity_id": entity.id,
                "customer_id": first.customer_id,
                "project_id": first.project_id,
                "group_key": key,
                "currency": first.currency,
                "phase": "draft",
                "detail": "grouped",
                "net_minor": 0,
                "tax_minor": 0,
                "gross_minor": 0,
                "content_sha256": "",
                "payment_terms_days": terms,
                "created_at": tx.now,
                "updated_at": tx.now,
                "phase_since": tx.now,
                "replaces_invoice_id": first.rebill_of,
            }
        )
    if rows:
        insert_many(tx.session, InvoiceRow, rows)
    return made
