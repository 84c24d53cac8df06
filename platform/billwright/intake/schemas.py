"""What the API shows of messages and their corrections."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from sqlalchemy import Row

from billwright.intake.mapping import Why
from billwright.intake.shown_data import shown_json
from billwright.kernel.ids import show

State = Literal["received", "applied", "held", "superseded"]
CorrectionState = Literal["waiting", "approved", "rejected", "withdrawn", "overtaken"]


class DeskOut(msgspec.Struct, frozen=True, kw_only=True):
    """A held message on the desk: why and since when, how often it was tried, who mends it, until when it may rest.

    ``correction`` waits for a decision: `cor_...`.
    """

    why: Why | None
    since: datetime
    tries: int
    tried_at: datetime
    assignee: str | None
    snoozed_until: datetime | None
    note: str | None
    correction: str | None


class MessageOut(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message. ``reason`` says why it is held or superseded, ``field`` where in it.

    ``data`` is as it came, for ever, but secrets are shown as `[removed]`. ``corrected_by`` is the correction that is
    mapped in its place; ``resolved_by`` the newer message that left a held one nothing to say.
    """

    id: str
    source: str
    source_id: str
    type: str
    subject: str
    time: datetime
    sequence: int | None
    channel: str
    received_at: datetime
    state: State
    reason: str | None
    field: str | None
    applied_at: datetime | None
    corrected_by: str | None
    resolved_by: str | None
    desk: DeskOut | None
    data: Any = None

    @classmethod
    def of(cls, row: Row[Any], data: Any = None) -> "MessageOut":
        return cls(
            id=show("msg", row.id),
            source=row.source,
            source_id=row.message_id,
            type=row.type,
            subject=row.subject,
            time=row.time,
            sequence=row.sequence,
            channel=row.channel,
            received_at=row.received_at,
            state=row.state,
            reason=row.reason,
            field=row.field,
            applied_at=row.applied_at,
            corrected_by=show("cor", row.correction_id) if row.correction_id else None,
            resolved_by=show("msg", row.closed_by) if row.closed_by else None,
            desk=_desk(row) if row.state == "held" else None,
            data=data,
        )


def _desk(row: Row[Any]) -> DeskOut:
    """One that an earlier release held has no place on the desk yet."""
    return DeskOut(
        why=row.why,
        since=row.held_at or row.received_at,
        tries=row.tries or 1,
        tried_at=row.tried_at or row.received_at,
        assignee=show("per", row.assignee_id) if row.assignee_id else None,
        snoozed_until=row.snoozed_until,
        note=row.note,
        correction=show("cor", row.proposal_id) if row.proposal_id else None,
    )


class CorrectionOut(msgspec.Struct, frozen=True, kw_only=True):
    """Other content for a held message. ``overtaken``: the message was mended otherwise before anybody decided.

    The hashes are SHA-256 of type and data: of what was mapped when it was proposed, and of what is proposed.
    """

    id: str
    message: str
    state: CorrectionState
    type: str
    data: Any
    before_sha256: str
    after_sha256: str
    reason: str
    proposed_at: datetime
    proposed_by: str
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str | None

    @classmethod
    def of(cls, row: Row[Any]) -> "CorrectionOut":
        return cls(
            id=show("cor", row.id),
            message=show("msg", row.message_id),
            state=row.state,
            type=row.type,
            data=msgspec.Raw(shown_json(row.content).encode()),
            before_sha256=row.before_sha256,
            after_sha256=row.after_sha256,
            reason=row.reason,
            proposed_at=row.proposed_at,
            proposed_by=row.proposed_by_name,
            decided_at=row.decided_at,
            decided_by=row.decided_by_name,
            decision_reason=row.decision_reason,
        )


class SnoozeMessageIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until when nobody need look, at most 90 days ahead, and why."""

    until: Annotated[datetime, msgspec.Meta(tz=True)]
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=500)]


class CorrectionIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``data``: the whole content as it should be, a JSON object written as text, so that no digit is lost; `[removed]` for
    a secret that stays. ``type``: another type, where that is what is wrong."""

    data: Annotated[str, msgspec.Meta(max_length=1_000_000)]
    type: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=500)]


class DecisionIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a second person says to it, and why."""

    decision: Literal["approve", "reject"]
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=500)]


class WithdrawIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is taken back."""

    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=500)]
