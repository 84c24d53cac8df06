"""Doing what is drawn and drawing what is done: after each job and each step the product is held against the drawing."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine, invariant

from billwright.jobs.claim import release_expired
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import DomainError
from billwright.receivables.tables import PaymentRow
from model.outside import Killed, mails_by_number, tell_mail_server
from model.plain import ATTEMPTS_MAX, ISSUE, MAIL, POST, RENDER, SILENT_MAX, Bill, Plain, Waits
from model.world import MILESTONES, PEOPLE, Seen, World
from support.mail_server import MailServerHandler

TRACKED: Final = (ISSUE, RENDER, MAIL, POST)
OUTSIDE: Final = (RENDER, MAIL, POST)
REMINDER: Final = "connectors.reminder"
ALLOWED: Final = {
    "validation_pending": {"manager_approved", "finance_approved", "void"},
    "manager_approved": {"finance_approved", "validation_pending", "void"},
    "finance_approved": {"issued", "validation_pending", "void"},
    "issued": {"posted", "disputed", "settled"},
    "posted": {"disputed", "settled"},
    "disputed": {"issued", "posted", "settled"},
    "settled": set(),
    "void": set(),
}  # fmt: skip
"""Phases that may follow one another, by the state diagram."""


class Followed(RuleBasedStateMachine):
    """What is done, told to the drawing as it is done; after each step both are compared. ``make_world`` makes a new firm."""

    def __init__(self, make_world: Callable[[], World], server: MailServerHandler) -> None:
        super().__init__()
        self.server, self.world = server, make_world()
        self.firm, self.erp, self.disk = self.world.firm, self.world.erp, self.world.disk
        server.taken.clear()
        tell_mail_server(server, "taken")
        self.mail_mode = "taken"
        self.plain = Plain()
        for ref in MILESTONES:
            self.plain.apply("milestone", ref, 1, 100_000 if ref == "M1" else 400_000)
            self.plain.apply("evidence", ref, 1, ref != "M3")
        self.plain.apply("contract", "K1", 1, 30)
        self.plain.apply("change_order", "M4", 1, False)  # the fact itself: not signed
        self.sent: list[tuple[dict[str, Any], str, str, int, Any]] = []
        self.messages: dict[UUID, tuple[str, str, int, Any]] = {}
        self.sequences: Counter[tuple[str, str]] = Counter()
        self.leases: list[UUID] = []
        self.bills: dict[UUID, Bill] = {}
        self.first_hash: dict[UUID, str] = {}
        self.phases: dict[UUID, str] = {}
        self.suspended = False
        self.happened: Counter[str] = Counter()

    def _send(self, kind: str, ref: str, data: dict[str, Any], value: Any, *, older: bool = False) -> None:
        """A new message about an object: by default the newest, else one that should have come before the last."""
        place = (kind, ref)
        self.sequences[place] += 2
        sequence = 10 + self.sequences[place] - (3 if older else 0)
        event = self.firm.event(kind, data, sequence=sequence)
        self._store([(event, kind, ref, sequence, value)])

    def _store(self, sent: list[tuple[dict[str, Any], str, str, int, Any]]) -> None:
        mia = sent[0][1:3] == ("acceptance", "M2")
        results = self.firm.store([each[0] for each in sent], PEOPLE["Mia"] if mia else SYSTEM)
        known = {each[0]["id"] for each in self.sent}
        for result, each in zip(results, sent, strict=True):
            assert result.status == ("duplicate" if each[0]["id"] in known else "accepted"), result
            if result.status == "accepted":
                assert result.message_id is not None
                self.messages[result.message_id] = each[1:]
                self.sent.append(each)
            self.happened[f"message {result.status}"] += 1

    def _issued(self) -> list[Bill]:
        return [bill for bill in self.plain.bills if bill.number is not None]

    def _drafts(self) -> list[tuple[UUID, Bill]]:
        return [(key, bill) for key, bill in self.bills.items() if bill.phase != "void"]

    def _says(self, expected: str, act: Callable[[], object]) -> None:
        """The use case must end as the drawing says: done, or refused with this word."""
        try:
            act()
            said = "done"
        except DomainError as refusal:
            said = refusal.code
        assert said == expected, f"{said}, not {expected}"
        self.happened[expected] += 1

    def _again(self, row: JobRow) -> None:
        waits = self._waits(row)
        waits.dead -= 1
        waits.waiting = True

    def _dead(self) -> list[JobRow]:
        return [row for row in self.world.open_jobs() if row.state == "dead"]

    def _id_of(self, bill: Bill) -> UUID:
        return next(key for key, each in self.bills.items() if each is bill)

    def _waits(self, row: JobRow) -> Waits:
        return self.plain.job(row.kind, self.bills[UUID(str(row.payload["invoice_id"]))])

    def _give_leases(self) -> None:
        for lease in self.world.claim():
            assert not self.suspended, "a lease of a suspended tenant"
            self.leases.append(lease.id)
            for row in self.world.jobs_of(lease.id):
                if row.kind in TRACKED:
                    waits = self._waits(row)
                    assert waits.waiting, f"{row.kind} of {waits} was not wanted"
                    waits.waiting = False
                    waits.leased += 1

    def _work_off(self, rounds: int) -> None:
        """Dispatcher and workers do what is due, so many times."""
        for _ in range(rounds):
            self._give_leases()
            while self.leases:
                self._work(self.leases.pop(0))

    def _expire(self) -> None:
        """Also those that a slow worker still means to do: it finds them gone."""
        self.firm.clock.moment += timedelta(minutes=11)
        silent: dict[str, list[JobRow]] = {}
        for row in self.world.open_jobs():
            if row.state == "leased" and row.kind in TRACKED:
                silent.setdefault(row.key, []).append(row)
        release_expired(self.firm.database)
        for rows in silent.values():
            waits = self._waits(rows[0])
            waits.leased -= len(rows)
            if not waits.waiting:
                gives_up = rows[0].attempts >= SILENT_MAX
                waits.dead += gives_up
                waits.waiting = not gives_up

    def _work(self, lease_id: UUID) -> None:
        jobs = self.world.jobs_of(lease_id)
        greeted = len(self.server.greeted)
        killed = False
        try:
            done = do_lease(self.firm.database, self.firm.handlers, lease_id)
        except Killed:
            done, killed = 0, True
        if self.suspended or not jobs:
            assert done == 0
            for row in jobs:
                if row.kind in TRACKED:
                    self._waits(row).leased -= 1
                    self._waits(row).waiting = True
            return
        kind = jobs[0].kind
        self.happened[kind] += 1
        if kind in OUTSIDE:
            self._follow_outside(jobs[0], killed=killed)
        elif kind == REMINDER:
            self._follow_reminder(jobs[0], called=len(self.server.greeted) > greeted)
        else:
            assert done == len(jobs), kind
            self._follow(kind, jobs)
        self.all_is_as_drawn()

    def _follow(self, kind: str, jobs: list[JobRow]) -> None:
        """What a worker did in one transaction."""
        bills = sorted(str(row.payload["invoice_id"]) for row in jobs if "invoice_id" in row.payload)
        if kind == "intake.apply":
            for row in jobs:
                for each in row.payload["message_ids"]:
                    self._apply(*self.messages[UUID(each)])
        elif kind == "billing.evaluate":
            self.plain.evaluate(MILESTONES)
            self._name_new_bills()
        elif kind == "collections.follow_opened":
            self.plain.follow()
        elif kind == "collections.apply_payment":
            refs = {row.id: row.ref for row in self.world.rows(PaymentRow)}
            self.plain.pay([refs[UUID(row.payload["payment_id"])] for row in jobs])
        for each in bills:
            bill = self.bills[UUID(each)]
            if kind == "billing.check":
                self.plain.check(bill)
            elif kind == "billing.route":
                self.plain.route(bill)
            elif kind == ISSUE:
                self.plain.job(ISSUE, bill).leased -= 1
                self.plain.issue(bill, self.firm.clock.now().year)

    def _apply(self, kind: str, ref: str, sequence: int, value: Any) -> None:
        if kind == "payment":
            self.plain.receive(ref, *value)
        else:
            self.plain.apply(kind, ref, sequence, value)

    def _name_new_bills(self) -> None:
        known = {bill.place for bill in self.bills.values()}
        for bill in self.plain.bills:
            if bill.place not in known:
                key = self.world.invoice_of(bill.milestone)
                assert key is not None, f"{bill.milestone} is to be billed and is on no draft"
                assert key not in self.bills, f"{bill.milestone} is on a draft that had another"
                self.bills[key] = bill
                self.first_hash[key] = self.world.invoice(key).content_sha256

    def _follow_outside(self, job: JobRow, *, killed: bool) -> None:
        bill, waits, now = self.bills[UUID(str(job.payload["invoice_id"]))], self._waits(job), self.firm.clock.now()
        row = self.world.jobs([job.id])[job.id]
        breaker = self.plain.breakers.get(job.kind)
        if breaker is not None and _put_off(row):
            assert breaker.lets(now) != "yes", f"{job.kind} was put off although its system answers"
            waits.leased -= 1
            waits.waiting = True
            return
        assert breaker is None or breaker.lets(now) != "no", f"{job.kind} called a system that is left alone"
        if job.kind == RENDER:
            said = self.plain.rendered(bill, self.disk.mode)
        elif job.kind == MAIL:
            said = self.plain.mailed(bill, self.mail_mode, now)
        else:
            said = self.plain.posted(bill, self.erp.mode, now)
        assert killed == (said == "silent")
        classes = {"again": {"transient", "throttled"}, "dead": {"business" if job.kind == RENDER else "programming"}}
        assert said not in classes or row.error_class in classes[said], row.error
        self._job_ends(waits, said, job.attempts)

    def _job_ends(self, waits: Waits, said: str, attempts: int) -> None:
        if said == "silent":
            return
        waits.leased -= 1
        if said == "done":
            waits.dead = 0
        elif said == "dead" or attempts >= ATTEMPTS_MAX:
            waits.dead += 1
        else:
            waits.waiting = True

    def _follow_reminder(self, job: JobRow, *, called: bool) -> None:
        row, breaker, now = self.world.jobs([job.id])[job.id], self.plain.breakers[MAIL], self.firm.clock.now()
        if _put_off(row):
            assert breaker.lets(now) != "yes"
        elif called and self.mail_mode in {"later", "lost"}:
            assert breaker.lets(now) != "no"
            breaker.failed(now)
        else:
            assert breaker.lets(now) != "no"
            breaker.answered()

    @invariant()
    def all_is_as_drawn(self) -> None:
        seen = self.world.seen()
        assert seen.keys() == self.bills.keys()
        for key, bill in self.bills.items():
            found = seen[key]
            delivery = None if bill.delivery == "none" else bill.delivery
            drawn = Seen(bill.phase, bill.detail, bill.number, bill.open_minor, bill.posting, delivery)
            assert found == drawn, f"\n{found} is not\n{drawn} of\n{bill}"
            before = self.phases.get(key, "validation_pending")
            assert before == found.phase or found.phase in ALLOWED[before], f"{before} > {found.phase}"
            self.phases[key] = found.phase
        assert self.erp.made == +self.plain.erp
        assert max(self.erp.made.values(), default=0) <= 1
        mails = mails_by_number(self.server)
        assert mails == +self.plain.mails
        assert {number for number, count in mails.items() if count > 1} <= self.plain.maybe_twice

    @invariant()
    def jobs_are_as_drawn(self) -> None:
        found: dict[tuple[str, int], Waits] = {}
        for row in self.world.open_jobs():
            if row.kind not in TRACKED:
                assert row.state != "dead", f"{row.kind} gave up: {row.error}"
                continue
            bill = self.bills[UUID(str(row.payload["invoice_id"]))]
            waits = found.setdefault((row.kind, bill.place), Waits())
            waits.waiting |= row.state in {"queued", "retry"}
            waits.leased += row.state == "leased"
            waits.dead += row.state == "dead"
        drawn = {key: waits for key, waits in self.plain.jobs.items() if waits != Waits()}
        assert found == drawn, f"{found} is not {drawn}"


def _put_off(row: JobRow) -> bool:
    """Whether this attempt ended before it called anybody. What is done keeps the class of its last failure, not its words."""
    return row.error_class == "later" and row.error is not None and row.state != "leased"
