"""The list of messages: what the source systems sent, and of those that are held, who mends them and since when they wait."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import select

from billwright.checks.assign_message import assign_message
from billwright.intake.mapping import WHYS
from billwright.intake.queries import count_messages, messages_on_desk, resting
from billwright.intake.retry_messages import retry_messages
from billwright.intake.tables import HeldMessageRow, SourceMessageRow
from billwright.kernel.errors import ConflictError
from billwright.kernel.ids import read, show
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.environment import unbranded
from billwright.web.portal.listing import ALL, AnySelect, Column, Filter, Listing, Sort
from billwright.web.portal.listing_bulk import Action, hand_over, identifier_of
from billwright.web.portal.listing_records import between

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit


def _counts(tx: Tx) -> Mapping[str, int]:
    found = count_messages(tx)
    known = {name: found[name] for name in words.MESSAGE if found.get(name)}
    return {ALL: sum(found.values()), **known}


def _retry(visit: "Visit", tick: str, _form: Mapping[str, Any]) -> str:
    message_id = read("msg", identifier_of(tick))
    held = retry_messages(visit.database, visit.here, visit.actor, message_ids=[message_id], trace_id=visit.trace_id)
    if not held:
        raise ConflictError("This message is not held any more; there is nothing to try again.")
    return "It is tried again now."


def _assign(visit: "Visit", tick: str, person_id: UUID) -> None:
    message_id = read("msg", identifier_of(tick))
    assign_message(visit.database, visit.here, visit.actor, message_id, person_id=person_id, trace_id=visit.trace_id)


def _names(tx: Tx, identifiers: Sequence[UUID]) -> Mapping[UUID, tuple[str, str]]:
    columns = (SourceMessageRow.id, SourceMessageRow.type, SourceMessageRow.message_id)
    rows = tx.session.execute(select(*columns).where(SourceMessageRow.id.in_(identifiers)))
    return {row.id: (f"{unbranded(row.type)} {row.message_id}", f"messages/{show('msg', row.id)}") for row in rows}


def _messages(_tx: Tx) -> AnySelect:
    """Without the data, which may be megabytes."""
    return messages_on_desk()


def _assigned(tx: Tx, who: str) -> Any:
    if who == "nobody":
        return HeldMessageRow.assignee_id.is_(None)
    return HeldMessageRow.assignee_id == tx.actor.person_id


def _held(row: Any, value: Any) -> Any:
    """``value`` of a message that is held now; what the desk knew of others is over."""
    return value if row.state == "held" else None


MESSAGES: Final = Listing(
    name="messages",
    room="messages",
    path="messages",
    title="Messages",
    rows="messages",
    needs=("message:read",),
    template="messages.html",
    query=_messages,
    identifier=SourceMessageRow.id,
    order="-received",
    counts=_counts,
    opening=lambda _tx, counts: {"status": "held"} if counts.get("held") else {},
    people=True,
    opens=lambda row: f"messages/{show('msg', row.id)}",
    prefix="msg",
    tick=lambda row: show("msg", row.id) if row.state == "held" else "",
    names=_names,
    actions=(
        Action(key="retry", label="Try them again", icon="refresh-cw", needs=("message:retry",), run=_retry),
        *hand_over("message:retry", _assign),
    ),
    columns=(
        Column(key="type", label="Message", fixed=True, wide=False, value=lambda row: unbranded(row.type)),
        Column(key="id", label="Identifier", within=True, value=lambda row: row.message_id),
        Column(key="subject", label="About", within=True, value=lambda row: row.subject or None),
        Column(key="reason", label="Why it is held", within=True, value=lambda row: unbranded(row.reason) if row.reason else None),
        Column(key="field", label="Field", within=True, value=lambda row: row.field),
        Column(key="cause", label="Cause", value=lambda row: words.HELD.get(_held(row, row.why) or "")),
        Column(
            key="state", label="State", kind="status", wide=False, value=lambda row: words.look(words.MESSAGE, row.state),
        ),
        Column(key="since", label="Held since", kind="moment", value=lambda row: _held(row, row.held_at)),
        Column(key="tries", label="Tries", kind="number", default=False, value=lambda row: _held(row, row.tries)),
        Column(key="assignee", label="Taken by", kind="person", value=lambda row: _held(row, row.assignee_id)),
        Column(key="rests", label="Rests until", kind="moment", default=False, value=lambda row: _held(row, row.snoozed_until)),
        Column(key="source", label="From", value=lambda row: unbranded(row.source)),
        Column(key="channel", label="Came by", default=False, value=lambda row: row.channel),
        Column(
            key="received", label="Received", kind="moment", sort=Sort(SourceMessageRow.id, UUID),
            value=lambda row: row.received_at,
        ),
        Column(key="happened", label="Happened", kind="moment", default=False, value=lambda row: row.time),
        Column(key="applied", label="Applied", kind="moment", default=False, value=lambda row: row.applied_at),
    ),
    filters=(
        Filter(
            key="status", label="State", kind="counted", words=lambda state: words.look(words.MESSAGE, state)[0],
            where=lambda _tx, state: SourceMessageRow.state == state,
        ),
        Filter(
            key="why", label="Held because", choices=tuple((why, words.HELD[why]) for why in WHYS),
            where=lambda _tx, why: (HeldMessageRow.why == why) & (SourceMessageRow.state == "held"),
        ),
        Filter(
            key="assigned", label="Taken by", choices=(("me", "Me"), ("nobody", "Nobody")), where=_assigned,
        ),
        Filter(
            key="rest", label="At rest", choices=(("no", "To be looked at"), ("yes", "At rest")),
            where=lambda tx, rest: resting(tx).is_(rest == "yes"),
        ),
        Filter(
            key="correction", label="Correction", choices=(("waiting", "Waits for a decision"),),
            where=lambda _tx, _waits: HeldMessageRow.proposal_id.is_not(None),
        ),
        Filter(
            key="type", label="Type contains", kind="text",
            where=lambda _tx, text: SourceMessageRow.type.icontains(text, autoescape=True),
        ),
        Filter(
            key="source", label="From contains", kind="text",
            where=lambda _tx, text: SourceMessageRow.source.icontains(text, autoescape=True),
        ),
        *between(SourceMessageRow.received_at),
    ),
)  # fmt: skip
