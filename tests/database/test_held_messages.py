"""Held messages on the desk: since when and how often, at rest, tried again, and resolved by what came after them."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.canon.tables import CustomerRow
from billwright.intake.hold_messages import LOOK_AFTER, object_of
from billwright.intake.jobs import handlers
from billwright.intake.retry_messages import retry_messages
from billwright.intake.snooze_message import snooze_message
from billwright.intake.tables import HeldMessageRow, SourceMessageRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.intake import message, store

CLERK = Actor(kind="person", name="Cleo", permissions=frozenset({"message:retry"}))


def run(database: Database, tenant: Tenant, connectors: dict[str, Any] | None = None) -> int:
    return drain(database, Handlers.of(*handlers(connectors or {})), tenant_id=tenant.id)


def feed(database: Database, tenant: Tenant, *events: bytes) -> None:
    store(database, tenant, *events)
    run(database, tenant)


def old(number: int, ref: str = "C1", **more: Any) -> bytes:
    """A customer in a version that nobody knows yet: it names its object, and is held."""
    return message("customer", number, ref=ref, **more).replace(b"customer.v1", b"customer.v9")


def customer(number: int, ref: str = "C1", **more: Any) -> bytes:
    return message("customer", number, ref=ref, name=f"Name {number}", **more)


def messages(database: Database, tenant: Tenant) -> dict[str, SourceMessageRow]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return {row.message_id: row for row in tx.session.scalars(select(SourceMessageRow))}


def states(database: Database, tenant: Tenant) -> dict[str, str]:
    return {name: row.state for name, row in messages(database, tenant).items()}


def desk(database: Database, tenant: Tenant) -> dict[UUID, HeldMessageRow]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return {row.message_id: row for row in tx.session.scalars(select(HeldMessageRow))}


def entries(database: Database, tenant: Tenant, start: str) -> Sequence[AuditEntryRow]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        query = select(AuditEntryRow).where(AuditEntryRow.action.startswith(start)).order_by(AuditEntryRow.id)
        return tx.session.scalars(query).all()


def test_the_desk_knows_why_since_when_and_how_often(database: Database, tenant: Tenant, clock: SetClock) -> None:
    first = clock.moment
    other = message("customer", 2, ref="C2").replace(b"billwright.customer.v1", b"crm.deal")
    feed(database, tenant, old(1), other)
    rows = messages(database, tenant)
    kept = desk(database, tenant)
    version, mapping = kept[rows["m-1"].id], kept[rows["m-2"].id]
    assert (version.why, version.object_kind, version.object_ref) == ("unknown_version", "customer", "C1")
    assert (mapping.why, mapping.object_kind, mapping.object_ref) == ("no_mapping", None, None)
    clock.moment += timedelta(hours=3)
    assert len(retry_messages(database, tenant, CLERK, why="no_mapping")) == 1
    assert len(retry_messages(database, tenant, CLERK, source="psa", event_type="crm.deal")) == 1
    assert retry_messages(database, tenant, CLERK, source="nobody") == []
    run(database, tenant)
    again = desk(database, tenant)[rows["m-2"].id]
    assert (again.held_at, again.tries, again.tried_at) == (first, 2, clock.moment)
    assert desk(database, tenant)[rows["m-1"].id].tries == 1


def test_the_same_messages_wait_once_and_others_wait_beside_them(database: Database, tenant: Tenant) -> None:
    feed(database, tenant, *(old(number, ref=f"C{number}") for number in range(3)))
    ids = sorted(row.id for row in messages(database, tenant).values())
    for wanted in ([ids[0]], [ids[0]], ids):
        assert retry_messages(database, tenant, CLERK, message_ids=wanted) == wanted
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        query = select(JobRow.payload).where(JobRow.kind == "intake.retry_held", JobRow.tenant_id == tenant.id)
        assert sorted(len(each["message_ids"]) for each in tx.session.scalars(query)) == [1, 3]


def test_a_message_rests_until_somebody_tries_it_again(database: Database, tenant: Tenant, clock: SetClock) -> None:
    feed(database, tenant, old(1))
    (row,) = messages(database, tenant).values()
    until = clock.moment + timedelta(days=3)
    rested = snooze_message(database, tenant, CLERK, row.id, until=until, reason="The upgrade comes on Thursday.")
    assert (rested.snoozed_until, rested.note) == (until, "The upgrade comes on Thursday.")
    retry_messages(database, tenant, CLERK)
    assert desk(database, tenant)[row.id].snoozed_until is None
    assert [each.action for each in entries(database, tenant, "message.")] == ["message.snoozed"]


def test_what_cannot_rest_says_why(database: Database, tenant: Tenant, clock: SetClock) -> None:
    feed(database, tenant, old(1), customer(2, ref="C2"))
    rows = messages(database, tenant)
    held, soon = rows["m-1"].id, clock.moment + timedelta(days=1)
    for until in (clock.moment, clock.moment + timedelta(days=91), soon.replace(tzinfo=None)):
        with pytest.raises(InputInvalidError):
            snooze_message(database, tenant, CLERK, held, until=until, reason="Upgrade.")
    with pytest.raises(InputInvalidError):
        snooze_message(database, tenant, CLERK, held, until=soon, reason=" a ")
    with pytest.raises(ConflictError, match="applied"):
        snooze_message(database, tenant, CLERK, rows["m-2"].id, until=soon, reason="Upgrade.")
    with pytest.raises(NotFoundError):
        snooze_message(database, tenant, CLERK, new_id(), until=soon, reason="Upgrade.")
    with pytest.raises(PermissionDeniedError):
        snooze_message(database, tenant, Actor("person", "Ann"), held, until=soon, reason="Upgrade.")


@pytest.mark.parametrize(
    ("event_type", "data", "pair"),
    [
        ("billwright.customer.v9", '{"ref": "C1", "new": [1]}', ("customer", "C1")),
        ("billwright.time_entry.v2", '{"ref": "T"}', ("time_entry", "T")),
        ("billwright.customer.v9", '{"ref": 1}', None),
        ("billwright.customer.v9", "[]", None),
        ("billwright.spaceship.v1", '{"ref": "X"}', None),
        ("crm.deal.v1", '{"ref": "C1"}', None),
        ("customer", '{"ref": "C1"}', None),
    ],
)
def test_only_messages_of_our_own_types_say_what_they_are_about(
    event_type: str, data: str, pair: tuple[str, str] | None
) -> None:
    assert object_of(event_type, data) == pair


ABOUT: tuple[tuple[str, bytes], ...] = (
    ("held 3", old(3, time="2026-02-03T00:00:00Z")),
    ("applied 5", customer(5, time="2026-02-05T00:00:00Z")),
    ("held 7", old(7, time="2026-02-07T00:00:00Z")),
    ("other", old(9, ref="C2", time="2026-02-01T00:00:00Z")),
)


@pytest.mark.parametrize("order", list(permutations(range(len(ABOUT)))), ids=lambda order: "".join(map(str, order)))
def test_what_is_older_than_a_fact_resolves_in_every_order_of_arrival(
    database: Database, tenant: Tenant, order: tuple[int, ...]
) -> None:
    """The newer one stays held: it may say something that nobody knows yet; so does one about another object."""
    for place in order:
        feed(database, tenant, ABOUT[place][1])
    expected = {"m-3": "superseded", "m-5": "applied", "m-7": "held", "m-9": "held"}
    assert states(database, tenant) == expected
    rows = messages(database, tenant)
    assert {rows["m-7"].id, rows["m-9"].id} == {
        identifier for identifier, row in desk(database, tenant).items() if row.closed_at is None
    }


def test_one_batch_resolves_what_it_holds(database: Database, tenant: Tenant) -> None:
    feed(database, tenant, *(event for _, event in ABOUT))
    assert states(database, tenant) == {"m-3": "superseded", "m-5": "applied", "m-7": "held", "m-9": "held"}


def test_a_resolved_message_names_what_resolved_it_and_the_log_says_so(database: Database, tenant: Tenant) -> None:
    feed(database, tenant, old(1, sequence=4))
    feed(database, tenant, customer(2, time="2026-09-01T00:00:00Z"))
    assert states(database, tenant)["m-1"] == "held"  # one with a sequence comes after all that have none
    feed(database, tenant, customer(3, sequence=5))
    rows = messages(database, tenant)
    row = desk(database, tenant)[rows["m-1"].id]
    assert (row.closed_how, row.closed_by, rows["m-1"].state) == ("resolved", rows["m-3"].id, "superseded")
    (entry,) = entries(database, tenant, "messages.resolved")
    assert entry.subject_id == rows["m-1"].id
    assert retry_messages(database, tenant, CLERK) == []


def test_a_payment_that_is_held_resolves_by_a_newer_one(database: Database, tenant: Tenant) -> None:
    facts: dict[str, Any] = {"ref": "P1", "amount": "5.00", "currency": "EUR", "paid_on": "2026-02-01"}
    feed(database, tenant, message("payment", 1, **facts).replace(b"payment.v1", b"payment.v2"))
    feed(database, tenant, message("payment", 2, **facts, time="2026-02-02T00:00:00Z"))
    assert states(database, tenant) == {"m-1": "superseded", "m-2": "applied"}


def test_a_fact_that_came_at_the_same_moment_is_seen_by_the_second_look(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    """Two workers that do not see each other's work: the row is as if the fact had been applied by the other one."""
    feed(database, tenant, old(1))
    feed(database, tenant, customer(2, ref="C9", time="2026-03-01T00:00:00Z"))
    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.scalars(select(HeldMessageRow)).one().object_ref = "C9"
        assert tx.session.scalars(select(CustomerRow.ref)).all() == ["C9"]
    assert states(database, tenant)["m-1"] == "held"
    clock.moment += LOOK_AFTER
    assert run(database, tenant) == 1
    assert states(database, tenant)["m-1"] == "superseded"
    (row,) = desk(database, tenant).values()
    assert (row.closed_how, row.closed_by) == ("resolved", None)
    assert run(database, tenant) == 0


