"""Canonical rows: any order and any repetition of messages ends in the same rows."""

import random

import pytest

from billwright.tenancy.database import Database
from support.intake import canonical_rows, message, store_and_apply

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
