"""What triggers are told of what was billed: net of credits, shares of several customers as one thing, nobody else's items."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from billwright.billing.remember import remember
from billwright.extension.schedules import BilledItem
from billwright.kernel.money import Money
from support.plugin_views import a_contract, a_milestone

ONE, OTHER = UUID(int=1), UUID(int=2)
ADVANCE = a_milestone(draw_down_percent=Decimal(20))


def row(state: str, minor: int | None = 100_00, **more: Any) -> Any:
    facts = {
        "contract_id": ONE, "state": state, "amount_minor": minor, "currency": "EUR", "quantity": Decimal(1), "reasons": [],
        "written_off_minor": 0, "written_off_quantity": Decimal(0),
    }  # fmt: skip
    return SimpleNamespace(**(facts | more))


def test_only_contracts_that_remember_are_told_and_only_what_is_billed() -> None:
    known = {
        "a": row("billed", written_off_minor=10_00),
        "b": row("drafted"),
        "c": row("waiting", reasons=["released_by_credit"]),
        "d": row("billed", contract_id=OTHER),
        "e": row("waiting", None),
    }
    views = {ONE: a_contract(milestones=(ADVANCE,)), OTHER: a_contract()}

    told = remember(views, known)

    assert told[ONE].billed == {"a": BilledItem(amount=Money(90_00, "EUR"), quantity=Decimal(1))}
    assert told[ONE].credited == {"c"}
    assert (told[OTHER].billed, told[OTHER].credited) == ({}, frozenset())


def test_what_customers_share_is_one_thing_and_billed_with_its_first_part() -> None:
    half = Decimal("0.5")
    known = {"k:share:u1": row("billed", 33_33, quantity=half), "k:share:u2": row("drafted", 66_67, quantity=half)}
    told = remember({ONE: a_contract(milestones=(ADVANCE,))}, known)
    assert told[ONE].billed == {"k": BilledItem(amount=Money(100_00, "EUR"), quantity=Decimal(1))}
