"""Whoever sent something about a fact has had a hand in it, whoever sent about it after them, in whatever order it came."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from billwright.canon.tables import MilestoneRow, TimeEntryRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import SelfApprovalError
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.intake import counted_statements
from support.pipeline import Firm, person
from support.races import failed_jobs

MANAGER = "invoice:approve_manager"
ANN, BEN, CAT = (person(name, "message:write", MANAGER) for name in ("Ann", "Ben", "Cat"))
Sent = tuple[Actor, dict[str, Any]]


@pytest.fixture
def asking(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """A firm in which a manager approves everything."""
    rule = ApprovalRule(name="all", steps=("manager",))
    firm = make_firm(TenantConfiguration(approvals=(rule,), render_documents=False, deliver_by_mail=False, rules=()))
    firm.customer()
    firm.contract()
    return firm


def makers(firm: Firm, ref: str) -> tuple[UUID | None, list[UUID]]:
    """Who sent what stands of the milestone, and who else sent about it."""
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        row = tx.session.scalars(select(MilestoneRow).where(MilestoneRow.ref == ref)).one()
        return row.made_by, row.earlier_makers


def sent(firm: Firm, actor: Actor, ref: str, sequence: int, amount: str = "9000.00") -> Sent:
    data = {"ref": ref, "contract": "K1", "number": ref, "amount": amount, "currency": "EUR"}
    return actor, firm.event("milestone", data, sequence=sequence)


def take(firm: Firm, *batches: Sequence[Sent]) -> None:
    """Each batch is worked off by itself."""
    for batch in batches:
        for actor, event in batch:
            (result,) = firm.store([event], actor)
            assert result.status in {"accepted", "duplicate"}, result
        firm.drain()


@pytest.mark.parametrize("kind", ["customer", "contract", "milestone", "rate_card", "time_entry"])
def test_who_sent_a_fact_that_somebody_changed_does_not_approve_it(asking: Firm, kind: str) -> None:
    asking.milestone("M0", amount="1.00")
    facts: dict[str, dict[str, Any]] = {
        "customer": {"ref": "C1", "name": "Client SA", "address": {"country": "DE"}},
        "contract": {"ref": "K1", "number": "K1", "customer": "C1", "currency": "EUR", "legal_entity": "DE01",
                     "billing": "mixed"},
        "milestone": {"ref": "M1", "contract": "K1", "number": "1", "amount": "100.00", "currency": "EUR"},
        "rate_card": {"ref": "R1", "contract": "K1", "currency": "EUR",
                      "rates": [{"hourly": "100", "effective_from": "2026-01-01"}]},
        "time_entry": {"ref": "T1", "contract": "K1", "person_name": "Jo", "worked_on": "2026-03-02", "hours": "8",
                       "status": "approved"},
    }  # fmt: skip
    for each, data in facts.items():
        asking.send(each, ANN if each == kind else SYSTEM, **data)
    for each, data in facts.items():
        asking.send(each, BEN if each == kind else SYSTEM, **data)
    asking.accept("M1")
    assert asking.invoice().detail == "awaiting_manager"

    for actor in (ANN, BEN):
        with pytest.raises(SelfApprovalError, match="You entered the"):
            asking.decide(actor)
    asking.decide(CAT)
    assert failed_jobs(asking) == []


def test_who_may_approve_does_not_depend_on_the_order_of_arrival(asking: Firm) -> None:
    for number, order in enumerate(permutations(range(4))):
        for cut in range(1, 4):
            ref = f"M{number}-{cut}"
            all_sent = [sent(asking, actor, ref, n) for n, actor in enumerate((ANN, BEN, ANN, CAT))]
            arrived = [all_sent[place] for place in order]
            take(asking, arrived[:cut], arrived[cut:])
            made_by, earlier = makers(asking, ref)
            assert made_by == CAT.person_id
            assert (len(earlier), set(earlier)) == (2, {ANN.person_id, BEN.person_id}), (order, cut)


def test_each_is_named_once_however_often_they_send(asking: Firm) -> None:
    for sequence, actor in enumerate((ANN, BEN, ANN, CAT, SYSTEM, BEN, SYSTEM, ANN)):
        take(asking, [sent(asking, actor, "M1", sequence)])
    made_by, earlier = makers(asking, "M1")
    assert made_by == ANN.person_id
    assert (len(earlier), set(earlier)) == (2, {BEN.person_id, CAT.person_id})


def test_a_late_sender_is_told_to_the_draft_that_bills_the_fact(asking: Firm) -> None:
    take(asking, [sent(asking, BEN, "M1", 7, amount="500.00")])
    asking.accept("M1")
    before = asking.invoice().content_sha256
    take(asking, [sent(asking, ANN, "M1", 3, amount="400.00")])
    assert asking.invoice().content_sha256 == before
    with pytest.raises(SelfApprovalError):
        asking.decide(ANN)
    assert failed_jobs(asking) == []


def test_only_late_senders_cost_a_further_statement(asking: Firm) -> None:
    def noting(actor: Actor, sequence: int) -> int:
        for number in range(5):
            _, event = sent(asking, actor, f"M{number}", sequence)
            asking.store([event], actor)
        with counted_statements(asking.database) as counted:
            asking.drain()
        return len([each for each in counted if each.startswith("UPDATE milestone SET earlier_makers")])

    assert [noting(ANN, 1), noting(ANN, 2), noting(BEN, 3), noting(CAT, 2)] == [0, 0, 0, 1]


def test_work_names_all_who_sent_it(asking: Firm) -> None:
    for actor in (ANN, SYSTEM):
        asking.send("time_entry", actor, ref="T1", contract="K1", person_name="Jo", worked_on="2026-03-02", hours="8")
    with transaction(asking.database, asking.tenant, SYSTEM, read_only=True) as tx:
        row = tx.session.scalars(select(TimeEntryRow)).one()
    assert (row.made_by, row.earlier_makers) == (None, [ANN.person_id])
