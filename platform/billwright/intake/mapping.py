"""Stored messages to canonical objects, by today's mapping: our own types, or the connector of the message's connection."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Text, cast, select

from billwright.canon.check import check_storable
from billwright.canon.incoming import Incoming
from billwright.extension.canonical import Canonical, Order, SourceMessage
from billwright.extension.connectors import MappingError, Source, UnknownTypeError
from billwright.extension.message_types import MessageTypes, VersionUnknownError
from billwright.intake.envelope import RefusedError
from billwright.intake.native import NATIVE_TYPES, decode_native, is_native, undeclared_unit, unknown_reason
from billwright.intake.tables import ConnectionRow, CorrectionDecisionRow, MessageCorrectionRow, SourceMessageRow
from billwright.kernel.errors import InputInvalidError, SettingsInvalidError
from billwright.tenancy.transaction import Tx

Connectors = Mapping[str, Any]
"""Name to connector, as entry points give them."""

LOG: Final = logging.getLogger(__name__)

Why = Literal["no_mapping", "unknown_version", "wrong_content", "mapping_failed", "connection"]
"""Why a message is held: nothing reads its type, or its version; its content is wrong; the mapping broke; or the settings
of its connection do not fit."""
WHYS: Final[tuple[Why, ...]] = get_args(Why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A stored message as the mapping needs it; ``data`` is JSON text with every digit that was sent.

    Where a correction was approved, ``type`` and ``data`` are the correction's, and ``corrected_by`` are who approved and who
    proposed it.
    """

    id: UUID
    connection_id: UUID | None
    source: str
    message_id: str
    type: str
    subject: str
    time: datetime
    sequence: int | None
    data: str
    person_id: UUID | None
    state: str
    received_at: datetime
    correction_id: UUID | None = None
    corrected_by: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Why a message cannot be mapped."""

    reason: str
    field: str | None = None
    why: Why = "wrong_content"


Mapped = Sequence[Incoming] | Held

_NO_TYPES: Final = MessageTypes(())
_NAMES: Final = tuple(name for name in Stored.__slots__ if name not in {"data", "corrected_by"})


def load_messages(tx: Tx, *where: ColumnElement[bool], lock: bool = False, limit: int | None = None) -> list[Stored]:
    """Messages in the order of their identifiers (of arrival); ``lock`` keeps them for this transaction.

    One statement, and one more if any of them was corrected.
    """
    columns = [getattr(SourceMessageRow, name) for name in _NAMES]
    query = select(cast(SourceMessageRow.data, Text).label("data"), *columns)
    query = query.where(*where).order_by(SourceMessageRow.id).limit(limit)
    if lock:
        query = query.with_for_update()
    return _corrected(tx, [Stored(**row._mapping) for row in tx.session.execute(query)])


def _corrected(tx: Tx, messages: list[Stored]) -> list[Stored]:
    wanted = [each.correction_id for each in messages if each.correction_id is not None]
    if not wanted:
        return messages
    row, decision = MessageCorrectionRow, CorrectionDecisionRow
    query = (
        select(row.id, row.type, cast(row.data, Text).label("data"), row.proposed_by, decision.decided_by)
        .join(decision, decision.correction_id == row.id)
        .where(row.id.in_(wanted))
    )
    known = {each.id: each for each in tx.session.execute(query)}
    return [
        message
        if message.correction_id is None
        else replace(
            message,
            type=known[message.correction_id].type,
            data=known[message.correction_id].data,
            corrected_by=(known[message.correction_id].decided_by, known[message.correction_id].proposed_by),
        )
        for message in messages
    ]


def map_messages(tx: Tx, messages: Sequence[Stored], connectors: Connectors) -> list[Mapped]:
    """The objects of each message, or why it is held. One message's failure is its own. At most two statements."""
    mappers = _mappers(tx, {each.connection_id for each in messages if each.connection_id is not None}, connectors)
    return [_map_one(tx, message, mappers) for message in messages]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mapper:
    connector: Source | None
    settings: msgspec.Struct | None
    types: MessageTypes = _NO_TYPES
    problem: str = ""


