"""Systems that do not answer the tenant now, or only now and then, and the jobs that wait for each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, false, func, select

from billwright.collections.remind import MAIL as MAIL_REMINDER
from billwright.delivery.jobs import MAIL
from billwright.documents.render_invoice import RENDER, TEMPLATE
from billwright.jobs.breaker import strained
from billwright.jobs.budget import retries_left
from billwright.jobs.tables import JobRow
from billwright.kernel.redact import redact
from billwright.tenancy.transaction import Tx

CONNECTION: Final = "connection:"
POST: Final = "connectors.post"
MAIL_INVOICE: Final = "connectors.mail"
QUEUE: Final = "queue:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A system that does not answer, ``since`` then, or answers so seldom that its retries stand in line (``since`` is none).

    Moments are real ones; ``asked``: a job asks it at this moment. ``retries_left``: how many may run at once; below zero, how
    many stand in line, one each second.
    """

    key: str
    name: str
    since: datetime | None
    retry_at: datetime | None
    asked: bool
    reason: str
    waiting: int
    retries_left: int


def callers(key: str) -> ColumnElement[bool]:
    """Which jobs call the system of a breaker: a connection's postings, whatever is mailed, or work of a queue."""
    if key == MAIL:
        return JobRow.kind.in_((MAIL_INVOICE, MAIL_REMINDER))
    if key.startswith(CONNECTION):
        return and_(JobRow.kind == POST, JobRow.payload["connection"].as_string() == key.removeprefix(CONNECTION))
    if key == TEMPLATE:
        return JobRow.kind == RENDER
    if key.startswith(QUEUE):
        return JobRow.queue == key.removeprefix(QUEUE)
    return false()


def name_of(key: str) -> str:
    """What people call it: the connection's name, the mail server, or the queue's work."""
    if key == TEMPLATE:
        return "Your own invoice template"
    if key.startswith(QUEUE):
        return f"Work of the queue {key.removeprefix(QUEUE)}"
    return "The mail server" if key == MAIL else key.removeprefix(CONNECTION)


def silent_systems(tx: Tx) -> list[Silent]:
    """Longest first, those that answer now and then behind. One query, and one for the jobs of all where there are any."""
    now = tx.database.clock.now()
    rows = [row for row in strained(tx) if row.opened_at is not None or retries_left(row.budget_full_at, now) < 0]
    if not rows:
        return []
    counts = [func.count().filter(callers(row.key)) for row in rows]
    query = select(*counts).where(JobRow.tenant_id == tx.tenant.id, JobRow.state.in_(("queued", "retry")))
    waiting = tx.session.execute(query).one()
    return [
        Silent(
            key=row.key,
            name=name_of(row.key),
            since=row.opened_at,
            retry_at=row.retry_at,
            asked=row.probe_until is not None and row.probe_until > now,
            reason=redact(row.reason or "It gave no reason."),
            waiting=count,
            retries_left=retries_left(row.budget_full_at, now),
        )
        for row, count in zip(rows, waiting, strict=True)
    ]
