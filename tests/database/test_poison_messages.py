"""A message that ends its worker each time costs its neighbours nothing, ends in a named state, and goes on when mended."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from billwright.canon.tables import CustomerRow
from billwright.extension.canonical import Canonical, Customer, SourceMessage
from billwright.intake.jobs import handlers
from billwright.intake.store_messages import store_messages
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.claim import claim, release_expired
from billwright.jobs.handlers import Handlers
from billwright.jobs.retry_dead import retry_dead
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.intake import make_connection


class WorkerEndedError(BaseException):
    """Stands for a process that takes all memory or never comes back: nobody is told."""


class Settings(msgspec.Struct, frozen=True):
    pass


class Crm:
    """A connector that ends its worker on one customer until it is mended."""

    manifest = SimpleNamespace(settings_model=Settings, message_types=())
    mended = False

    def map_message(self, message: SourceMessage, settings: msgspec.Struct) -> Sequence[Canonical]:
        name = msgspec.json.decode(message.data)["customer"]
        if name == "poison" and not self.mended:
            raise WorkerEndedError
        return [Customer(ref=name, name=name)]


def event(name: str) -> bytes:
    body: dict[str, Any] = {"specversion": "1.0", "id": name, "source": "crm", "type": "crm.deal", "data": {"customer": name},
                            "time": "2026-02-01T10:00:00Z"}  # fmt: skip
    return msgspec.json.encode(body)


class Shift:
    """Workers that go on, whoever of them ends."""

    def __init__(self, database: Database, tenant: Tenant, clock: SetClock) -> None:
        self.database, self.tenant, self.clock, self.crm = database, tenant, clock, Crm()
        self.ended = 0

    def round(self) -> bool:
        """A lease round; whether there was anything to lease."""
        known = Handlers.of(*handlers({"crm": self.crm}))
        leases = claim(self.database, known, tenant_id=self.tenant.id)
        for lease in leases:
            try:
                do_lease(self.database, known, lease.id)
            except WorkerEndedError:
                self.ended += 1
        return bool(leases)

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.clock.moment += timedelta(minutes=1, seconds=1)
            release_expired(self.database)
            while self.round():
                pass

    def states(self) -> set[str]:
        with transaction(self.database, self.tenant, SYSTEM, read_only=True) as tx:
            return set(tx.session.scalars(select(SourceMessageRow.state)))

    def customers(self) -> set[str]:
        with transaction(self.database, self.tenant, SYSTEM, read_only=True) as tx:
            return set(tx.session.scalars(select(CustomerRow.ref)))

    def dead(self) -> list[JobRow]:
        with control_transaction(self.database, SYSTEM) as tx:
            query = select(JobRow).where(JobRow.tenant_id == self.tenant.id, JobRow.state == "dead")
            return list(tx.session.scalars(query))


@pytest.fixture
def shift(database: Database, tenant: Tenant, clock: SetClock) -> Shift:
    return Shift(database, tenant, clock)


def feed(shift: Shift, *names: str) -> None:
    made = make_connection(shift.database, shift.tenant, connector="crm")
    store_messages(
        shift.database, shift.tenant, SYSTEM, [event(name) for name in names], channel="api", connection=made
    )


def test_messages_that_came_with_a_poisonous_one_are_applied(shift: Shift) -> None:
    innocent = {f"c{n}" for n in range(9)}
    feed(shift, *sorted(innocent)[:5], "poison", *sorted(innocent)[5:])
    shift.round()
    assert shift.ended == 1
    assert shift.customers() == set()
    shift.minutes(6)
    assert shift.customers() == innocent


def test_the_poisonous_one_becomes_a_dead_letter_and_goes_on_when_its_cause_is_mended(shift: Shift) -> None:
    feed(shift, "before", "poison", "after")
    shift.minutes(20)
    (dead,) = shift.dead()
    assert dead.error_class == "lease"
    with transaction(shift.database, shift.tenant, SYSTEM, read_only=True) as tx:
        waiting = tx.session.scalars(select(SourceMessageRow.id).where(SourceMessageRow.state != "applied")).all()
    assert dead.payload == {"message_ids": [str(each) for each in waiting]}
    ended = shift.ended
    shift.minutes(10)
    assert shift.ended == ended  # it costs nobody a worker any more
    shift.crm.mended = True
    retry_dead(shift.database, shift.tenant, SYSTEM, dead.id)
    shift.round()
    assert shift.customers() == {"before", "poison", "after"}
    assert shift.states() == {"applied"}
    assert shift.dead() == []
