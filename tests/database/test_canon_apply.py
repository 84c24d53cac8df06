"""Canonical rows: any order and any repetition of messages ends in the same rows."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from billwright.canon.events import ContractsTouched, CustomersTouched, PaymentReceived
from billwright.canon.references import find_ids
from billwright.canon.tables import ContractVersionRow
from billwright.intake.apply_messages import OLDER
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import DomainEvent, Subscriptions
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction
from support.intake import besides_the_door, canonical_rows, counted_statements, message, store_and_apply

FACTS = [
    message("customer", 1, ref="C1", name="Old name", time="2026-01-01T00:00:00Z"),
    message("customer", 2, ref="C1", name="New name", time="2026-01-05T00:00:00Z"),
    message("project", 3, ref="P1", name="Tower", customer="C1"),
    message("contract", 4, ref="K1", number="K-1", customer="C1", project="P1", currency="EUR", value="100.00"),
    message("contract", 5, ref="K1", number="K-1", customer="C1", project="P1", currency="EUR", value="120.00", sequence=7),
    message("contract", 6, ref="K1", number="K-1", customer="C1", currency="EUR", value="90.00", sequence=6,
            time="2026-06-01T00:00:00Z"),
    message("milestone", 7, ref="K1/1", contract="K1", number="1", amount="60.00", currency="EUR"),
    message("milestone", 8, ref="K1/1", contract="K1", number="1", amount="61.00", currency="EUR"),
    message("milestone", 9, ref="K1/2", contract="K1", number="2", amount="40", currency="EUR", change_order="CO1"),
    message("change_order", 10, ref="CO1", contract="K1", number="1"),
    message("change_order", 11, ref="CO1", contract="K1", number="1", signed_at="2026-02-02T00:00:00Z", value_after="120",
            changes=[{"milestone": "K1/1", "field": "amount", "after": "80.00"}], time="2026-02-03T00:00:00Z"),
    message("acceptance", 12, ref="A1", contract="K1", milestones=["K1/1", "K1/9"], decision="accepted",
            decided_at="2026-02-03T00:00:00+01:00"),
    message("evidence", 13, ref="E1", contract="K1", milestones=["K1/1"], title="Report"),
    message("rate_card", 14, ref="R1", contract="K1", currency="EUR",
            rates=[{"role": "senior", "hourly": "120.50", "effective_from": "2026-01-01"}]),
    message("time_entry", 15, ref="T1", contract="K1", person_name="Ann", worked_on="2026-01-02", hours="7.5"),
    message("expense", 16, ref="X1", contract="K1", person_name="Ann", spent_on="2026-01-02", amount="9.99", currency="EUR"),
    message("signal", 17, ref="S1", contract="K1", event="chased", occurred_at="2026-01-02T00:00:00Z"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_any_order_and_repetition_ends_in_the_same_rows(database: Database, make_tenant, seed: int) -> None:
    shuffler = random.Random(seed)
    straight, mixed = make_tenant(), make_tenant()
    store_and_apply(database, straight, *FACTS)
    repeated = FACTS * 2
    shuffler.shuffle(repeated)
    while repeated:
        size = shuffler.randint(1, 6)
        store_and_apply(database, mixed, *repeated[:size])
        del repeated[:size]

    assert canonical_rows(database, mixed) == canonical_rows(database, straight)
    contract = canonical_rows(database, mixed)["contract"][0]
    assert contract["value"] == "120.00"
    assert canonical_rows(database, mixed)["customer"][0]["name"] == "New name"


def touched(database: Database, tenant: Tenant, *messages: bytes) -> list[DomainEvent]:
    """What canon says happened, without what follows from it."""
    events: list[DomainEvent] = []

    def note(_tx: Tx, event: DomainEvent) -> None:
        events.append(event)

    kinds = (ContractsTouched, CustomersTouched, PaymentReceived)
    listening = database.with_subscriptions(Subscriptions(inline={kind: [note] for kind in kinds}))
    store_and_apply(listening, tenant, *messages)
    return events


def test_what_was_touched_is_said_once_per_kind(database: Database, tenant: Tenant) -> None:
    customers, contracts, payment = touched(
        database,
        tenant,
        message("customer", 1, ref="C1", name="A"),
        message("milestone", 2, ref="M1", contract="K1", number="1"),
        message("signal", 3, ref="S1", contract="K2", event="e", occurred_at="2026-01-01T00:00:00Z"),
        message(
            "payment",
            4,
            ref="P1",
            customer="C1",
            milestones=["M1"],
            amount="5.00",
            currency="EUR",
            paid_on="2026-01-01",
        ),
    )
    with transaction(database, tenant, SYSTEM) as tx:
        ids = find_ids(tx, [("customer", "C1"), ("contract", "K1"), ("contract", "K2"), ("milestone", "M1")])
    assert customers == CustomersTouched(customer_ids=(ids["customer", "C1"],))
    assert contracts == ContractsTouched(contract_ids=tuple(sorted([ids["contract", "K1"], ids["contract", "K2"]])))
    assert isinstance(payment, PaymentReceived)
    assert (payment.customer_id, payment.milestone_ids) == (ids["customer", "C1"], (ids["milestone", "M1"],))
    assert (payment.payment.ref, payment.message_id is not None) == ("P1", True)


def test_what_changes_nothing_touches_nothing(database: Database, tenant: Tenant) -> None:
    newer = message("customer", 1, ref="C1", name="A", time="2026-02-02T00:00:00Z")
    older = message("customer", 2, ref="C1", name="B", time="2026-02-01T00:00:00Z")
    assert len(touched(database, tenant, newer)) == 1
    assert touched(database, tenant, older) == []


def test_a_project_touches_its_contracts(database: Database, tenant: Tenant) -> None:
    store_and_apply(database, tenant, message("contract", 1, ref="K1", number="1", customer="C1", project="P1"))
    (event,) = touched(database, tenant, message("project", 2, ref="P1", name="Tower", customer="C1"))
    assert isinstance(event, ContractsTouched)


def test_an_older_message_is_told_so(database: Database, tenant: Tenant) -> None:
    newer = message("customer", 1, ref="C1", name="A", time="2026-02-02T00:00:00Z")
    older = message("customer", 2, ref="C1", name="B", time="2026-02-01T00:00:00Z")
    assert store_and_apply(database, tenant, older, newer) == {"applied": 1, "superseded": 1}
    with transaction(database, tenant, SYSTEM) as tx:
        reasons = tx.session.scalars(
            select(SourceMessageRow.reason).where(SourceMessageRow.state == "superseded")
        ).all()
    assert reasons == [OLDER]


def test_versions_are_numbered_without_gaps_when_workers_add_at_once(database: Database, tenant: Tenant) -> None:
    contract = message("contract", 1, ref="K1", number="1", customer="C1")
    orders = [
        message(
            "change_order", 10 + n, ref=f"CO{n}", contract="K1", number=str(n), signed_at=f"2026-02-0{n + 1}T00:00:00Z"
        )
        for n in range(8)
    ]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: store_and_apply(database, tenant, each), [*orders, contract]))
    with transaction(database, tenant, SYSTEM) as tx:
        rows = tx.session.scalars(select(ContractVersionRow)).all()
    assert sorted(row.number for row in rows) == list(range(1, 10))
    assert [row.origin_id == row.contract_id for row in rows if row.number == 1] == [True]


def test_statements_do_not_grow_with_the_objects(database: Database, tenant: Tenant) -> None:
    counts = []
    for size in (1, 30):
        batch = [
            event.replace(b'"m-', f'"{size}-{n}-'.encode()).replace(b'"ref":"', f'"ref":"{size}-{n}-'.encode())
            for n in range(size)
            for event in FACTS
        ]
        with counted_statements(database) as statements:
            store_and_apply(database, tenant, *batch)
        counts.append(besides_the_door(statements))
    assert counts[0] == counts[1]
