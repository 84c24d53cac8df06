"""A firm's life as random steps: messages, people, workers, systems that fail, time."""

from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Literal
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from sqlalchemy import select

from billwright.approvals.ask_waiver import ask_waiver
from billwright.approvals.decide_step import decide_step
from billwright.approvals.decide_waiver import decide_waiver
from billwright.checks.submit_draft import submit_draft
from billwright.checks.tables import FindingRow, WaiverRow
from billwright.collections.open_dispute import open_dispute
from billwright.collections.resolve_dispute import resolve_dispute
from billwright.collections.tables import DisputeRow
from billwright.delivery.retry_delivery import retry_delivery
from billwright.delivery.tables import DeliveryRow
from billwright.jobs.retry_dead import retry_dead
from billwright.jobs.snooze_dead import snooze_dead
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM, Actor
from billwright.posting.retry_posting import retry_posting
from billwright.posting.tables import PostingRow
from billwright.tenancy.directory import find_tenant
from billwright.tenancy.tables import PartnerRow
from billwright.tenancy.transaction import control_transaction
from billwright_tenants.life_cycle import resume_tenant, suspend_tenant
from model import world as facts
from model.beginnings import SCRIPTS
from model.follow import ALLOWED, Followed
from model.outside import DISK_MODES, ERP_MODES, MAIL_MODES, tell_mail_server
from model.plain import MAIL, POST, Bill
from model.world import CLERK, LEAD, MILESTONES, OPERATOR, PEOPLE
from support.races import offenders

small = st.integers(0, 7)
rounds = st.sampled_from([0, 0, 1, 3])
"""How often dispatcher and workers do what is due, right after a step."""

names = st.sampled_from(["Max", "Fin", "Max", "Fin", "Amy", "Mia"])
deeds = st.tuples(
    names, st.sampled_from(["approve", "approve", "approve", "return"]), st.sampled_from([False, False, True])
)


