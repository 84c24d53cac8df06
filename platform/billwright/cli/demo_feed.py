"""One firm's twelve weeks: week by week its messages are sent, its jobs done, its drafts approved, its bills paid."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from billwright.cli.demo_acts import People, approve_drafts, dispute, payment_data
from billwright.cli.demo_doors import Door, HookDoor, Message
from billwright.cli.demo_input import Calendar, DemoFirm, Record, weeks_of
from billwright.cli.demo_pace import Pace
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant


@dataclass(slots=True)
class FirmFeed:
    """Feeds one firm. ``tenant`` is where it stands; it is a sandbox, so its clock can be put."""

    database: Database
    firm: DemoFirm
    tenant: Tenant
    people: People
    calendar: Calendar
    pace: Pace
    door: Door
    records: Sequence[Record]
    left: dict[str, str] = field(default_factory=dict)

    def run(self, tell: Callable[[int], None]) -> Tenant:
        """All weeks; ``tell`` hears of each day that is reached. Fed again, nothing is new.

        Raises:
            DemoFailedError: something did not go as written.
        """
        self._leave([record for record in self.records if self._is_past(record)])
        for day, records in weeks_of(self.firm, self.records):
            self.tenant = self.pace.advance(self.tenant, self.calendar.evening(day))
            self._week(records)
            tell(day)
        return self.tenant

    def _week(self, records: Sequence[Record]) -> None:
        """Facts first, then decisions about the drafts made of them, then what comes of invoices."""
        self._leave(records)
        self._send([record for record in records if (record.kind and not record.do) or record.do == "repeat"])
        for record in records:
            if record.do == "forge" and isinstance(self.door, HookDoor):
                self.door.forge(self.message(record))
        while approve_drafts(self.people, self.tenant, self.left):
            self.pace.workers.settle(self.tenant)
        for record in records:
            if record.do == "dispute":
                dispute(self.people, self.tenant, record)
        self._send([record for record in records if record.do == "pay"])

    def _is_past(self, record: Record) -> bool:
        """Whether the firm is beyond it already: the demo was interrupted, and goes on."""
        now = self.tenant.clock_at
        return now is not None and self.calendar.evening(record.day) <= now

    def _leave(self, records: Sequence[Record]) -> None:
        self.left |= {record.contract: record.at_step for record in records if record.do == "leave"}

    def _send(self, records: Sequence[Record]) -> None:
        if records:
            assert self.tenant.clock_at is not None, "a firm of the demo is a sandbox while it is fed"
            self.door.send([self.message(record) for record in records], self.tenant.clock_at)
        self.pace.workers.settle(self.tenant)

    def message(self, record: Record) -> Message:
        """``record`` as a message, with the days of this demo in it."""
        if record.do == "repeat":
            return self.message(next(each for each in self.records if each.id == record.of))
        kind, data = record.kind, record.data
        if record.do == "pay":
            kind, data = "payment", payment_data(self.database, self.tenant, record, self.calendar.date(record.day))
        moment = self.calendar.moment(record.day, record.at)
        if record.time is not None:
            moment = self.calendar.resolved_moment(record.time)
        resolved = self.calendar.resolve(data)
        assert isinstance(resolved, Mapping)
        return Message(id=record.id, kind=kind, time=moment, data=resolved, broken=record.broken)
