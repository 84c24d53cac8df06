"""A signed webhook in: who sent it is told by its signature alone, and a wrong one learns nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from billwright.intake.body import split_body
from billwright.intake.envelope import CloudEventIn, RefusedError, decode_event
from billwright.intake.signatures import verify
from billwright.intake.store_messages import Connection, MessageResult, read_events, store_in
from billwright.intake.tables import ConnectionRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import NotAuthenticatedError, NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.directory import find_tenant
from billwright.tenancy.secrets import open_sealed, seal
from billwright.tenancy.transaction import Tenant, control_transaction, transaction

REFUSAL: Final = "The signature of this webhook is missing, wrong or too old."
_NOBODY: Final = UUID(int=0)
_NO_SECRET: Final = "whsec_" + "A" * 43


def receive_hook(
    database: Database,
    address: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    master_key: str,
    trace_id: str | None = None,
) -> list[MessageResult]:
    """Store what a webhook brings; ``address`` is ``{tenant slug}.{connection name}``.

    The webhook's id becomes the message's (``{id}/{n}`` for the n-th of several), so a sender's repetition and a captured
    request sent again are the same ``duplicate``. The body is one CloudEvent, a list of them, or any JSON, which becomes
    one message of type ``{connector}.webhook``.

    Raises:
        NotAuthenticatedError: unknown tenant or connection, wrong signature, time outside five minutes: one text for all.
        BodyMalformedError: signed, but no JSON.
        BatchTooLargeError: more than 1,000 events.
        TenantSuspendedError: signed, but the tenant is suspended.
        IntakeFullError: signed, but too much waits already; come again later.
    """
    tenant, connection, secrets = _find(database, address, master_key)
    name = verify(secrets, headers, body, database.clock.now())
    if name is None or tenant is None or connection is None:
        raise NotAuthenticatedError(REFUSAL)
    events = _events(body, name, connection, headers.get("content-type", ""))
    results, items = read_events(events)
    actor = Actor(
        kind="token",
        name=f"webhook {connection.name}",
        id=connection.id,
        person_id=connection.person_id,
        permissions=frozenset({"message:write"}),
    )
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        store_in(tx, items, results, channel="webhook", connection=connection)
    return [results[index] for index in range(len(events))]


def _find(database: Database, address: str, master_key: str) -> tuple[Tenant | None, Connection | None, str]:
    """What is unknown costs the same queries and the same decryption as what is known."""
    slug, _, name = address.partition(".")
    try:
        with control_transaction(database, SYSTEM) as control:
            tenant = find_tenant(control.session, slug=slug)
    except NotFoundError:
        with control_transaction(database, SYSTEM) as control:
            control.session.execute(select(1))
        return None, None, _opened(master_key, _NOBODY, None)
    query = select(ConnectionRow).where(ConnectionRow.name == name, ConnectionRow.enabled)
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        row = tx.session.scalars(query).one_or_none()
    secrets = _opened(master_key, tenant.id, row.hook_secret if row else None)
    usable = row is not None and row.hook_secret is not None
    return tenant, Connection.of(row) if row and usable else None, secrets


def _opened(master_key: str, tenant_id: UUID, sealed: str | None) -> str:
    if sealed is None:
        sealed = seal(master_key, tenant_id, _NO_SECRET)
    return open_sealed(master_key, tenant_id, sealed)


def _events(body: bytes, name: str, connection: Connection, content_type: str) -> Sequence[CloudEventIn | msgspec.Raw]:
    parts, is_list = split_body(body)
    batch = is_list and content_type.startswith("application/cloudevents-batch")
    events: list[CloudEventIn | msgspec.Raw] = []
    if batch or (parts and all(_looks_like_event(part) for part in parts)):
        for number, part in enumerate(parts, start=1):
            identifier = f"{name}/{number}" if is_list else name
            try:
                events.append(msgspec.structs.replace(decode_event(part), id=identifier))
            except RefusedError:
                events.append(part)  # refused with its reason where all items are judged
        return events
    kind = f"{connection.connector}.webhook"
    return [CloudEventIn(specversion="1.0", id=name, source=connection.source, type=kind, data=msgspec.Raw(body))]


class _Probe(msgspec.Struct):
    specversion: Any = None


_PROBE: Final = msgspec.json.Decoder(_Probe)


def _looks_like_event(part: msgspec.Raw) -> bool:
    try:
        return _PROBE.decode(part).specversion is not None
    except (msgspec.MsgspecError, RecursionError):
        return False
