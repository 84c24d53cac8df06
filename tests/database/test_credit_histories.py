"""Whatever is credited, billed again, paid and voided, in whatever order: nothing is billed twice, nothing is lost."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billwright.billing.rebill_item import decide_released
from billwright.issuing.credit_invoice import CreditLine, CreditRequest, credit_invoice
from billwright.kernel.errors import DomainError
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money
from billwright.receivables.apply_credit import apply_credit
from billwright.receivables.void_invoice import ask_void, decide_void
from billwright.tenancy.configuration import TenantConfiguration
from support.crediting import CLERK, lines_of, offenders, receivable, unaccounted, with_series
from support.pipeline import AUTOMATIC, Firm, person

HISTORIES = 8
FINANCE = person("Fin Ance", "invoice:approve_finance")
SETTINGS = TenantConfiguration(approvals=AUTOMATIC, rules=(), render_documents=False, deliver_by_mail=False)
SHARES = st.sampled_from([Fraction(1, 3), Fraction(1, 7), Fraction(1, 2), Fraction(99, 100), Fraction(1)])


@dataclass(frozen=True)
class Credited:
    invoice: int
    line: int
    by: str
    share: Fraction
    outcome: str


@dataclass(frozen=True)
class Paid:
    invoice: int
    percent: int


@dataclass(frozen=True)
class Done:
    what: str
    place: int


STEPS = st.one_of(
    st.builds(
        Credited,
        st.integers(0, 5),
        st.integers(0, 3),
        st.sampled_from(["amount", "quantity", "line", "whole"]),
        SHARES,
        st.sampled_from(["release", "rebill", "write_off"]),
    ),
    st.builds(
        Credited,
        st.integers(0, 5),
        st.integers(0, 3),
        st.sampled_from(["amount", "quantity"]),
        SHARES,
        st.just("rebill"),
    ),
    st.builds(Paid, st.integers(0, 5), st.sampled_from([30, 100])),
    st.builds(Done, st.sampled_from(["void", "rebill", "write_off", "apply", "reprice"]), st.integers(0, 5)),
)
HISTORY = st.tuples(st.sampled_from(["EUR", "JPY", "KWD"]), st.lists(STEPS, min_size=4, max_size=9))


class World:
    """A firm with a milestone and two people's hours, billed."""

    def __init__(self, firm: Firm, currency: str) -> None:
        self.firm, self.currency, self.seen = with_series(firm), currency, Counter[str]()
        self._paid = 0
        firm.customer(address={"city": "Berlin", "country": "DE"}, tax_id="")
        firm.contract(currency=currency, billing="mixed")
        rates = [{"role": "", "hourly": "133", "effective_from": "2026-01-01"}]
        firm.send("rate_card", ref="R1", contract="K1", currency=currency, rates=rates)
        events = []
        for number, (who, hours) in enumerate(
            (("Jo", "0.1"), ("Jo", "2.833333"), ("Jo", "0.333333"), ("Al", "7.3"), ("Al", "0.01"))
        ):
            data = {"ref": f"T{number}", "contract": "K1", "person_name": who, "role": "Senior", "hours": hours}
            events.append(
                firm.event("time_entry", {**data, "worked_on": f"2026-02-0{number + 1}", "status": "approved"})
            )
        firm.store(events)
        self.price("1001")
        firm.accept()

    def price(self, amount: str) -> None:
        self.firm.milestone(amount=amount, currency=self.currency)

    def do(self, step: Credited | Paid | Done) -> None:
        try:
            match step:
                case Credited():
                    self._credit(step)
                case Paid():
                    self._pay(step)
                case Done():
                    self._decide(step)
            self.seen[type(step).__name__] += 1
        except DomainError as refusal:
            self.seen[refusal.code] += 1
        self.firm.drain()

    def _invoices(self, kind: str = "invoice") -> list[Any]:
        return [each for each in self.firm.invoices() if each.number is not None and each.document_type == kind]

    def _credit(self, step: Credited) -> None:
        invoices = self._invoices()
        invoice = invoices[step.invoice % len(invoices)]
        lines = lines_of(self.firm, invoice.id)
        line = lines[step.line % len(lines)]
        quantity = (line.quantity * step.share.numerator / step.share.denominator).quantize(Decimal("0.000001"))
        amount = Money(line.net_minor, self.currency).times(step.share)
        wanted = {
            "amount": (CreditLine(position=line.position, amount=amount),),
            "quantity": (CreditLine(position=line.position, quantity=quantity),),
            "line": (CreditLine(position=line.position),),
            "whole": (),
        }[step.by]
        request = CreditRequest(reason_code="other", reason="Chance.", outcome=step.outcome, lines=wanted)  # type: ignore[arg-type]  # drawn from the three
        credit_invoice(self.firm.database, self.firm.tenant, CLERK, invoice.id, request)

    def _pay(self, step: Paid) -> None:
        invoices = self._invoices()
        invoice = invoices[step.invoice % len(invoices)]
        self._paid += 1
        amount = Money(max(1, invoice.gross_minor * step.percent // 100), self.currency)
        data = {"ref": f"P{self._paid}", "customer": "C1", "invoice_number": invoice.number, "currency": self.currency}
        self.firm.send("payment", **data, amount=str(amount.decimal), paid_on="2026-03-01")

    def _decide(self, step: Done) -> None:
        firm = self.firm
        invoices = self._invoices()
        invoice = invoices[step.place % len(invoices)]
        if step.what == "void":
            ask_void(firm.database, firm.tenant, CLERK, invoice.id, reason="Chance.")
            decide_void(firm.database, firm.tenant, FINANCE, invoice.id, decision="void")
        elif step.what == "apply":
            notes = self._invoices("credit_note") or [invoice]
            note = notes[step.place % len(notes)]
            credit, owed = receivable(firm, note.id).id, receivable(firm, invoice.id).id
            apply_credit(firm.database, firm.tenant, CLERK, credit, receivable_id=owed)
        elif step.what == "reprice":
            self.price(str(900 + step.place * 50))
        else:
            items = sorted(firm.items().values(), key=lambda item: item.transaction_key)
            waiting = [item for item in items if item.state == "waiting"] or items
            decision: Any = step.what
            decide_released(firm.database, firm.tenant, CLERK, waiting[step.place % len(waiting)].id, decision=decision)


@pytest.mark.slow
def test_after_any_history_of_credits_everything_is_accounted_for(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    """A failure prints the history; add ``Phase.shrink`` to have it made shorter."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture),
    )
    @given(HISTORY)
    def live(history: tuple[str, list[Credited | Paid | Done]]) -> None:
        currency, steps = history
        world = World(make_firm(SETTINGS), currency)
        assert MINOR_UNIT_DIGITS[currency] in (0, 2, 3)
        for step in steps:
            world.do(step)
            assert unaccounted(world.firm) == [], step
        assert offenders(world.firm) == []
        seen.update(world.seen)
        assert not [each for each in world.firm.invoices() if each.detail == "blocked" and each.net_minor > 0]

    live()
    assert seen["Credited"], seen
    assert seen["Paid"] + seen["Done"], seen
