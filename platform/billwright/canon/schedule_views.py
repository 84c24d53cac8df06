"""Billing schedules with what was reported for them, as triggers see them: one statement for any number of contracts."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Text, Uuid, cast, func, literal, null, select, union_all
from sqlalchemy.dialects.postgresql import JSONB

from billwright.canon.tables import BillingScheduleRow, ProgressReportRow, UsageRecordRow
from billwright.canon.terms import natural
from billwright.extension.schedules import ProgressItem, ProgressView, ScheduleTerms, ScheduleView, UsageView
from billwright.tenancy.transaction import Tx


def scheduled(tx: Tx, contract_ids: Sequence[UUID]) -> defaultdict[UUID, list[Row[Any]]]:
    """Schedules, usage records and progress reports by contract, told apart by ``kind``. One cheap statement.

    Numbers pass as text within ``facts``, so that no digit is lost.
    """
    grouped: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    if not contract_ids:
        return grouped
    schedule, usage, report = BillingScheduleRow, UsageRecordRow, ProgressReportRow
    said = func.jsonb_build_object(
        "number", schedule.number, "name", schedule.name, "clause", schedule.clause,
        "service_line", schedule.service_line, "change_order_id", cast(schedule.change_order_id, Text),
        "terms", schedule.terms,
    )  # fmt: skip
    counted = func.jsonb_build_object(
        "used_on", usage.used_on, "quantity", cast(usage.quantity, Text), "status", usage.status
    )
    done = func.jsonb_build_object(
        "number", report.number, "as_of", report.as_of, "items", report.items, "status", report.status
    )
    query = union_all(
        _part(schedule, "schedule", cast(null(), Uuid), cast(null(), Text), said, contract_ids),
        _part(usage, "usage", usage.schedule_id, usage.schedule_ref, counted, contract_ids),
        _part(report, "report", report.schedule_id, report.schedule_ref, done, contract_ids),
    )
    for row in tx.session.execute(query):
        grouped[row.contract_id].append(row)
    return grouped


def _part(table: Any, kind: str, schedule_id: Any, schedule_ref: Any, facts: Any, contract_ids: Sequence[UUID]) -> Any:
    return select(
        literal(kind).label("kind"),
        table.id,
        table.ref,
        table.contract_id,
        table.message_id,
        schedule_id.label("schedule_id"),
        schedule_ref.label("schedule_ref"),
        cast(facts, JSONB).label("facts"),
    ).where(table.contract_id.in_(contract_ids))


def schedule_views(rows: Iterable[Row[Any]]) -> tuple[ScheduleView, ...]:
    """Views in the order of their numbers. A schedule that only reports name is there, without terms."""
    ordered = sorted(rows, key=lambda each: each.ref)
    known = {row.id: row for row in ordered if row.kind == "schedule"}
    named = {row.schedule_id: row.schedule_ref for row in ordered if row.kind != "schedule"}
    views = [
        _view(schedule_id, known.get(schedule_id), named.get(schedule_id, ""), ordered)
        for schedule_id in {**known, **named}
    ]
    return tuple(sorted(views, key=lambda view: (natural(view.number), view.terms is not None, view.id)))


def _view(schedule_id: UUID, row: Row[Any] | None, ref: str, rows: Sequence[Row[Any]]) -> ScheduleView:
    said = row.facts if row is not None else {}
    usage = [_usage(each) for each in rows if each.kind == "usage" and each.schedule_id == schedule_id]
    reports = [_report(each) for each in rows if each.kind == "report" and each.schedule_id == schedule_id]
    terms: ScheduleTerms | None = msgspec.convert(said["terms"], ScheduleTerms) if row is not None else None
    return ScheduleView(
        id=str(schedule_id),
        number=said.get("number") or ref,
        name=said.get("name", ""),
        clause=said.get("clause", ""),
        service_line=said.get("service_line", ""),
        change_order_id=said.get("change_order_id"),
        terms=terms,
        usage=tuple(sorted(usage, key=lambda each: (each.used_on, each.id))),
        reports=tuple(sorted(reports, key=lambda each: (each.as_of, natural(each.number), each.id))),
        message_id=_text(row.message_id) if row is not None else None,
    )


def _usage(row: Row[Any]) -> UsageView:
    return UsageView(
        id=str(row.id),
        used_on=date.fromisoformat(row.facts["used_on"]),
        quantity=Decimal(row.facts["quantity"]),
        status=row.facts["status"],
        message_id=_text(row.message_id),
    )


def _report(row: Row[Any]) -> ProgressView:
    return ProgressView(
        id=str(row.id),
        number=row.facts["number"],
        as_of=date.fromisoformat(row.facts["as_of"]),
        status=row.facts["status"],
        items=tuple(msgspec.convert(item, ProgressItem) for item in row.facts["items"]),
        message_id=_text(row.message_id),
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
