"""Systems that do not answer the tenant now, and the jobs that wait for each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, false, func, select

from billwright.collections.remind import MAIL as MAIL_REMINDER
from billwright.delivery.jobs import MAIL
from billwright.jobs.breaker import open_breakers
from billwright.jobs.tables import JobRow
from billwright.kernel.redact import redact
from billwright.tenancy.transaction import Tx

CONNECTION: Final = "connection:"
POST: Final = "connectors.post"
MAIL_INVOICE: Final = "connectors.mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A system that does not answer. Moments are real ones; ``asked``: a job asks it at this moment."""

    key: str
    name: str
    since: datetime
    retry_at: datetime | None
    asked: bool
    reason: str
    waiting: int


def callers(key: str) -> ColumnElement[bool]:
    """Which jobs call the system of a breaker: a connection's postings, or whatever is mailed."""
    if key == MAIL:
        return JobRow.kind.in_((MAIL_INVOICE, MAIL_REMINDER))
    if key.startswith(CONNECTION):
        return and_(JobRow.kind == POST, JobRow.payload["connection"].as_string() == key.removeprefix(CONNECTION))
    return false()


def name_of(key: str) -> str:
    """What people call it: the connection's name, or the mail server."""
    return "The mail server" if key == MAIL else key.removeprefix(CONNECTION)


def silent_systems(tx: Tx) -> list[Silent]:
    """Longest first. One query, and one more for the jobs of all of them where there are any."""
    rows = open_breakers(tx)
    if not rows:
        return []
    counts = [func.count().filter(callers(row.key)) for row in rows]
    query = select(*counts).where(JobRow.tenant_id == tx.tenant.id, JobRow.state.in_(("queued", "retry")))
    waiting = tx.session.execute(query).one()
    now = tx.database.clock.now()
    return [
        Silent(
            key=row.key,
            name=name_of(row.key),
            since=row.opened_at,
            retry_at=row.retry_at,
            asked=row.probe_until is not None and row.probe_until > now,
            reason=redact(row.reason or "It gave no reason."),
            waiting=count,
        )
        for row, count in zip(rows, waiting, strict=True)
        if row.opened_at is not None
    ]
