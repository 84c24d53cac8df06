"""The lists of what came in, what went out, and who did what: messages, mails, audit entries, grants."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.delivery.tables import MailboxRow
from billwright.identity.grant_access import list_grants
from billwright.intake.queries import count_messages
from billwright.intake.retry_messages import retry_messages
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.errors import ConflictError
from billwright.kernel.ids import read, show
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.environment import plain, unbranded, value_text, who
from billwright.web.portal.listing import ALL, AnyColumn, AnySelect, Column, Filter, Listing, Sort
from billwright.web.portal.listing_bulk import Action, identifier_of

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit

AUDIT_OBJECTS: Final = (
    "invoice", "item", "messages", "exception", "payment", "dispute", "posting", "delivery", "document", "view", "list",
)  # fmt: skip
GRANTS_MAX: Final = 200


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def between(column: AnyColumn) -> tuple[Filter, Filter]:
    """Two filters of a moment by day in UTC: from that day on, and up to its end."""
    return (
        Filter(key="from", label="From", kind="day", where=lambda _tx, day: column >= _moment(day)),
        Filter(key="to", label="To", kind="day", where=lambda _tx, day: column < _moment(day) + timedelta(days=1)),
    )


def change_text(entry: Mapping[str, Any] | None) -> str | None:
    """Before or after of an audit entry, for a file: ``state: dead; attempts: 5; columns: ["name", "open"]``."""
    return "; ".join(f"{plain(name)}: {value_text(value)}" for name, value in entry.items()) if entry else None


def _message_counts(tx: Tx) -> Mapping[str, int]:
    found = count_messages(tx)
    known = {name: found[name] for name in words.MESSAGE if found.get(name)}
    return {ALL: sum(found.values()), **known}


def _retry_message(visit: "Visit", tick: str, _form: Mapping[str, Any]) -> str:
    message_id = read("msg", identifier_of(tick))
    held = retry_messages(visit.database, visit.here, visit.actor, message_ids=[message_id], trace_id=visit.trace_id)
    if not held:
        raise ConflictError("This message is not held any more; there is nothing to try again.")
    return "It is tried again now."


def _message_names(tx: Tx, identifiers: Sequence[UUID]) -> Mapping[UUID, tuple[str, str]]:
    columns = (SourceMessageRow.id, SourceMessageRow.type, SourceMessageRow.message_id)
    rows = tx.session.execute(select(*columns).where(SourceMessageRow.id.in_(identifiers)))
    return {row.id: (f"{unbranded(row.type)} {row.message_id}", f"messages/{show('msg', row.id)}") for row in rows}


def _messages(_tx: Tx) -> AnySelect:
    """Without the data, which may be megabytes."""
    return select(
        SourceMessageRow.id, SourceMessageRow.source, SourceMessageRow.message_id, SourceMessageRow.type,
        SourceMessageRow.subject, SourceMessageRow.time, SourceMessageRow.channel, SourceMessageRow.received_at,
        SourceMessageRow.state, SourceMessageRow.reason, SourceMessageRow.field, SourceMessageRow.applied_at,
    )  # fmt: skip


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
    counts=_message_counts,
    opening=lambda _tx, counts: {"status": "held"} if counts.get("held") else {},
    opens=lambda row: f"messages/{show('msg', row.id)}",
    prefix="msg",
    tick=lambda row: show("msg", row.id) if row.state == "held" else "",
    names=_message_names,
    actions=(
        Action(key="retry", label="Try them again", icon="refresh-cw", needs=("message:retry",), run=_retry_message),
    ),
    columns=(
        Column(key="type", label="Message", fixed=True, wide=False, value=lambda row: unbranded(row.type)),
        Column(key="id", label="Identifier", within=True, value=lambda row: row.message_id),
        Column(key="subject", label="About", within=True, value=lambda row: row.subject or None),
        Column(key="reason", label="Why it is held", within=True, value=lambda row: unbranded(row.reason) if row.reason else None),
        Column(key="field", label="Field", within=True, value=lambda row: row.field),
        Column(
            key="state", label="State", kind="status", wide=False, value=lambda row: words.look(words.MESSAGE, row.state),
        ),
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

MAILBOX: Final = Listing(
    name="mailbox",
    room="mailbox",
    path="mailbox",
    title="Mailbox",
    rows="mails",
    needs=("mailbox:read",),
    template="mailbox.html",
    query=lambda _tx: select(
        MailboxRow.id, MailboxRow.subject, MailboxRow.recipient, MailboxRow.sender, MailboxRow.at, MailboxRow.attachments
    ),
    identifier=MailboxRow.id,
    order="-at",
    opens=lambda row: f"mailbox/{show('mai', row.id)}",
    columns=(
        Column(key="subject", label="Subject", fixed=True, wide=False, value=lambda row: row.subject),
        Column(key="recipient", label="To", wide=False, value=lambda row: row.recipient),
        Column(key="sender", label="From", value=lambda row: row.sender),
        Column(key="files", label="Files", kind="number", value=lambda row: len(row.attachments)),
        Column(
            key="at", label="When", kind="moment", wide=False, sort=Sort(MailboxRow.id, UUID), value=lambda row: row.at,
        ),
    ),
    filters=(
        Filter(
            key="recipient", label="To contains", kind="text",
            where=lambda _tx, text: MailboxRow.recipient.icontains(text, autoescape=True),
        ),
        Filter(
            key="subject", label="Subject contains", kind="text",
            where=lambda _tx, text: MailboxRow.subject.icontains(text, autoescape=True),
        ),
        *between(MailboxRow.at),
    ),
)  # fmt: skip

AUDIT: Final = Listing(
    name="audit",
    room="audit",
    path="audit",
    title="Audit",
    rows="entries",
    needs=("audit:read",),
    template="audit.html",
    query=lambda _tx: select(AuditEntryRow),
    identifier=AuditEntryRow.id,
    order="-at",
    columns=(
        Column(
            key="at", label="When", kind="moment", fixed=True, wide=False, sort=Sort(AuditEntryRow.id, UUID),
            value=lambda row: row.AuditEntryRow.at,
        ),
        Column(key="who", label="Who", wide=False, value=lambda row: who(row.AuditEntryRow.actor_name)),
        Column(key="acting_for", label="For", default=False, value=lambda row: row.AuditEntryRow.acting_for),
        Column(key="actor", label="As", default=False, value=lambda row: plain(row.AuditEntryRow.actor_kind)),
        Column(key="action", label="What", wide=False, value=lambda row: row.AuditEntryRow.action),
        Column(
            key="subject", label="Identifier", default=False,
            value=lambda row: str(row.AuditEntryRow.subject_id) if row.AuditEntryRow.subject_id else None,
        ),
        Column(key="reason", label="Reason", default=False, value=lambda row: row.AuditEntryRow.reason),
        Column(key="before", label="Before", value=lambda row: change_text(row.AuditEntryRow.before)),
        Column(key="after", label="After", value=lambda row: change_text(row.AuditEntryRow.after)),
        Column(key="address", label="Address", default=False, value=lambda row: row.AuditEntryRow.address),
        Column(key="trace", label="Trace", default=False, value=lambda row: row.AuditEntryRow.trace_id),
    ),
    filters=(
        Filter(
            key="about", label="About", choices=tuple((name, plain(name).capitalize()) for name in AUDIT_OBJECTS),
            where=lambda _tx, name: AuditEntryRow.action.startswith(f"{name}.", autoescape=True),
        ),
        Filter(
            key="who", label="Who contains", kind="text",
            where=lambda _tx, text: AuditEntryRow.actor_name.icontains(text, autoescape=True),
        ),
        Filter(
            key="action", label="What contains", kind="text",
            where=lambda _tx, text: AuditEntryRow.action.contains(text, autoescape=True),
        ),
        *between(AuditEntryRow.at),
    ),
)  # fmt: skip


def _grant_state(row: Any) -> tuple[str, str]:
    grant, _, now = row
    if grant.revoked_at:
        return "Revoked", "quiet"
    return ("Live", "waiting") if grant.expires_at > now else ("Over", "quiet")


def _grants(tx: Tx) -> Sequence[Any]:
    """(grant, person, now)."""
    return [(grant, person, tx.now) for grant, person in list_grants(tx.database, tx.actor, tx.tenant)]


ACCESS: Final = Listing(
    name="access",
    room="access",
    path="access",
    title="Access",
    rows="grants",
    needs=("grant:read",),
    template="access.html",
    whole=_grants,
    whole_max=GRANTS_MAX,
    columns=(
        Column(key="person", label="Who", fixed=True, wide=False, value=lambda row: row[1].name),
        Column(key="email", label="E-mail", within=True, value=lambda row: row[1].email),
        Column(key="reason", label="Why", wide=False, value=lambda row: row[0].reason),
        Column(key="given", label="Given", kind="moment", value=lambda row: row[0].granted_at),
        Column(key="role", label="As", value=lambda row: words.role(row[0].role)),
        Column(key="state", label="State", kind="status", wide=False, value=_grant_state),
        Column(key="until", label="Until", kind="moment", value=lambda row: row[0].expires_at),
        Column(key="revoked_by", label="Revoked by", default=False, value=lambda row: row[0].revoked_by),
        Column(key="revoked", label="Revoked", kind="moment", default=False, value=lambda row: row[0].revoked_at),
    ),
)
