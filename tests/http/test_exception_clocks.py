"""Clocks of held things: business time of the legal entity, a pause loses none of it, and everybody sees the same due time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from billwright.audit.tables import AuditEntryRow
from billwright.canon.tables import LegalEntityRow
from billwright.checks.pause_exception import pause_exception, resume_exception
from billwright.checks.tables import ExceptionRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.api import Api
from support.pipeline import AUTOMATIC, Firm

CLERK = Actor(kind="person", name="Cleo", permissions=frozenset({"exception:assign"}))
FRIDAY = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)  # nine in Berlin
MONDAY = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
WHY = "The client asks its own purchasing."


def hold(firm: Firm) -> ExceptionRow:
    """A draft without its purchase order, due two working days after Friday morning: Monday at five in Berlin."""
    firm.clock.moment = FRIDAY
    firm.customer(po_required=True)
    firm.contract()
    firm.milestone()
    firm.accept()
    return held(firm)


def held(firm: Firm) -> ExceptionRow:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return tx.session.scalars(select(ExceptionRow)).one()


def pause(firm: Firm, until: datetime, reason: str = WHY, actor: Actor = CLERK) -> datetime:
    row = pause_exception(firm.database, firm.tenant, actor, held(firm).id, until=until, reason=reason)
    return row.due_at


def test_a_clock_runs_in_business_time(firm: Firm) -> None:
    assert hold(firm).due_at == MONDAY + timedelta(hours=8)


def test_the_entitys_own_calendar_counts(make_firm: Callable[[TenantConfiguration], Firm]) -> None:
    firm = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        profile = tx.session.scalars(select(LegalEntityRow.profile)).one()
        calendar = {"weekdays": [0, 1, 2, 3, 4, 5], "closed_on": ["2026-03-09"]}
        tx.session.execute(update(LegalEntityRow).values(profile={**profile, "calendar": calendar}))
    assert hold(firm).due_at == datetime(2026, 3, 7, 16, 0, tzinfo=UTC)


def test_a_pause_keeps_what_is_left_and_resuming_early_gives_it_back(firm: Firm) -> None:
    hold(firm)
    firm.clock.moment = FRIDAY + timedelta(hours=3)  # thirteen of sixteen hours left
    assert pause(firm, datetime(2026, 3, 16, 8, 0, tzinfo=UTC)) == datetime(2026, 3, 17, 13, 0, tzinfo=UTC)
    firm.clock.moment = MONDAY
    row = resume_exception(firm.database, firm.tenant, CLERK, held(firm).id)
    assert row.due_at == datetime(2026, 3, 10, 13, 0, tzinfo=UTC)
    again = resume_exception(firm.database, firm.tenant, CLERK, held(firm).id)
    assert again.due_at == row.due_at


def test_pausing_again_moves_the_end_and_loses_nothing(firm: Firm) -> None:
    hold(firm)
    first = pause(firm, MONDAY)
    firm.clock.moment = FRIDAY + timedelta(hours=5)
    assert pause(firm, MONDAY) == first
    assert pause(firm, MONDAY + timedelta(days=1)) == first + timedelta(days=1)


def test_what_is_late_has_nothing_left(firm: Firm) -> None:
    hold(firm)
    firm.clock.moment = MONDAY + timedelta(days=2)
    until = firm.clock.moment + timedelta(days=1)
    assert pause(firm, until) == until


def test_the_end_of_a_pause_needs_nobody(firm: Firm) -> None:
    hold(firm)
    due = pause(firm, MONDAY)
    firm.clock.moment = MONDAY + timedelta(hours=4)
    row = resume_exception(firm.database, firm.tenant, CLERK, held(firm).id)
    assert row.due_at == due


@pytest.mark.parametrize(
    ("until", "reason"),
    [
        (FRIDAY - timedelta(hours=1), WHY),
        (FRIDAY + timedelta(days=91), WHY),
        (MONDAY, "  "),
        (datetime(2026, 3, 9, 8, 0), WHY),  # noqa: DTZ001 - what is refused
    ],
)
def test_bad_pauses_are_refused(firm: Firm, until: datetime, reason: str) -> None:
    hold(firm)
    with pytest.raises(InputInvalidError):
        pause(firm, until, reason)
    assert held(firm).paused_until is None


def test_who_may_and_what_is_closed(firm: Firm) -> None:
    hold(firm)
    with pytest.raises(PermissionDeniedError):
        pause(firm, MONDAY, actor=Actor(kind="person", name="Joe", permissions=frozenset({"exception:read"})))
    with pytest.raises(NotFoundError):
        pause_exception(firm.database, firm.tenant, CLERK, new_id(), until=MONDAY, reason=WHY)
    firm.contract(purchase_order={"number": "PO-77", "value": "50000.00"})
    with pytest.raises(ConflictError):
        pause(firm, MONDAY)


def test_over_the_api_and_in_the_audit_log(open_api: Callable[[Firm], Api], firm: Firm) -> None:
    hold(firm)
    api = open_api(firm)
    (row,) = api.get("/v1/exceptions")["items"]
    body = {"until": "2026-03-16T08:00:00Z", "reason": WHY}
    shown = api.post(f"/v1/exceptions/{row['id']}/pause", body, expect=200)
    assert (shown["paused_until"], shown["paused_why"], shown["overdue"]) == ("2026-03-16T08:00:00Z", WHY, False)
    back = api.post(f"/v1/exceptions/{row['id']}/resume", expect=200)
    assert back["paused_until"] is None
    reader = api.person("reader", "auditor")
    api.post(f"/v1/exceptions/{row['id']}/pause", body, token=reader, expect=403)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        query = select(AuditEntryRow.action, AuditEntryRow.reason).where(AuditEntryRow.action.like("exception.%ed"))
        found = [tuple(each) for each in tx.session.execute(query.order_by(AuditEntryRow.id))]
    assert ("exception.paused", WHY) in found
    assert ("exception.resumed", None) in found
