"""Job rows. In the control plane, so that one dispatcher serves all tenants; row security binds a tenant to its own."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import ControlBase, TenantBase

WAITING = text("state IN ('queued', 'retry')")
OVER = text("state IN ('done', 'resolved')")


class JobRow(ControlBase):
    """``kind`` starts with its queue: ``billing.evaluate``. ``role_name`` is what row security compares.

    ``key`` is unique while the job waits, not while it is leased: a wish that comes while the work is already going on
    must lead to another run, or the change that caused it would be missed. ``assignee_id``, ``snoozed_until`` and ``note``
    are about a dead one: who mends it, until when nobody need look, and what is known.

    ``trace_id`` names the trace of whoever wished it first. ``trace_context``: the recorded spans (W3C ``traceparent``) of all
    who wished it while it waited, first one first, with blanks between; none where nobody collects traces.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("uq_job_waiting_key", "tenant_id", "key", unique=True, postgresql_where=WAITING),
        Index("ix_job_due", "queue", "tenant_id", text("priority DESC"), "run_at", postgresql_where=WAITING),
        Index("ix_job_leased", "lease_id", postgresql_where=text("state = 'leased'")),
        Index("ix_job_dead", "tenant_id", "key", postgresql_where=text("state = 'dead'")),
        Index("ix_job_over", "updated_at", postgresql_where=OVER),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("control.tenant.id"))
    role_name: Mapped[str]
    queue: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]]
    state: Mapped[str]
    priority: Mapped[int] = mapped_column(server_default="0")
    run_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default="0")
    lease_id: Mapped[UUID | None]
    leased_until: Mapped[datetime | None]
    error_class: Mapped[str | None]
    error: Mapped[str | None]
    traceback: Mapped[str | None]
    request: Mapped[str | None]
    response: Mapped[str | None]
    trace_id: Mapped[str | None]
    trace_context: Mapped[str | None]
    assignee_id: Mapped[UUID | None]
    snoozed_until: Mapped[datetime | None]
    note: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class BreakerRow(TenantBase):
    """How another system answers this tenant. Open since ``opened_at``; asked again at ``retry_at``, by one job until
    ``probe_until``. ``times_opened`` in a row makes the pauses longer. ``budget_full_at``: see ``jobs/budget.py``.
    """

    __tablename__ = "breaker"
    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    times_opened: Mapped[int]
    opened_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    probe_until: Mapped[datetime | None]
    reason: Mapped[str | None]
    budget_full_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
