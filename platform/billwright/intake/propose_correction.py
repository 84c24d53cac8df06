"""Use case: a person proposes other content for a held message; another one decides (``decide_correction``)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from billwright.audit.record import record
from billwright.extension.loading import available_connectors
from billwright.intake.envelope import CloudEventIn, Identifier, RefusedError, content_of
from billwright.intake.lock_held import check_reason, lock_held
from billwright.intake.mapping import Connectors, Held, Stored, map_messages
from billwright.intake.shown_data import put_back
from billwright.intake.tables import MessageCorrectionRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, InputInvalidError, PermissionDeniedError
from billwright.kernel.ids import new_id, show
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction

DATA_CHARS_MAX: Final = 1_000_000


def propose_correction(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    message_id: UUID,
    *,
    data: str,
    reason: str,
    event_type: str | None = None,
    connectors: Connectors | None = None,
    trace_id: str | None = None,
) -> UUID:
    """Propose ``data`` (JSON text of an object) for what the message says; return the correction's identifier.

    The message stays as it came, for ever. ``[removed]`` stands for the secret that was not shown in its place.
    ``event_type``: another type, where that is what is wrong. What is proposed must pass today's mapping.

    Raises:
        PermissionDeniedError: without ``message:correct``, or nobody in person.
        NotFoundError: no such message here.
        ConflictError: it is not held, or a correction of it waits for a decision already.
        InputInvalidError: no reason, nothing is different, or the mapping would hold it too; ``field`` says where.
    """
    actor.require("message:correct")
    if actor.person_id is None:
        raise PermissionDeniedError("Only a person can propose a correction: somebody has to answer for it.")
    why = check_reason(reason, "why the content is wrong and where the right one is from")
    if len(data) > DATA_CHARS_MAX:
        raise InputInvalidError(f"Corrections hold at most {DATA_CHARS_MAX} characters.", field="data")
    known = available_connectors() if connectors is None else connectors
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        message, desk = lock_held(tx, message_id)
        if desk.proposal_id is not None:
            raise ConflictError("A correction of this message waits for a decision already; that comes first.")
        wanted = replace(message, type=_type(event_type or message.type), data=put_back(message.data, data))
        before, after = hash_of(message), hash_of(wanted)
        if before == after:
            raise InputInvalidError("The correction says the same as the message; change what is wrong.", field="data")
        _check(tx, wanted, known)
        identifier = desk.proposal_id = new_id()
        insert_many(tx.session, MessageCorrectionRow, [_row(tx, identifier, wanted, before, after, why)])
        record(
            tx, "correction.proposed", "message", message_id, reason=why,
            before={"type": message.type, "sha256": before},
            after={"type": wanted.type, "sha256": after, "correction": show("cor", identifier)},
        )  # fmt: skip
    return identifier


def hash_of(message: Stored) -> str:
    """SHA-256 of type and data as the door makes it.

    Raises:
        InputInvalidError: the data holds what cannot be stored.
    """
    event = CloudEventIn(
        id=message.message_id, source=message.source, type=message.type, data=msgspec.Raw(message.data.encode())
    )
    try:
        return content_of(event)
    except RefusedError as refusal:
        raise InputInvalidError(str(refusal), field=refusal.field) from None


def _type(text: str) -> str:
    try:
        return msgspec.convert(text.strip(), Identifier)
    except msgspec.ValidationError:
        raise InputInvalidError("Give the type as one line of 1 to 300 characters.", field="type") from None


def _check(tx: Tx, wanted: Stored, connectors: Connectors) -> None:
    mapped: Sequence[object] = map_messages(tx, [wanted], connectors)
    if isinstance(mapped[0], Held):
        raise InputInvalidError(f"It would be held with this content, too: {mapped[0].reason}", field=mapped[0].field)


def _row(tx: Tx, identifier: UUID, wanted: Stored, before: str, after: str, reason: str) -> dict[str, object]:
    return {
        "id": identifier,
        "message_id": wanted.id,
        "type": wanted.type,
        "data": msgspec.Raw(wanted.data.encode()),
        "before_sha256": before,
        "after_sha256": after,
        "reason": reason,
        "proposed_at": tx.now,
        "proposed_by": tx.actor.person_id,
        "proposed_by_name": tx.actor.name,
        "proposed_by_email": tx.actor.email.lower() if tx.actor.email else None,
    }
