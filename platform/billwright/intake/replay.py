"""Replay: stored messages through today's mapping, compared with what is stored; a dry run changes nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from billwright.audit.record import record
from billwright.canon.incoming import Incoming, newest, place_of_row
from billwright.canon.references import find_ids
from billwright.canon.rows import SOURCED, TABLES, Ids, named, values_of
from billwright.extension.loading import available_connectors
from billwright.intake.apply_messages import apply_mapped
from billwright.intake.errors import ReplayTooLargeError
from billwright.intake.mapping import Connectors, Held, Mapped, Stored, load_messages, map_messages
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.actor import Actor
from billwright.kernel.canonical_json import plain
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tenant, Tx, transaction

MESSAGES_MAX: Final = 10_000
Change = Literal["changed", "new"]


class FieldDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One column. ``difference`` is after minus before where both are amounts, in major units."""

    field: str
    before: Any
    after: Any
    difference: Decimal | None = None


class ObjectDifference(msgspec.Struct, frozen=True, kw_only=True):
    """An object that today's mapping would make or change. ``currency`` is that of its amounts, where it has one."""

    kind: str
    ref: str
    object_id: UUID | None
    message_id: UUID
    change: Change
    currency: str | None
    fields: list[FieldDifference]


class Unmappable(msgspec.Struct, frozen=True, kw_only=True):
    message_id: UUID
    type: str
    reason: str
    field: str | None


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """``same`` and ``superseded`` count objects: unchanged, or older than what is stored from outside the range."""

    dry_run: bool
    messages: int
    same: int
    superseded: int
    differences: list[ObjectDifference]
    unmappable: list[Unmappable]
    payments: int
    """Payments in the range; they are applied once by receivables and are not compared here."""


def replay(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    start: datetime,
    end: datetime,
    source: str | None = None,
    dry_run: bool = True,
    connectors: Connectors | None = None,
    trace_id: str | None = None,
) -> ReplayReport:
    """Map the messages received in ``start <= t < end`` again and say what differs; unless ``dry_run``, apply it.

    Applying writes the differences in the source's order, as if the messages had just come in: what was issued stays as
    issued, an older message still never wins.

    Raises:
        PermissionDeniedError: the actor may not replay messages.
        InputInvalidError: the range is empty or its ends have no time zone.
        ReplayTooLargeError: more than 10,000 messages in the range.
    """
    actor.require("message:replay")
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        raise InputInvalidError(
            "Give a range of time whose end is after its start, both with a time zone.", field="end"
        )
    known = available_connectors() if connectors is None else connectors
    with transaction(database, tenant, actor, trace_id=trace_id, read_only=dry_run) as tx:
        messages = load_range(tx, start, end, source, lock=not dry_run)
        mapped = map_messages(tx, messages, known)
        report = _compare(tx, messages, mapped, dry_run=dry_run)
        if not dry_run and messages:
            apply_mapped(tx, messages, mapped)
            after = {
                "start": start, "end": end, "source": source, "messages": len(messages),
                "changed": len(report.differences), "unmappable": len(report.unmappable),
            }  # fmt: skip
            record(tx, "messages.replayed", "message", None, after=after)
    return report


def load_range(tx: Tx, start: datetime, end: datetime, source: str | None, *, lock: bool) -> list[Stored]:
    """The messages that arrived in ``start <= t < end``.

    Raises:
        ReplayTooLargeError: more than 10,000.
    """
    where = [SourceMessageRow.received_at >= start, SourceMessageRow.received_at < end]
    if source is not None:
        where.append(SourceMessageRow.source == source)
    messages = load_messages(tx, *where, lock=lock, limit=MESSAGES_MAX + 1)
    if len(messages) > MESSAGES_MAX:
        raise ReplayTooLargeError(
            f"There are more than {MESSAGES_MAX} messages in this range; choose a shorter one or name a source.",
            limit=MESSAGES_MAX,
        )
    return messages


def _compare(tx: Tx, messages: Sequence[Stored], mapped: Sequence[Mapped], *, dry_run: bool) -> ReplayReport:
    items = [item for each in mapped if not isinstance(each, Held) for item in each]
    chosen = list(newest(items).values())
    comparable = [item for item in chosen if item.object.kind in TABLES]
    pairs = {pair for item in comparable for pair in named(item.object)}
    known = find_ids(tx, pairs)
    ids = Ids({pair: known[pair] if pair in known else new_id() for pair in pairs})  # what is new has no identifier yet
    stored = _stored(tx, comparable, known)
    states: Counter[str] = Counter()
    differences = []
    for item in sorted(comparable, key=lambda each: each.pair):
        row = stored.get(known.get(item.pair))
        if row is not None and place_of_row(row) > item.place:
            states["superseded"] += 1
        elif (difference := _difference(item, row, ids, known, tx.now)) is None:
            states["same"] += 1
        else:
            differences.append(difference)
    unmappable = [
        Unmappable(message_id=message.id, type=message.type, reason=each.reason, field=each.field)
        for message, each in zip(messages, mapped, strict=True)
        if isinstance(each, Held)
    ]
    return ReplayReport(
        dry_run=dry_run,
        messages=len(messages),
        same=states["same"],
        superseded=states["superseded"],
        differences=differences,
        unmappable=unmappable,
        payments=len(chosen) - len(comparable),
    )


def _stored(tx: Tx, items: Iterable[Incoming], known: Mapping[tuple[str, str], UUID]) -> dict[UUID | None, Row[Any]]:
    """Canonical rows by identifier; one statement per kind."""
    by_kind: dict[str, list[UUID]] = {}
    for item in items:
        if item.pair in known:
            by_kind.setdefault(item.object.kind, []).append(known[item.pair])
    found: dict[UUID | None, Row[Any]] = {}
    for kind, ids in by_kind.items():
        table = table_of(TABLES[kind])
        for row in tx.session.execute(select(table).where(table.c.id.in_(ids))):
            found[row.id] = row
    return found


def _difference(
    item: Incoming, row: Row[Any] | None, ids: Ids, known: Mapping[tuple[str, str], UUID], now: datetime
) -> ObjectDifference | None:
    values = values_of(item, ids, now)
    fields = [
        difference
        for name, value in values.items()
        if name not in SOURCED and (difference := _field(name, getattr(row, name) if row else None, value)) is not None
    ]
    if row is not None and not fields:
        return None
    assert item.message_id is not None
    return ObjectDifference(
        kind=item.object.kind,
        ref=item.object.ref,
        object_id=known.get(item.pair),
        message_id=item.message_id,
        change="new" if row is None else "changed",
        currency=values.get("currency") or values.get("currency_after"),
        fields=fields,
    )


def _field(name: str, before: Any, after: Any) -> FieldDifference | None:
    if isinstance(before, Decimal | None) and isinstance(after, Decimal | None):
        if before == after:
            return None
        return FieldDifference(field=name, before=before, after=after, difference=(after or 0) - (before or Decimal(0)))
    before, after = comparable_form(before), comparable_form(after)
    return None if before == after else FieldDifference(field=name, before=before, after=after)


def comparable_form(value: Any) -> Any:
    """A column's value and a struct's on equal terms: moments in UTC, nested parts as plain JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return plain(msgspec.to_builtins(value))
