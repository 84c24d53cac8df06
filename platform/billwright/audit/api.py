"""``/v1/audit``: who did what, when, to what."""

from datetime import datetime
from typing import Annotated, Any, Final

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct
from sqlalchemy import select

from billwright.audit.subjects import read_subject, show_subject
from billwright.audit.tables import AuditEntryRow
from billwright.kernel.actor import Actor
from billwright.kernel.ids import show
from billwright.kernel.paging import LIMIT_DEFAULT, Page, Slice
from billwright.tenancy.answers import Cursor, Limit, equal, newest_first, refusals
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

Subject = Annotated[
    str | None, QueryParameter(max_length=60, description="Only what was done to this object: `inv_...`, `bil_...`.")
]
Action = Annotated[
    str | None, QueryParameter(max_length=100, description="`invoice.issued`, or `invoice.` for all about invoices.")
]


class AuditEntryOut(Struct, frozen=True, kw_only=True):
    """One thing that was done. ``before`` and ``after`` hold what changed; ``acting_for`` the partner whose staff did it."""

    id: str
    at: datetime
    actor_kind: str
    actor: str
    acting_for: str | None
    action: str
    subject_kind: str
    subject: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    address: str | None
    trace_id: str | None


def entry_out(row: AnyRow) -> AuditEntryOut:
    return AuditEntryOut(
        id=show("aud", row.id),
        at=row.at,
        actor_kind=row.actor_kind,
        actor=row.actor_name,
        acting_for=row.acting_for,
        action=row.action,
        subject_kind=row.subject_kind,
        subject=show_subject(row.subject_kind, row.subject_id),
        before=row.before,
        after=row.after,
        reason=row.reason,
        address=row.address,
        trace_id=row.trace_id,
    )


def list_entries(tx: Tx, *, subject: str | None, action: str | None, limit: int, cursor: str | None) -> Slice[AnyRow]:
    """Entries, newest first. An ``action`` that ends with a dot stands for all that begin with it."""
    query = equal(
        select(*AuditEntryRow.__table__.columns), (AuditEntryRow.subject_id, read_subject(subject) if subject else None)
    )
    if action and action.endswith("."):
        query = query.where(AuditEntryRow.action.startswith(action, autoescape=True))
    else:
        query = equal(query, (AuditEntryRow.action, action))
    return newest_first(tx, query, AuditEntryRow.id, limit=limit, cursor=cursor)


class AuditController(Controller):
    path = "/v1/audit"
    tags = ("Audit",)

    @get(
        operation_id="listAuditEntries", summary="List audit entries", sync_to_thread=True, responses=refusals(404, 422)
    )
    def list_entries(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        subject: Subject = None,
        action: Action = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[AuditEntryOut]:
        """What was done in this tenant, newest first. Entries are never changed or removed."""
        actor.require("audit:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = list_entries(tx, subject=subject, action=action, limit=limit, cursor=cursor)
        return Page([entry_out(row) for row in found.rows], found.next_cursor)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (AuditController,)