def test_a_mended_message_that_is_held_again_starts_anew(database: Database, tenant: Tenant, clock: SetClock) -> None:
    feed(database, tenant, old(1, time="2026-02-09T00:00:00Z"))
    (identifier,) = desk(database, tenant)
    with transaction(database, tenant, SYSTEM) as tx:
        row = tx.session.get_one(HeldMessageRow, identifier)
        row.closed_at, row.closed_how, row.tries = tx.now, "applied", 7
    clock.moment += timedelta(days=1)
    retry_messages(database, tenant, CLERK)
    run(database, tenant)
    row = desk(database, tenant)[identifier]
    assert (row.held_at, row.tries, row.closed_at, row.closed_how) == (clock.moment, 1, None, None)


def test_a_message_that_is_being_tried_again_does_not_stop_a_newer_one_and_is_seen_by_the_next_look(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    """One worker maps the held one again and does not see the other's work; the other does not wait for its lock."""
    feed(database, tenant, old(1))
    (held,) = desk(database, tenant)
    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.scalars(select(SourceMessageRow).where(SourceMessageRow.id == held).with_for_update()).one()
        feed(database, tenant, customer(2, time="2026-03-01T00:00:00Z"))
        assert states(database, tenant) == {"m-1": "held", "m-2": "applied"}
    clock.moment += LOOK_AFTER
    run(database, tenant)
    assert states(database, tenant)["m-1"] == "superseded"


def test_every_try_that_fails_is_followed_by_a_look(database: Database, tenant: Tenant, clock: SetClock) -> None:
    feed(database, tenant, old(1))
    clock.moment += LOOK_AFTER
    assert run(database, tenant) == 1
    retry_messages(database, tenant, CLERK)
    run(database, tenant)
    clock.moment += LOOK_AFTER
    assert run(database, tenant) == 1
    assert states(database, tenant) == {"m-1": "held"}
