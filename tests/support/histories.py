"""Random histories of a firm: facts in batches, decisions of people, and time that passes. Shapes only; nothing is done here."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from hypothesis import strategies as st

CUSTOMERS, CONTRACTS, MILESTONES = ("C1", "C2"), ("K1", "K2"), ("M1", "M2", "M3", "M4")
PEOPLE = ("Mia Maker", "Max Manager", "Fin Ance")
EMAILS = tuple(f"{name.lower().replace(' ', '.')}@acme.example" for name in PEOPLE)
Data = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    kind: str
    data: Data


@dataclass(frozen=True)
class Sent:
    """Messages sent together by one person (None: a system); ``again`` are earlier messages, repeated among them."""

    facts: tuple[Fact, ...]
    again: tuple[int, ...]
    by: int | None
    worked_off: bool


@dataclass(frozen=True)
class Decided:
    """Somebody decides about, or submits again, one of the invoices that there are by then."""

    what: Literal["approve", "return", "submit"]
    by: int
    invoice: int


@dataclass(frozen=True)
class Passed:
    hours: int


@dataclass(frozen=True)
class Paid:
    """Money for one of the invoices: ``percent`` of its total, under its number or without a word."""

    invoice: int
    percent: int
    named: bool


Step = Sent | Decided | Passed | Paid


def amounts(high: int = 20_000) -> st.SearchStrategy[str]:
    return st.decimals(Decimal("0.01"), high, places=2).map(str)


def days() -> st.SearchStrategy[str]:
    return st.dates(date(2026, 1, 5), date(2026, 4, 10)).map(date.isoformat)


def moments() -> st.SearchStrategy[str]:
    first, last = datetime(2026, 2, 1), datetime(2026, 4, 10)  # noqa: DTZ001 # Hypothesis wants bounds without a zone
    return st.datetimes(first, last, timezones=st.just(UTC)).map(datetime.isoformat)


def fact(kind: str, given: dict[str, Any], maybe: dict[str, Any] | None = None) -> st.SearchStrategy[Fact]:
    return st.fixed_dictionaries(given, optional=maybe or {}).map(lambda data: Fact(kind, data))


# Where facts start; a contract may go to another customer, an entry to another contract, a price to another currency.
CUSTOMER_OF = {"K1": "C1", "K2": "C2"}
CURRENCY_OF = {"K1": "EUR", "K2": "USD"}


def of_milestone(ref: str) -> Data:
    """A milestone belongs to one contract for ever: the first two to the first."""
    owner = CONTRACTS[MILESTONES.index(ref) // 2]
    return {"ref": ref, "contract": owner, "number": ref[1:], "currency": CURRENCY_OF[owner]}


def customers() -> st.SearchStrategy[Fact]:
    # Mostly with a country: a draft to a customer without one waits until it comes.
    countries = st.sampled_from(["DE", "FR", "US", "DE", "FR", "US", None]).map(
        lambda code: {"city": "Town", "country": code}
    )
    given = {
        "ref": st.sampled_from(CUSTOMERS),
        "name": st.sampled_from(["Client SA", "Kunde GmbH"]),
        "address": countries,
    }
    maybe = {
        "po_required": st.booleans(),
        "tax_id": st.sampled_from(["", "FR40303265045"]),
        "payment_terms_days": st.integers(0, 60),
    }
    return fact("customer", given, maybe)


def contracts() -> st.SearchStrategy[Fact]:
    orders = st.fixed_dictionaries({"number": st.sampled_from(["PO-1", "PO-2"])}, optional={"value": amounts(60_000)})
    terms = st.fixed_dictionaries(
        {},
        optional={
            "signed_on": days(),
            "value": amounts(60_000),
            "grouping": st.sampled_from(["immediate", "monthly"]),
            "acceptance_required": st.booleans(),
            "acceptance_settles_after_days": st.integers(0, 3),
            "purchase_order": orders,
            "status": st.sampled_from(["active", "active", "terminated"]),
            "customer": st.sampled_from(CUSTOMERS),
            "currency": st.sampled_from(["EUR", "USD", "JPY"]),
        },
    )
    return st.builds(lambda ref, more: Fact("contract", contract(ref) | more), st.sampled_from(CONTRACTS), terms)


def contract(ref: str) -> Data:
    return {"ref": ref, "number": ref, "customer": CUSTOMER_OF[ref], "currency": CURRENCY_OF[ref], "billing": "mixed"}


def milestones() -> st.SearchStrategy[Fact]:
    price = st.one_of(
        st.fixed_dictionaries({"amount": amounts()}),
        st.fixed_dictionaries({"amount": amounts(), "currency": st.just("BTC")}),
        st.fixed_dictionaries({"basis": st.just("percent"), "percent": st.sampled_from(["10", "33.333", "50"])}),
        st.fixed_dictionaries({"basis": st.just("mobilisation"), "amount": amounts()}),
        st.fixed_dictionaries({"amount_raw": st.just("on request")}),
    )
    more = st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["Design", "Build"]),
            "due_on": days(),
            "removed": st.booleans(),
            "currency": st.sampled_from(["EUR", "USD"]),
            "acceptance_required": st.booleans(),
            "change_order": st.sampled_from(["O1", "O2"]),
        },
    )
    ref = st.sampled_from(MILESTONES)
    return st.builds(
        lambda ref, price, more: Fact("milestone", {**of_milestone(ref), **price, **more}),
        ref,
        price,
        more,
    )


def acceptances() -> st.SearchStrategy[Fact]:
    def build(ref: str, number: int, decision: str, at: str) -> Fact:
        contract = of_milestone(ref)["contract"]
        data = {"ref": f"A{number}", "contract": contract, "milestones": [ref], "decision": decision, "decided_at": at}
        return Fact("acceptance", data)

    decisions = st.sampled_from(["accepted", "accepted", "accepted", "rejected", "reopened", "in_progress"])
    return st.builds(build, st.sampled_from(MILESTONES), st.integers(1, 20), decisions, moments())


def change_orders() -> st.SearchStrategy[Fact]:
    def build(ref: str, after: str, more: Data) -> Fact:
        change = {"milestone": ref, "field": "milestone.amount", "after": after}
        data = {"ref": f"O{ref[1:]}", "contract": of_milestone(ref)["contract"], "number": ref, "changes": [change]}
        return Fact("change_order", data | more)

    more = st.fixed_dictionaries({}, optional={"signed_at": moments(), "value_after": amounts(60_000)})
    return st.builds(build, st.sampled_from(MILESTONES), amounts(), more)


def worked() -> st.SearchStrategy[Fact]:
    """Time entries, expenses and rate cards."""
    states = st.sampled_from(["submitted", "approved", "approved", "approved", "rejected"])
    cards = st.sampled_from(CONTRACTS)
    hours = st.sampled_from(["0.1", "0.25", "0.333333", "1.75", "7.3", "8"])
    roles = st.sampled_from(["Senior", "Junior"])
    rate = st.fixed_dictionaries(
        {"role": roles, "hourly": st.sampled_from(["99.99", "133.333", "0.01"]), "effective_from": days()}
    )
    entry = {"person_name": st.just("Jo"), "status": states}
    loose = st.one_of(
        fact(
            "time_entry",
            {**entry, "ref": st.integers(1, 9).map("T{}".format), "role": roles, "worked_on": days(), "hours": hours},
            {"person_email": st.sampled_from(EMAILS)},
        ),
        fact(
            "expense",
            {**entry, "ref": st.integers(1, 4).map("E{}".format), "spent_on": days(), "amount": amounts(500)},
        ),
        fact("rate_card", {"ref": cards.map("R-{}".format),
                           "rates": st.lists(rate, min_size=1, max_size=3)}),
    )  # fmt: skip
    return st.builds(_bound, loose, st.integers(0, 4))


def _bound(loose: Fact, moved: int) -> Fact:
    """An entry belongs to a contract by its number, now and then to the other one; a rate card by its name, always."""
    ref = loose.data["ref"]
    owner = ref[2:] if loose.kind == "rate_card" else CONTRACTS[(int(ref[1:]) + (moved == 0)) % 2]
    currency = {} if loose.kind == "time_entry" else {"currency": CURRENCY_OF[owner]}
    return Fact(loose.kind, loose.data | {"contract": owner} | currency)


def facts() -> st.SearchStrategy[Fact]:
    kinds = (
        customers(),
        contracts(),
        milestones(),
        milestones(),
        acceptances(),
        acceptances(),
        change_orders(),
        worked(),
    )
    return st.one_of(*kinds)


def sent() -> st.SearchStrategy[Sent]:
    return st.builds(
        Sent,
        st.lists(facts(), min_size=1, max_size=6).map(tuple),
        st.lists(st.integers(0, 100), max_size=3).map(tuple),
        st.sampled_from([None, None, None, 0, 1]),
        st.booleans(),
    )


def beginnings() -> st.SearchStrategy[Sent]:
    """What makes business likely, in any order: a customer, both contracts, rates and accepted milestones."""
    rates = [{"role": "", "hourly": "100", "effective_from": "2026-01-01"}]
    party = {"name": "Client SA", "address": {"country": "FR"}, "tax_id": "FR40303265045"}
    made = [Fact("customer", {"ref": ref, **party}) for ref in CUSTOMERS]
    made += [Fact("contract", {**contract(ref), "signed_on": "2026-01-10"}) for ref in CONTRACTS]
    made += [
        Fact("rate_card", {"ref": f"R-{ref}", "contract": ref, "currency": CURRENCY_OF[ref], "rates": rates})
        for ref in CONTRACTS
    ]
    for ref in MILESTONES:
        made.append(Fact("milestone", {**of_milestone(ref), "amount": f"{ref[1:]}500.55"}))
        decided = {"decision": "accepted", "decided_at": "2026-02-20T10:00:00Z", "milestones": [ref]}
        made.append(Fact("acceptance", {"ref": f"B{ref}", "contract": of_milestone(ref)["contract"], **decided}))
    return st.permutations(made).flatmap(
        lambda order: st.builds(
            Sent, st.just(tuple(order)), st.just(()), st.sampled_from([None, 0]), st.just(value=True)
        )
    )


def histories() -> st.SearchStrategy[list[Step]]:
    decided = st.builds(
        Decided,
        st.sampled_from(["approve", "approve", "approve", "return", "submit"]),
        st.integers(0, 2),
        st.integers(0, 5),
    )
    step: st.SearchStrategy[Step] = st.one_of(
        sent(),
        sent(),
        decided,
        decided,
        st.builds(Passed, st.sampled_from([0, 1, 24, 24 * 20])),
        st.builds(Paid, st.integers(0, 5), st.sampled_from([30, 100, 130]), st.booleans()),
    )
    return st.tuples(beginnings(), st.lists(step, min_size=4, max_size=14)).map(lambda both: [both[0], *both[1]])
