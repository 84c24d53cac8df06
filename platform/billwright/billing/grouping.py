"""Grouping ready items into drafts, as the contracts' policies say (``billing/placing.py``)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, Text, bindparam, case, literal, update

from billwright.audit.record import entry_values, record_many
from billwright.billing import queries
from billwright.billing.drafts import rebuild_drafts
from billwright.billing.placing import BELOW_MINIMUM, held_by_minimum, place
from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.tables import LegalEntityRow
from billwright.extension.terms_grouping import BillingPolicy
from billwright.jobs.enqueue import enqueue
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

NO_REASONS: Final = literal([], ARRAY(Text()))


def group_ready(tx: Tx, contract_ids: Sequence[UUID], minimum: Collection[UUID] = ()) -> None:
    """Put ready items into drafts as the contracts' policies say; without one, per legal entity, customer, project,
    currency and period.

    Items whose period is not over wait for its end. Items that come to less than an invoice's minimum amount wait with that
    reason, those of ``minimum`` together with what waited before. A draft that is already on its way through approvals takes
    no more items; they make another one, so that nobody's approval is dropped by an arrival.
    """
    entities = queries.entities(tx)
    groups: dict[str, list[AnyRow]] = defaultdict(list)
    policies: dict[str, BillingPolicy] = {}
    timers: list[JobSpec] = []
    for row in queries.ready_items(tx, contract_ids, minimum):
        entity = entity_of(entities, row.legal_entity)
        if entity is None:
            continue
        found = place(row, entity.code, ZoneInfo(entity.time_zone))
        if found.due is not None and found.due > tx.now:
            timers.append(_timer(row.contract_id, found.due))
            continue
        groups[found.key].append(row)
        policies[found.key] = found.policy
    drafts = queries.open_drafts(tx, list(groups)) if groups else {}
    for key in [key for key, policy in policies.items() if policy.minimum_amount is not None and key not in drafts]:
        entity = entity_of(entities, groups[key][0].legal_entity)
        assert entity is not None
        until = held_by_minimum(groups[key], policies[key], tx.now, ZoneInfo(entity.time_zone))
        if until is not None:
            timers += _hold(tx, groups.pop(key), until, ZoneInfo(entity.time_zone))
    enqueue(tx, timers)
    if groups:
        _draft(tx, entities, groups, drafts)


def _timer(contract_id: UUID, moment: datetime) -> JobSpec:
    key = f"period:{contract_id}:{moment:%Y-%m-%d}"
    return JobSpec(kind="billing.evaluate", key=key, payload={"contract_id": contract_id}, run_at=moment)


def _hold(tx: Tx, rows: Sequence[AnyRow], until: date, zone: ZoneInfo) -> list[JobSpec]:
    """Let ``rows`` wait for their minimum amount; return the timers of the day on which they are billed all the same."""
    new = [row.id for row in rows if row.state == "ready"]
    if new:
        held = {"state": "waiting", "reasons": [BELOW_MINIMUM], "waiting_since": tx.now, "updated_at": tx.now}
        tx.session.execute(update(BillableItemRow).where(BillableItemRow.id.in_(new)).values(held))
        after = {"state": "waiting", "reasons": [BELOW_MINIMUM]}
        record_many(tx, [entry_values(tx, "item.waiting", "billable_item", each, after=after) for each in new])
    if until == date.max:
        return []
    return [
        _timer(each, datetime.combine(until, time(), tzinfo=zone)) for each in sorted({r.contract_id for r in rows})
    ]


def _draft(
    tx: Tx, entities: Mapping[str, LegalEntityRow], groups: Mapping[str, list[AnyRow]], open_drafts: Mapping[str, UUID]
) -> None:
    made = _make_drafts(tx, entities, {key: rows for key, rows in groups.items() if key not in open_drafts})
    drafts = {**open_drafts, **made}
    assignments = [
        {"b_id": row.id, "b_invoice": drafts[key], "b_now": tx.now} for key, rows in groups.items() for row in rows
    ]
    statement = (
        update(BillableItemRow)
        .where(BillableItemRow.id == bindparam("b_id"))
        .values(
            state="drafted",
            reasons=case((BillableItemRow.state == "waiting", NO_REASONS), else_=BillableItemRow.reasons),
            waiting_since=None,
            invoice_id=bindparam("b_invoice"),
            updated_at=bindparam("b_now"),
        )
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
                "project_id": None if _over_projects(first) else first.project_id,
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


def _over_projects(row: AnyRow) -> bool:
    """Whether the draft is of no single project."""
    return bool((row.billing_policy or {}).get("consolidated")) and row.rebill_of is None
