"""What entries are worth in the base currency: balanced to the unit, carried exactly, differences realised once."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.kernel.rates import Rate
from billwright.receivables.accounts import BankAccountOfLedger, Books, RevenueAccount, TaxAccount, books_of
from billwright.receivables.entries import Entry, Line
from billwright.receivables.holdback_lines import holdback_lines
from billwright.receivables.valuation import Carrying, value_entry

DAY = date(2026, 3, 2)
ENTITY, INVOICE, RECEIVABLE, PAYMENT = (new_id() for _ in range(4))
BOOKS = Books(currency="EUR")


def rate(value: str | Fraction, of: str = "GBP", into: str = "EUR") -> Rate:
    return Rate(of=of, into=into, value=Fraction(value), on=DAY, source="test")


def entry(kind: str, subject: UUID, *lines: Line) -> Entry:
    return Entry(legal_entity_id=ENTITY, kind=kind, subject_id=subject, booked_on=DAY, lines=lines)


def line(role: str, amount: int, currency: str = "GBP") -> Line:
    owed = RECEIVABLE if role in ("receivable", "holdback") else None
    return Line(account=role, currency=currency, amount_minor=amount, receivable_id=owed, role=role)


def bases(valued: Entry) -> dict[str, int]:
    return {each.role: each.base_minor or 0 for each in valued.lines}


def invoiced(carrying: Carrying, value: str = "1.15", net: int = 1000_00, tax: int = 200_00) -> Entry:
    booked = entry("invoice", INVOICE, line("receivable", net + tax), line("revenue", -net), line("tax", -tax))
    return value_entry(booked, rate(value), BOOKS, carrying)


def test_an_invoice_is_worth_the_rate_of_its_day() -> None:
    valued = invoiced(Carrying())

    assert bases(valued) == {"receivable": 1380_00, "revenue": -1150_00, "tax": -230_00}
    assert (valued.base_currency, valued.rates) == ("EUR", (rate("1.15"),))


def test_a_payment_at_another_rate_realises_the_difference_part_by_part() -> None:
    carrying = Carrying()
    invoiced(carrying)

    first = entry("payment", PAYMENT, line("bank", 400_00), line("receivable", -400_00))
    assert bases(value_entry(first, rate("1.20"), BOOKS, carrying)) == {
        "bank": 480_00, "receivable": -460_00, "exchange_gain": -20_00,
    }  # fmt: skip
    rest = entry("payment", PAYMENT, line("bank", 800_00), line("receivable", -800_00))
    assert bases(value_entry(rest, rate("1.10"), BOOKS, carrying)) == {
        "bank": 880_00, "receivable": -920_00, "exchange_loss": 40_00,
    }  # fmt: skip
    assert carrying.balances[ENTITY, RECEIVABLE, "receivable"] == (0, 0)


def test_money_that_waits_keeps_the_value_of_its_day() -> None:
    carrying = Carrying()
    invoiced(carrying)
    waits = entry("payment", PAYMENT, line("bank", 1200_00), line("deposits", -1200_00))
    assert bases(value_entry(waits, rate("1.20"), BOOKS, carrying)) == {"bank": 1440_00, "deposits": -1440_00}

    applied = entry("application", PAYMENT, line("deposits", 1200_00), line("receivable", -1200_00))

    assert bases(value_entry(applied, rate("1.30"), BOOKS, carrying)) == {
        "deposits": 1440_00, "receivable": -1380_00, "exchange_gain": -60_00,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["credit", "write_off"])
def test_what_turns_back_an_invoice_makes_no_difference(kind: str) -> None:
    carrying = Carrying()
    invoiced(carrying)

    back = entry(kind, new_id(), line("revenue", 500_00), line("tax", 100_00), line("receivable", -600_00))

    assert bases(value_entry(back, rate("1.40"), BOOKS, carrying)) == {
        "revenue": 575_00, "tax": 115_00, "receivable": -690_00,
    }  # fmt: skip


def test_a_credit_of_more_than_is_open_leaves_a_deposit_that_is_carried_too() -> None:
    carrying, credit = Carrying(), new_id()
    invoiced(carrying)
    paid = entry("payment", PAYMENT, line("bank", 1000_00), line("receivable", -1000_00))
    value_entry(paid, rate("1.15"), BOOKS, carrying)

    back = entry("credit", credit, line("revenue", 600_00), line("receivable", -200_00), line("deposits", -400_00))
    assert bases(value_entry(back, rate("1.40"), BOOKS, carrying)) == {
        "revenue": 690_00, "receivable": -230_00, "deposits": -460_00,
    }  # fmt: skip

    assert carrying.balances[ENTITY, credit, "deposits"] == (-400_00, -460_00)


def test_a_holdback_moves_its_value_and_gives_it_back() -> None:
    carrying = Carrying()
    invoiced(carrying)

    held = value_entry(
        entry("holdback", INVOICE, *holdback_lines(RECEIVABLE, "GBP", 120_00, BOOKS)), rate("1.3"), BOOKS, carrying
    )
    assert bases(held) == {"holdback": 138_00, "receivable": -138_00}
    given = value_entry(
        entry("holdback", INVOICE, *holdback_lines(RECEIVABLE, "GBP", -120_00, BOOKS)), rate("1.4"), BOOKS, carrying
    )
    assert bases(given) == {"holdback": -138_00, "receivable": 138_00}
    assert carrying.balances[ENTITY, RECEIVABLE, "receivable"] == (1200_00, 1380_00)


def test_what_was_never_valued_is_worth_the_day_it_is_settled() -> None:
    paid = entry("payment", PAYMENT, line("bank", 100_00), line("receivable", -100_00))

    assert bases(value_entry(paid, rate("1.2"), BOOKS, Carrying())) == {"bank": 120_00, "receivable": -120_00}


def test_the_entitys_own_currency_needs_no_rate() -> None:
    booked = entry("payment", PAYMENT, line("bank", 5, "EUR"), line("receivable", -5, "EUR"))

    valued = value_entry(booked, rate("1", of="EUR"), BOOKS, Carrying())

    assert (bases(valued), valued.rates) == ({"bank": 5, "receivable": -5}, ())


def test_an_entry_that_is_valued_in_part_or_off_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="valued in part"):
        replace(entry("payment", PAYMENT, line("bank", 5), line("receivable", -5)), base_currency="EUR")
    lines = (replace(line("bank", 5), base_minor=6), replace(line("receivable", -5), base_minor=-5))
    with pytest.raises(AssertionError, match="does not balance in EUR"):
        replace(entry("payment", PAYMENT, *lines), base_currency="EUR")


rates = st.fractions(min_value=Fraction(1, 300), max_value=300)
moves = st.lists(
    st.tuples(st.sampled_from(["pay", "wait", "credit", "write_off", "hold", "release"]), st.integers(1, 10**9), rates),
    max_size=12,
)
pairs = st.sampled_from([("GBP", "EUR"), ("JPY", "EUR"), ("EUR", "JPY"), ("KWD", "JPY"), ("USD", "KWD")])


@given(pairs, rates, st.lists(st.integers(1, 10**8), min_size=1, max_size=5), st.integers(0, 3000), moves)
def test_every_life_of_a_receivable_ends_at_zero_in_both_currencies(
    pair: tuple[str, str], first: Fraction, nets: list[int], tax: int, plan: list[tuple[str, int, Fraction]]
) -> None:
    of, into = pair
    carrying, books = Carrying(), Books(currency=into)
    taxed = sum(nets) * tax // 10_000
    gross = sum(nets) + taxed
    parts = (*(line("revenue", -net, of) for net in nets), line("tax", -taxed, of))
    ledger = [
        value_entry(
            entry("invoice", INVOICE, line("receivable", gross, of), *parts), rate(first, of, into), books, carrying
        )
    ]
    whole = bases(ledger[0])["receivable"]
    assert whole == rate(first, of, into).convert(Money(gross, of)).minor
    still, held, waiting = gross, 0, 0
    for kind, size, at in [*plan, ("release", 10**10, first), ("pay", 10**10, first)]:
        amount = min(size, held if kind == "release" else still)
        if not amount:
            continue
        match kind:
            case "pay":
                lines = (line("bank", amount + 7, of), line("receivable", -amount, of), line("deposits", -7, of))
                ledger.append(value_entry(entry("payment", PAYMENT, *lines), rate(at, of, into), books, carrying))
                still, waiting = still - amount, waiting + 7
            case "wait":
                amount = min(amount, waiting)
                lines = (line("deposits", amount, of), line("receivable", -amount, of))
                ledger.append(value_entry(entry("application", PAYMENT, *lines), rate(at, of, into), books, carrying))
                still, waiting = still - amount, waiting - amount
            case "credit" | "write_off":
                lines = (
                    line("receivable", -amount, of),
                    line("revenue", amount - amount // 3, of),
                    line("tax", amount // 3, of),
                )
                ledger.append(value_entry(entry(kind, new_id(), *lines), rate(at, of, into), books, carrying))
                still -= amount
            case _:
                amount = amount if kind == "hold" else -amount
                lines = holdback_lines(RECEIVABLE, of, amount, books)
                ledger.append(value_entry(entry("holdback", INVOICE, *lines), rate(at, of, into), books, carrying))
                still, held = still - amount, held + amount
    out = [each for booked in ledger for each in booked.lines if each.role in ("receivable", "holdback")]
    assert (sum(each.amount_minor for each in out), sum(each.base_minor or 0 for each in out)) == (0, 0)
    assert sum(each.base_minor or 0 for booked in ledger for each in booked.lines) == 0
    for booked in ledger:
        if booked.kind not in ("payment", "application"):
            assert not {each.role for each in booked.lines} & {"exchange_gain", "exchange_loss"}


def test_rows_narrow_a_role_and_the_first_that_fits_decides() -> None:
    books = books_of(
        {
            "accounts": {
                "revenue": "4400",
                "revenue_by": [{"kind": "expense", "account": "4900"}, {"tax_category": "AE", "account": "4336"}],
                "tax_by": [{"category": "S", "rate_basis_points": 1900, "account": "3806"}, {"account": "3800"}],
                "bank_by": [{"currency": "USD", "account": "1810"}],
            }
        },
        "Europe/Berlin",
        "EUR",
    )

    assert books.revenue_by == (
        RevenueAccount(kind="expense", account="4900"),
        RevenueAccount(tax_category="AE", account="4336"),
    )
    assert [books.revenue_of(*each) for each in (("expense", "AE"), ("time", "AE"), ("time", "S"))] == [
        "4900",
        "4336",
        "4400",
    ]
    assert books.tax_by[1] == TaxAccount(account="3800")
    assert [books.tax_of(*each) for each in (("S", 1900), ("S", 700))] == ["3806", "3800"]
    assert books.bank_by == (BankAccountOfLedger(currency="USD", account="1810"),)
    assert [books.bank_of(each) for each in ("USD", "EUR")] == ["1810", "1000"]
    assert [books.role_of(each) for each in ("4336", "1810", "3800", "1200", "9999")] == [
        "revenue",
        "bank",
        "tax",
        "receivable",
        "",
    ]
