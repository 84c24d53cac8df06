"""What must become of invoices, postings, mails and jobs, in plain Python: the drawing that the product is held against.

It follows the work done, job by job, and knows nothing of tables. Its words are those of docs: phase and detail of an invoice,
states of postings, deliveries and jobs. Amounts are minor units of one currency.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

LARGE_MINOR: Final = 200_000
"""From here on a manager and finance decide; below it nobody has to."""
TAX_PERCENT: Final = 19
ATTEMPTS_MAX: Final = 20
SILENT_MAX: Final = 10
FAILURES_MAX: Final = 3
PAUSE_MIN: Final = timedelta(seconds=15 * 0.8)

RENDER, MAIL, POST, ISSUE = "documents.render", "connectors.mail", "connectors.post", "billing.issue"
Key = tuple[str, int]
"""Kind of a job, and which bill it is about."""

# Delivery and posting share one word: a failure stays in sight until its own side has mended it, the ERP's above all.
STANDS_AGAINST: Final = {
    "document_ready": {"posting_failed"},
    "document_failed": {"posting_failed"},
    "delivered": {"posting_failed"},
    "delivery_failed": {"posting_failed"},
    "posting": {"document_failed", "delivery_failed"},
    "posted": {"document_failed", "delivery_failed"},
    "posting_failed": set[str](),
}


@dataclass(frozen=True)
class Content:
    """What approvals are bound to."""

    net_minor: int
    evidence: bool
    terms: int


@dataclass
class Bill:
    """An invoice, from its first draft on."""

    place: int
    milestone: str
    content: Content
    phase: str = "validation_pending"
    detail: str = "submitted"
    approved: dict[str, tuple[str, Content]] = field(default_factory=dict)
    waiver: Literal["none", "waiting", "granted"] = "none"
    number: str | None = None
    open_minor: int = 0
    keyed: bool = False
    posting: str | None = None
    delivery: str | None = None
    before_dispute: tuple[str, str] | None = None

    @property
    def gross_minor(self) -> int:
        return self.content.net_minor + (self.content.net_minor * TAX_PERCENT + 50) // 100

    @property
    def steps(self) -> tuple[str, ...]:
        return ("manager", "finance") if self.content.net_minor >= LARGE_MINOR else ()

    @property
    def draft(self) -> bool:
        return self.number is None and self.phase != "void"

    def say(self, detail: str) -> None:
        """What is going on after issue; never in a later phase, never over a failure of the other side."""
        if self.phase in {"issued", "posted"} and self.detail not in STANDS_AGAINST[detail]:
            self.detail = detail

    def change(self, content: Content) -> None:
        """New content goes through checks and approvals; decisions about the old one do not count."""
        if content != self.content:
            self.content, self.phase, self.detail, self.waiver = content, "validation_pending", "submitted", "none"


@dataclass
class Waits:
    """One kind of work on one subject, as jobs: how many wait, are leased, gave up."""

    waiting: bool = False
    leased: int = 0
    dead: int = 0


@dataclass
class Breaker:
    """Three failures in a row, or a wish to be left alone, and only a probe asks."""

    failures: int = 0
    closed_until: datetime | None = None
    """Nobody asks before; none while it is closed."""

    def failed(self, now: datetime, throttled_s: int = 0) -> None:
        self.failures += 1
        if self.closed_until is not None or self.failures >= FAILURES_MAX or throttled_s:
            self.closed_until = now + max(PAUSE_MIN, timedelta(seconds=throttled_s))

    def answered(self) -> None:
        self.failures, self.closed_until = 0, None

    def lets(self, now: datetime) -> Literal["yes", "no", "perhaps"]:
        """Pauses grow and are spread: after the shortest one a call may come, before it none."""
        if self.closed_until is None:
            return "yes"
        return "perhaps" if now >= self.closed_until else "no"


@dataclass
class Plain:
    """The whole firm: facts by milestone, bills, jobs, and what the outside has."""

    facts: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    """By kind and reference: the newest sequence that was applied, and what it said."""
    bills: list[Bill] = field(default_factory=list)
    jobs: dict[Key, Waits] = field(default_factory=dict)
    breakers: dict[str, Breaker] = field(default_factory=lambda: {POST: Breaker(), MAIL: Breaker()})
    numbers: Counter[int] = field(default_factory=Counter)
    erp: Counter[str] = field(default_factory=Counter)
    """Entries by number of the invoice."""
    mails: Counter[str] = field(default_factory=Counter)
    maybe_twice: set[str] = field(default_factory=set)
    money: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Payments that came, by their reference: the number that they name, and what is left."""

    # Facts

    def apply(self, kind: str, ref: str, sequence: int, data: Any) -> None:
        known = self.facts.get((kind, ref))
        if known is None or sequence > known[0]:
            self.facts[kind, ref] = (sequence, data)

    def said(self, kind: str, ref: str, default: Any = None) -> Any:
        return self.facts.get((kind, ref), (0, default))[1]

    def bill_of(self, milestone: str) -> Bill | None:
        """The one that is not void; there is never a second."""
        return next((each for each in self.bills if each.milestone == milestone and each.phase != "void"), None)

    def due(self, milestone: str) -> Content | None:
        """What is to be billed for the milestone by all that is known."""
        price = self.said("milestone", milestone)
        if price is None or not self.said("acceptance", milestone) or not self.said("change_order", milestone, True):
            return None
        return Content(price, self.said("evidence", milestone, False), self.said("contract", "K1", 30))

    # Spine jobs

    def evaluate(self, milestones: tuple[str, ...]) -> None:
        for milestone in milestones:
            bill, due = self.bill_of(milestone), self.due(milestone)
            if bill is None and due is not None:
                self.bills.append(Bill(len(self.bills), milestone, due))
            elif bill is not None and bill.draft and due is None:
                bill.phase, bill.detail = "void", "emptied"
            elif bill is not None and bill.draft and due is not None:
                bill.change(due)

    def check(self, bill: Bill) -> None:
        if bill.phase == "validation_pending" and bill.detail != "returned":
            bill.detail = "clean" if bill.content.evidence or bill.waiver == "granted" else "blocked"

    def route(self, bill: Bill) -> None:
        if (bill.phase, bill.detail) == ("validation_pending", "clean"):
            bill.approved = {role: seen for role, seen in bill.approved.items() if seen[1] == bill.content}
            self._place(bill)

    def _place(self, bill: Bill) -> None:
        missing = [role for role in bill.steps if role not in bill.approved]
        if not missing:
            bill.phase, bill.detail = "finance_approved", "approved"
            self.wish(ISSUE, bill)
        else:
            bill.phase = "manager_approved" if "manager" in bill.approved else "validation_pending"
            bill.detail = f"awaiting_{missing[0]}"

    def issue(self, bill: Bill, year: int) -> None:
        if (bill.phase, bill.detail) != ("finance_approved", "approved") or bill.number is not None:
            return
        terms = self.said("contract", "K1", 30)
        if terms != bill.content.terms:  # the contract changed since the draft was priced
            bill.change(Content(bill.content.net_minor, bill.content.evidence, terms))
            return
        self.numbers[year] += 1
        bill.number = f"ACME-{year}-{self.numbers[year]:05d}"
        bill.phase, bill.detail, bill.open_minor = "issued", "issued", bill.gross_minor
        self.wish(RENDER, bill)
        self.wish(POST, bill)

    def hindrance(self, bill: Bill, person: str) -> str:
        """The word for why this person may not decide; none if they may. Mia accepted the second milestone."""
        role = {"Max": {"manager"}, "Fin": {"finance"}, "Mia": {"manager", "finance"}, "Amy": {"manager", "finance"}}
        if not bill.detail.startswith("awaiting_") or bill.number is not None:
            return "step-not-open"
        if bill.detail.removeprefix("awaiting_") not in role[person]:
            return "permission-denied"
        own = (person, bill.milestone) == ("Mia", "M2")
        return "self-approval" if own or any(seen[0] == person for seen in bill.approved.values()) else ""

    def decide(self, bill: Bill, person: str, decision: str) -> None:
        if decision == "return":
            bill.phase, bill.detail, bill.approved = "validation_pending", "returned", {}
        else:
            bill.approved[bill.detail.removeprefix("awaiting_")] = (person, bill.content)
            self._place(bill)

    # Jobs that act outside; each says whether the job is done

    def job(self, kind: str, bill: Bill) -> Waits:
        return self.jobs.setdefault((kind, bill.place), Waits())

    def wish(self, kind: str, bill: Bill) -> None:
        self.job(kind, bill).waiting = True

    def rendered(self, bill: Bill, how: str) -> str:
        if bill.delivery is not None:
            return "done"
        if how == "full":
            return "again"
        if how == "bad_template":
            bill.say("document_failed")
            return "dead"
        bill.delivery = "none"
        bill.say("document_ready")
        self.wish(MAIL, bill)
        return "done"

    def mailed(self, bill: Bill, how: str, now: datetime) -> str:
        assert bill.number is not None
        if bill.delivery in {"sent", "refused"}:
            return "done"
        unclear = bill.delivery == "intended"
        breaker = self.breakers[MAIL]
        if how in {"taken", "lost"}:
            self.mails[bill.number] += 1
            self.maybe_twice |= {bill.number} if unclear else set()
        if how == "taken":
            bill.delivery = "sent"
            bill.say("delivered")
        elif how == "refused":
            bill.delivery = "refused"
            bill.say("delivery_failed")
        else:
            bill.delivery = "intended" if how == "lost" or unclear else "failed"
            bill.say("delivery_failed")
            breaker.failed(now)
            return "again"
        breaker.answered()
        return "done"

    def posted(self, bill: Bill, how: str, now: datetime) -> str:
        assert bill.number is not None
        breaker = self.breakers[POST]
        if bill.posting in {"posted", "rejected"}:
            breaker.answered()
            return "done"
        bill.posting = "intended"
        bill.say("posting")
        there = bool(self.erp[bill.number])
        if how == "killed_before":
            return "silent"
        if how == "away" or (how in {"error", "throttled", "broken", "refuses"} and not there):
            return self._not_posted(bill, how, now)
        if not there:
            self.erp[bill.number] += 1
            if how == "killed_after":
                return "silent"
            if how == "lost":
                return self._not_posted(bill, how, now)
        bill.posting = "posted"
        if bill.phase == "issued":
            bill.phase = "posted"
        bill.say("posted")
        breaker.answered()
        return "done"

    def _not_posted(self, bill: Bill, how: str, now: datetime) -> str:
        bill.posting = "rejected" if how == "refuses" else "failed"
        bill.say("posting_failed")
        if how in {"refuses", "broken"}:
            self.breakers[POST].answered()
            return "done" if how == "refuses" else "dead"
        self.breakers[POST].failed(now, 90 if how == "throttled" else 0)
        return "again"

    # Money

    def receive(self, ref: str, number: str, minor: int) -> None:
        self.money.setdefault(ref, (number, minor))

    def pay(self, refs: Collection[str]) -> None:
        """Use these payments on what is open and can be found by the number that they name."""
        for ref in refs:
            number, left = self.money[ref]
            for bill in self.bills:
                if bill.number == number and bill.keyed and left and bill.open_minor:
                    used = min(left, bill.open_minor)
                    bill.open_minor -= used
                    self.money[ref] = (number, left - used)
                    if not bill.open_minor:
                        bill.phase, bill.detail, bill.before_dispute = "settled", "paid", None

    def follow(self) -> None:
        """What was issued can be found by its number from now on; money that came before it is used."""
        for bill in self.bills:
            bill.keyed = bill.keyed or bill.number is not None
        self.pay(list(self.money))

    def dispute(self, bill: Bill) -> str:
        if bill.number is None or bill.phase not in {"issued", "posted", "disputed"}:
            return "invoice-not-open"
        if bill.before_dispute is not None:
            return "dispute-amount"
        bill.before_dispute = (bill.phase, bill.detail)
        bill.phase, bill.detail = "disputed", "awaiting_resolution"
        return "done"

    def resolve(self, bill: Bill) -> None:
        assert bill.before_dispute is not None
        back = ("posted", "posted") if bill.posting == "posted" else bill.before_dispute
        (bill.phase, bill.detail), bill.before_dispute = back, None