def _mappers(tx: Tx, connection_ids: Iterable[UUID], connectors: Connectors) -> dict[UUID, _Mapper]:
    wanted = sorted(connection_ids)
    if not wanted:
        return {}
    columns = (ConnectionRow.id, ConnectionRow.name, ConnectionRow.connector, ConnectionRow.settings)
    rows = tx.session.execute(select(*columns).where(ConnectionRow.id.in_(wanted)))
    return {row.id: _mapper(row.name, row.connector, row.settings, connectors) for row in rows}


def _mapper(name: str, connector_name: str, raw: Mapping[str, Any], connectors: Connectors) -> _Mapper:
    try:
        connector = connectors.get(connector_name)
        if not isinstance(connector, Source):
            return _Mapper(connector=None, settings=None)
        settings = msgspec.convert(dict(raw), connector.manifest.settings_model)  # type: ignore[attr-defined]  # Connector too
    except SettingsInvalidError as error:
        return _Mapper(connector=None, settings=None, problem=str(error))
    except msgspec.ValidationError as error:
        problem = f"The settings of the connection {name!r} do not fit its connector: {error}. Correct them and retry."
        return _Mapper(connector=None, settings=None, problem=problem)
    types = MessageTypes(connector.manifest.message_types)  # type: ignore[attr-defined]  # Connector too
    return _Mapper(connector=connector, settings=settings, types=types)


def _map_one(tx: Tx, message: Stored, mappers: Mapping[UUID, _Mapper]) -> Mapped:
    try:
        objects = _objects(tx, message, mappers)
    except _UnusableError as error:
        return Held(reason=str(error), why="connection")
    except RefusedError as error:
        return Held(reason=str(error), field=error.field)
    except MappingError as error:
        return Held(reason=str(error), field=error.field)
    except InputInvalidError as error:
        return Held(reason=str(error), field=str(error.facts.get("field")))
    except VersionUnknownError as error:
        return Held(reason=str(error), field="type", why="unknown_version")
    except UnknownTypeError as error:
        return Held(reason=str(error) or unknown_reason(message.type), field="type", why=_unknown(message.type))
    except Exception as error:  # a third party's mapping may fail in any way; it must not take others with it
        LOG.exception("mapping failed for message %s of type %s", message.id, message.type)
        name = type(error).__name__
        reason = f"The mapping of {message.type!r} failed ({name}); its maker has to mend it, then retry."
        return Held(reason=reason, why="mapping_failed")
    order = Order(time=message.time, sequence=message.sequence)
    key = f"{message.message_id} {message.source}"
    # Whoever sent it stays known as a maker of the fact beside the two who corrected it; the last one counts as its maker.
    people = [message.person_id, *message.corrected_by]
    return [
        Incoming(object=item, message_id=message.id, order=order, key=key, person_id=person)
        for person in people
        for item in objects
    ]


class _UnusableError(Exception):
    """The settings of the message's connection do not fit its connector."""


def _unknown(event_type: str) -> Why:
    """Whether only the version of a type of ours is unknown."""
    try:
        NATIVE_TYPES.find(event_type)
    except VersionUnknownError:
        return "unknown_version"
    return "no_mapping"


def _objects(tx: Tx, message: Stored, mappers: Mapping[UUID, _Mapper]) -> Sequence[Canonical]:
    data = msgspec.Raw(message.data.encode())
    if is_native(message.type):
        item, units = decode_native(message.type, data)
        refusal = undeclared_unit(tx, units) if units else None
        if refusal is not None:
            raise refusal
        return [item]
    mapper = mappers.get(message.connection_id) if message.connection_id is not None else None
    if mapper is not None and mapper.problem:
        raise _UnusableError(mapper.problem)
    if mapper is None or mapper.connector is None or mapper.settings is None:
        raise UnknownTypeError(unknown_reason(message.type))
    stepped_type, data = mapper.types.step_up(message.type, data)
    source_message = SourceMessage(
        type=stepped_type,
        source=message.source,
        id=message.message_id,
        time=message.time,
        sequence=message.sequence,
        subject=message.subject,
        data=data,
    )
    objects = mapper.connector.map_message(source_message, mapper.settings)
    for item in objects:
        check_storable(item)
    return objects