class Life(Followed):
    """Rules are named for what happens."""

    def trouble(self) -> None:
        """What it begins in: nothing, unless a test gives it one of ``model.beginnings``."""

    @initialize(
        accepted=st.sets(st.sampled_from(MILESTONES), min_size=1),
        far=st.sampled_from([1, 0, 1, 2, 3]),
        first=st.sampled_from(SCRIPTS),
        repriced=st.booleans(),
        withdrawn=st.booleans(),
    )
    def begins(
        self, *, accepted: set[str], far: int, first: list[tuple[str, str, bool]], repriced: bool, withdrawn: bool,
    ) -> None:  # fmt: skip
        """Anywhere between a new firm and one whose first invoices are out, or in the middle of trouble."""
        self.trouble()
        for ref in sorted(accepted):
            self.accept(ref)
        self._work_off(8 if far else 0)
        if repriced:
            self._send("milestone", max(accepted), facts.milestone(max(accepted), 250_001), 250_001)
            self._work_off(8 if far else 0)
        for key, bill in self._drafts():
            self._people(key, bill, first)
        if withdrawn:
            self._send("acceptance", min(accepted), facts.acceptance(min(accepted), accepted=False), value=False)
        if far > 1:
            self.right_people_approve(8 if far > 2 else 0)

    def accept(self, ref: str) -> None:
        self._send("acceptance", ref, facts.acceptance(ref, accepted=True), value=True)

    @precondition(lambda self: not self.suspended)
    @rule(
        ref=st.sampled_from(MILESTONES),
        accepted=st.sampled_from([True, True, True, False]),
        older=st.booleans(),
        then=rounds,
    )
    def decision_comes(self, ref: str, accepted: bool, older: bool, then: int) -> None:  # Hypothesis names them
        self._send("acceptance", ref, facts.acceptance(ref, accepted=accepted), accepted, older=older)
        self._work_off(then)

    @precondition(lambda self: not self.suspended)
    @rule(
        ref=st.sampled_from(MILESTONES),
        minor=st.sampled_from([150_000, 250_001, 400_000]),
        older=st.booleans(),
        then=rounds,
    )
    def price_changes(self, ref: str, minor: int, older: bool, then: int) -> None:
        self._send("milestone", ref, facts.milestone(ref, minor), minor, older=older)
        self._work_off(then)

    @precondition(lambda self: not self.suspended)
    @rule(terms=st.sampled_from([14, 30]), then=rounds)
    def contract_changes(self, terms: int, then: int) -> None:
        self._send("contract", "K1", facts.contract(terms), terms)
        self._work_off(then)

    @precondition(lambda self: not self.suspended)
    @rule(which=st.sampled_from(["evidence", "order"]), then=rounds)
    def paper_comes(self, which: str, then: int) -> None:
        if which == "evidence":
            self._send("evidence", "M3", facts.evidence("M3"), True)  # the fact itself
        else:
            self._send("change_order", "M4", facts.change_order(signed=True), True)
        self._work_off(then)

    @precondition(lambda self: not self.suspended and self.sent)
    @rule(which=small, then=rounds)
    def message_comes_again(self, which: int, then: int) -> None:
        self._store([self.sent[which % len(self.sent)]])
        self._work_off(then)

    @precondition(lambda self: not self.suspended and self._issued())
    @rule(which=small, percent=st.sampled_from([40, 60, 100, 130]), then=rounds)
    def money_comes(self, which: int, percent: int, then: int) -> None:
        bill = self._issued()[which % len(self._issued())]
        assert bill.number is not None
        minor, ref = bill.gross_minor * percent // 100, f"P{len(self.sent)}"
        data = facts.payment(ref, bill.number, minor, self.firm.clock.now().date().isoformat())
        self._send("payment", ref, data, (bill.number, minor))
        self._work_off(then)

    @precondition(lambda self: not self.suspended and self._drafts())
    @rule(which=small, deeds=st.lists(deeds, min_size=1, max_size=4), then=rounds)
    def people_decide(self, which: int, deeds: list[tuple[str, str, bool]], then: int) -> None:
        """One after another about one draft; some saw it as it was at first."""
        waiting = [each for each in self._drafts() if each[1].detail.startswith("awaiting_")]
        key, bill = (waiting or self._drafts())[which % len(waiting or self._drafts())]
        self._people(key, bill, deeds)
        self._work_off(then)

    def _people(self, key: UUID, bill: Bill, deeds: list[tuple[str, str, bool]]) -> None:
        for name, decision, old in deeds:
            sha256 = self.world.invoice(key).content_sha256
            seen = self.first_hash[key] if old else sha256
            expected = self.plain.hindrance(bill, name) or ("done" if seen == sha256 else "content-changed")
            self.happened["twice"] += expected == "self-approval" and name == "Amy"
            self._says(expected, partial(self._decide, PEOPLE[name], key, decision, seen))
            if expected == "done":
                self.plain.decide(bill, name, decision)
                self.happened[decision] += 1
            self.all_is_as_drawn()

    def _decide(self, actor: Actor, key: UUID, decision: str, seen: str) -> None:
        decide_step(
            self.firm.database, self.firm.tenant, actor, key, decision="approve" if decision == "approve" else "return",
            content_sha256=seen, reason="Look again.",
        )  # fmt: skip

    @precondition(lambda self: not self.suspended)
    @rule(then=rounds)
    def right_people_approve(self, then: int) -> None:
        """All that waits for them, as on a good day."""
        for _, bill in self._drafts():
            for name in ("Max", "Fin"):
                if bill.detail == f"awaiting_{'manager' if name == 'Max' else 'finance'}":
                    decide_step(
                        self.firm.database, self.firm.tenant, PEOPLE[name], self._id_of(bill), decision="approve",
                        content_sha256=self.world.invoice(self._id_of(bill)).content_sha256,
                    )  # fmt: skip
                    self.plain.decide(bill, name, "approve")
                    self.all_is_as_drawn()
        self._work_off(then)

    @precondition(lambda self: not self.suspended and self._drafts())
    @rule(which=small, then=rounds)
    def clerk_submits(self, which: int, then: int) -> None:
        key, bill = self._drafts()[which % len(self._drafts())]
        may = bill.detail in {"blocked", "returned"}
        self._says(
            "done" if may else "conflict", lambda: submit_draft(self.firm.database, self.firm.tenant, CLERK, key)
        )
        if may:
            bill.phase, bill.detail = "validation_pending", "submitted"
        self._work_off(then)

    @precondition(lambda self: not self.suspended and any(b.detail == "blocked" for b in self.plain.bills))
    @rule(end=st.sampled_from(["grant", "refuse", "nobody"]), then=rounds)
    def two_people_waive(self, end: Literal["grant", "refuse", "nobody"], then: int) -> None:
        key, bill = next(each for each in self._drafts() if each[1].detail == "blocked")
        database, tenant = self.firm.database, self.firm.tenant
        finding = next(row for row in self.world.rows(FindingRow) if row.invoice_id == key and row.resolved_at is None)
        ask = partial(ask_waiver, finding_id=finding.id, content_sha256=self.world.invoice(key).content_sha256)
        self._says(
            "done" if bill.waiver == "none" else "waiver-not-possible",
            lambda: ask(database, tenant, CLERK, key, reason="By letter."),
        )
        bill.waiver = "granted" if bill.waiver == "granted" else "waiting"
        if end != "nobody" and bill.waiver == "waiting":
            waiver = next(row for row in self.world.rows(WaiverRow) if row.invoice_id == key and row.state == "waiting")
            decide_waiver(database, tenant, LEAD, waiver.id, decision=end, reason="I saw it.")
            bill.waiver = "granted" if end == "grant" else "none"
        self._work_off(then)

    @precondition(lambda self: not self.suspended and self._issued())
    @rule(which=small, then=rounds)
    def customer_disputes(self, which: int, then: int) -> None:
        bill = self._issued()[which % len(self._issued())]
        key = self._id_of(bill)
        expected = self.plain.dispute(bill)
        self._says(
            expected,
            lambda: open_dispute(
                self.firm.database, self.firm.tenant, CLERK, key, line=1, amount=None, reason="Not as agreed."
            ),
        )
        self._work_off(then)

    @precondition(lambda self: not self.suspended and any(b.before_dispute for b in self.plain.bills))
    @rule(upheld=st.booleans(), then=rounds)
    def dispute_ends(self, upheld: bool, then: int) -> None:
        bill = next(bill for bill in self.plain.bills if bill.before_dispute)
        rows = [
            row for row in self.world.rows(DisputeRow) if row.state == "open" and row.invoice_id == self._id_of(bill)
        ]
        resolution: Literal["upheld", "withdrawn"] = "upheld" if upheld else "withdrawn"
        resolve_dispute(
            self.firm.database, self.firm.tenant, CLERK, rows[0].id, resolution=resolution, reason="Settled by phone."
        )
        self.plain.resolve(bill)
        self._work_off(then)

    @precondition(lambda self: not self.suspended and any(b.posting for b in self.plain.bills))
    @rule(which=small, then=rounds)
    def clerk_posts_again(self, which: int, then: int) -> None:
        rows = self.world.rows(PostingRow)
        row = rows[which % len(rows)]
        bill = self.bills[row.invoice_id]
        expected = "posting-state" if bill.posting == "posted" else "done"
        self._says(expected, lambda: retry_posting(self.firm.database, self.firm.tenant, CLERK, row.id))
        if expected == "done":
            bill.posting = "failed"
            self.plain.wish(POST, bill)
        self._work_off(then)

    @precondition(lambda self: not self.suspended and any(b.delivery not in {None, "none"} for b in self.plain.bills))
    @rule(which=small, then=rounds)
    def clerk_mails_again(self, which: int, then: int) -> None:
        rows = [row for row in self.world.rows(DeliveryRow) if row.subject_kind == "invoice"]
        row = rows[which % len(rows)]
        bill = self.bills[row.subject_id]
        expected = "delivery-state" if bill.delivery == "sent" else "done"
        self._says(expected, lambda: retry_delivery(self.firm.database, self.firm.tenant, CLERK, row.id))
        if expected == "done":
            bill.delivery = "failed" if bill.delivery == "refused" else bill.delivery
            self.plain.wish(MAIL, bill)
        self._work_off(then)

    @precondition(lambda self: not self.suspended and self._dead())
    @rule(which=small, how=st.sampled_from(["retry", "retry", "snooze"]), then=rounds)
    def somebody_mends_a_dead_job(self, which: int, how: str, then: int) -> None:
        row = self._dead()[which % len(self._dead())]
        database, tenant = self.firm.database, self.firm.tenant
        if how == "snooze":
            snooze_dead(
                database, tenant, CLERK, row.id, until=self.firm.clock.now() + timedelta(days=1), reason="Later."
            )
            return
        retry_dead(database, tenant, CLERK, row.id)
        self._again(row)
        self._work_off(then)

    @rule(
        erp=st.sampled_from(ERP_MODES), mail=st.sampled_from(MAIL_MODES), disk=st.sampled_from(DISK_MODES), then=rounds
    )
    def outside_changes(self, erp: str, mail: str, disk: str, then: int) -> None:
        self.erp.mode, self.disk.mode, self.mail_mode = erp, disk, mail
        tell_mail_server(self.server, mail)
        self._work_off(then)

    @rule(minutes=st.sampled_from([1, 20, 24 * 60, 20 * 24 * 60]), then=rounds)
    def time_passes(self, minutes: int, then: int) -> None:
        self.firm.clock.moment += timedelta(minutes=minutes)
        self._work_off(then)

    @rule(really=st.sampled_from([True, False, False]))
    def tenant_is_suspended_or_resumed(self, really: bool) -> None:
        if not (really or self.suspended):
            return
        with control_transaction(self.firm.database, SYSTEM) as tx:
            partner = tx.session.scalars(
                select(PartnerRow.slug).where(PartnerRow.id == self.firm.tenant.partner_id)
            ).one()
        if self.suspended:
            resume_tenant(self.firm.database, partner, self.firm.tenant.slug, OPERATOR)
        else:
            suspend_tenant(self.firm.database, partner, self.firm.tenant.slug, OPERATOR, reason="It does not pay.")
        self.suspended = not self.suspended
        with control_transaction(self.firm.database, SYSTEM) as tx:
            self.firm.tenant = find_tenant(tx.session, tenant_id=self.firm.tenant.id)

    @precondition(lambda self: self.suspended)
    @rule()
    def nobody_works_in_a_suspended_tenant(self) -> None:
        database, tenant = self.firm.database, self.firm.tenant
        self._says("tenant-suspended", lambda: self.firm.store([self.firm.event("contract", facts.contract(30))]))
        if self.bills:
            key = next(iter(self.bills))
            self._says("tenant-suspended", lambda: submit_draft(database, tenant, CLERK, key))

    @rule()
    def dispatcher_gives_leases(self) -> None:
        self._give_leases()

    @rule()
    def leases_expire(self) -> None:
        self._expire()

    @precondition(lambda self: self.leases)
    @rule(which=small)
    def worker_does_a_lease(self, which: int) -> None:
        self._work(self.leases.pop(which % len(self.leases)))

    @precondition(lambda self: self.leases)
    @rule(which=small)
    def message_of_a_lease_comes_twice(self, which: int) -> None:
        lease = self.leases.pop(which % len(self.leases))
        self._work(lease)
        if not self.world.jobs_of(lease):  # else its worker was killed, and whoever comes next does it
            assert do_lease(self.firm.database, self.firm.handlers, lease) == 0

    @precondition(lambda self: self.leases)
    @rule(which=small)
    def worker_dies_with_a_lease(self, which: int) -> None:
        self.leases.pop(which % len(self.leases))

    def teardown(self) -> None:
        if self.suspended:
            self.tenant_is_suspended_or_resumed(really=True)
        self.leases.clear()
        for mended in range(60):
            self.erp.mode, self.disk.mode, self.mail_mode = "good", "good", "taken"
            tell_mail_server(self.server, "taken")
            self._expire()
            self.firm.clock.moment += timedelta(hours=1)
            self._mend()
            self._work_off(3)
            self.all_is_as_drawn()
            self.jobs_are_as_drawn()
            if mended and not self._unfinished():
                break
        assert not self._unfinished()
        self._prove()

    def _mend(self) -> None:
        """Retry all that gave up or was refused."""
        for row in self._dead():
            retry_dead(self.firm.database, self.firm.tenant, CLERK, row.id)
            self._again(row)
        for posting in self.world.rows(PostingRow):
            if posting.state == "rejected":
                retry_posting(self.firm.database, self.firm.tenant, CLERK, posting.id)
                self.bills[posting.invoice_id].posting = "failed"
                self.plain.wish(POST, self.bills[posting.invoice_id])
        for mail in self.world.rows(DeliveryRow):
            if mail.state == "refused" and mail.subject_kind == "invoice":
                retry_delivery(self.firm.database, self.firm.tenant, CLERK, mail.id)
                self.bills[mail.subject_id].delivery = "failed"
                self.plain.wish(MAIL, self.bills[mail.subject_id])

    def _unfinished(self) -> list[str]:
        timers = {"collections.remind"}
        return [f"{row.kind} {row.state}" for row in self.world.open_jobs() if row.kind not in timers]

    def _prove(self) -> None:
        broken = offenders(self.firm)
        assert not broken, broken
        for ref in MILESTONES:
            bill, due = self.plain.bill_of(ref), self.plain.due(ref)
            assert (bill is not None and not bill.draft) or (bill is None) == (due is None), ref
            assert bill is None or not bill.draft or bill.content == due, ref
        for bill in self._issued():
            assert (bill.posting, bill.delivery) == ("posted", "sent"), bill
            assert self.erp.made[str(bill.number)] == 1
            assert bill.phase in {"posted", "disputed", "settled"}, bill
        assert not [
            bill for bill in self.plain.bills if bill.draft and bill.detail in {"submitted", "clean", "approved"}
        ]
        for key, told in self.world.phases_told().items():
            phase = self.bills[key].phase  # a dispute and the ERP's answer have entries of their own
            assert told[-1] == phase or (told[-1] == "issued" and phase in {"posted", "disputed"}), (told, phase)
            for before, after in pairwise(told):
                assert before == after or after in ALLOWED[before], told
