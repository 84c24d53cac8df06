"""Whatever happens in whatever order: entries balance, balances agree with the journal, no cent is made or lost."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billwright.collections.open_dispute import open_dispute
from billwright.collections.resolve_dispute import resolve_dispute
from billwright.collections.tables import DisputeRow
from billwright.kernel.errors import DomainError
from billwright.kernel.money import Money
from billwright.receivables.apply_payment import apply_payment
from billwright.receivables.tables import PaymentRow, ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.issued import rows
from support.open_items import CLERK, Billed, Books, open_books

pick = st.integers(0, 1000)
steps = st.one_of(
    st.tuples(st.just("issue"), st.integers(1, 500_00), st.sampled_from([0, 700, 1900, 2000])),
    st.tuples(st.just("pay number"), st.integers(1, 900_00), pick),
    st.tuples(st.just("pay all"), pick, pick),
    st.tuples(st.just("pay nobody"), st.integers(1, 900_00), pick),
    st.tuples(st.just("apply"), pick, pick),
    st.tuples(st.just("dispute"), st.integers(1, 500_00), pick),
    st.tuples(st.just("resolve"), pick, pick),
    st.tuples(st.just("work"), pick, pick),
)


def do(books: Books, customers: list[UUID], issued: list[Billed], step: tuple[str, int, int]) -> None:
    """One step; a refusal is an answer, too."""
    verb, number, other = step
    invoice = issued[other % len(issued)] if issued else None
    customer = customers[other % len(customers)]
    match verb:
        case "issue":
            issued.append(books.issue(customers[number % 2], number, rate=other, entity_id=None))
        case "pay number" if invoice:
            books.pay(f"{number / 100:.2f}", invoice_number=invoice.number)
        case "pay all" if invoice:
            books.pay(str(Money(max(1, books.open_of(invoice)), "EUR").decimal), customer_id=invoice.customer_id)
        case "pay nobody":
            books.pay(f"{number / 100:.2f}", customer_id=customer)
        case "apply":
            payments = rows(books.database, books.tenant, PaymentRow)
            owed = rows(books.database, books.tenant, ReceivableRow)
            if payments and owed:
                payment, receivable = payments[number % len(payments)], owed[other % len(owed)]
                apply_payment(books.database, books.tenant, CLERK, payment.id, receivable_id=receivable.id)
        case "dispute" if invoice:
            amount = Money(number, "EUR")
            open_dispute(books.database, books.tenant, CLERK, invoice.id, line=1, amount=amount, reason="No")
        case "resolve":
            disputes = rows(books.database, books.tenant, DisputeRow)
            if disputes:
                chosen = disputes[number % len(disputes)].id
                resolve_dispute(books.database, books.tenant, CLERK, chosen, resolution="upheld", reason="Yes")
        case _:
            books.work()


def check_phases(books: Books, issued: list[Billed]) -> None:
    """The phase says what balances and disputes say."""
    disputed = {row.invoice_id for row in rows(books.database, books.tenant, DisputeRow) if row.state == "open"}
    for invoice in issued:
        expected = "disputed" if invoice.id in disputed else "issued"
        if books.open_of(invoice) == 0:
            assert invoice.id not in disputed
            expected = "settled"
        assert books.phase_of(invoice)[0] == expected


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=4, max_size=14))
def test_the_ledger_holds(
    database: Database, make_tenant: Callable[..., Tenant], tmp_path: Path, plan: list[tuple[str, int, int]]
) -> None:
    books = open_books(database, make_tenant(), tmp_path)
    customers = [books.customer("One"), books.customer("Two")]
    issued: list[Billed] = []
    for step in plan:
        with suppress(DomainError):  # refused: then nothing has changed, as the checks say
            do(books, customers, issued, step)
        books.check()
        check_phases(books, issued)
    books.work()
    books.check()
    check_phases(books, issued)
