"""The lists of what went out, and who did what: mails, audit entries, grants."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.delivery.tables import MailboxRow
from billwright.identity.grant_access import list_grants
from billwright.kernel.ids import show
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.environment import plain, value_text, who
from billwright.web.portal.listing import AnyColumn, Column, Filter, Listing, Sort

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
