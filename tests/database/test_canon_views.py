"""Contracts as plugins see them: prices of signed change orders, removal, unknown parts, constant number of statements."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import select

from billwright.canon.queries import contract_views
from billwright.canon.references import find_ids
from billwright.canon.tables import ContractVersionRow
from billwright.extension.views import ContractView
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import Settlement, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.intake import counted_statements, message, store_and_apply


def view(database: Database, tenant: Tenant, ref: str = "K1") -> ContractView:
    with transaction(database, tenant, SYSTEM) as tx:
        contract_id = find_ids(tx, [("contract", ref)])[("contract", ref)]
        return contract_views(tx, [contract_id])[contract_id]


CONTRACT = message(
    "contract", 1, ref="K1", number="K-1", customer="C1", project="P1", currency="EUR", value="100.00",
    acceptance_required=False,
)  # fmt: skip
MILESTONE = message(
    "milestone", 2, ref="K1/1", contract="K1", number="1", name="Design", amount="60.00", currency="EUR"
)


def order(number: int, changes: list[dict[str, str | None]], signed_at: str | None, **more: str) -> bytes:
    data = {"ref": f"CO{number}", "contract": "K1", "number": str(number), "changes": changes} | more
    return message("change_order", 100 + number, **(data | ({"signed_at": signed_at} if signed_at else {})))


def test_signed_orders_make_prices_in_the_order_of_their_signatures(database: Database, tenant: Tenant) -> None:
    def amount(after: str) -> list[dict[str, str | None]]:
        return [{"milestone": "K1/1", "field": "amount", "after": after}]

    store_and_apply(database, tenant, order(2, amount("90.00"), "2026-02-20T00:00:00Z", currency_after="USD"))
    store_and_apply(database, tenant, order(3, amount("10.00"), None))
    store_and_apply(database, tenant, CONTRACT, MILESTONE, order(1, amount("75.50"), "2026-02-10T00:00:00Z"))

    seen = view(database, tenant)
    prices = [(price.effective_at, price.amount, price.currency, price.raw) for price in seen.milestones[0].prices]
    assert prices == [
        (None, Decimal("60.00"), "EUR", ""),
        (datetime(2026, 2, 10, tzinfo=UTC), Decimal("75.50"), "EUR", "75.50"),
        (datetime(2026, 2, 20, tzinfo=UTC), Decimal("90.00"), "USD", "90.00"),
    ]
    versions = [version for _, version in seen.versions]
    assert [price.contract_version_id for price in seen.milestones[0].prices] == versions
    assert [at for at, _ in seen.versions] == [price.effective_at for price in seen.milestones[0].prices]
    assert seen.version_id == versions[-1]
    assert [change.signed_at is None for change in seen.change_orders] == [False, False, True]


def test_removed_and_brought_back(database: Database, tenant: Tenant) -> None:
    gone = order(1, [{"milestone": "K1/1", "field": "removed", "after": "true"}], "2026-02-10T00:00:00Z")
    store_and_apply(database, tenant, CONTRACT, MILESTONE, gone)
    removed = view(database, tenant).milestones[0]
    assert (removed.removed, removed.removed_at) == (True, datetime(2026, 2, 10, tzinfo=UTC))

    back = order(2, [{"milestone": "K1/1", "field": "added", "after": "Design"}], "2026-02-11T00:00:00Z")
    store_and_apply(database, tenant, back)
    assert view(database, tenant).milestones[0].removed is False


def test_a_milestone_without_a_word_about_acceptance_follows_its_contract(database: Database, tenant: Tenant) -> None:
    own = message("milestone", 3, ref="K1/2", contract="K1", number="2", acceptance_required=True)
    store_and_apply(database, tenant, own, MILESTONE, CONTRACT)
    assert [each.acceptance_required for each in view(database, tenant).milestones] == [False, True]


def test_what_only_others_name_is_there_and_marked_unknown(database: Database, tenant: Tenant) -> None:
    accepted = message(
        "acceptance", 4, ref="A1", contract="src/K9", milestones=["src/K9/M7"], decision="accepted",
        decided_at="2026-02-01T00:00:00Z", items=[{"number": "1", "accepted": False}, {"number": "2"}],
    )  # fmt: skip
    store_and_apply(database, tenant, accepted)
    seen = view(database, tenant, "src/K9")
    assert (seen.known, seen.number, seen.customer_known, seen.versions) == (False, "K9", False, ())
    milestone = seen.milestones[0]
    assert (milestone.known, milestone.number, milestone.acceptance_required) == (False, "M7", True)
    assert (milestone.decisions[0].items_open, len(milestone.decisions)) == (1, 1)
    with transaction(database, tenant, SYSTEM) as tx:
        assert contract_views(tx, [new_id()]) == {}


def test_an_older_unsigned_state_of_an_order_leaves_no_version_in_the_view(database: Database, tenant: Tenant) -> None:
    """The signature was taken back by a newer message: the version row stays, the view does not show it."""
    signed = order(1, [], "2026-02-10T00:00:00Z")
    unsigned = message("change_order", 500, ref="CO1", contract="K1", number="1", time="2026-03-01T00:00:00Z")
    store_and_apply(database, tenant, CONTRACT, signed)
    assert len(view(database, tenant).versions) == 2
    store_and_apply(database, tenant, unsigned)
    assert len(view(database, tenant).versions) == 1
    with transaction(database, tenant, SYSTEM) as tx:
        assert len(tx.session.scalars(select(ContractVersionRow.id)).all()) == 2


def test_rates_keep_their_identifier_until_they_change(database: Database, tenant: Tenant) -> None:
    def card(number: int, hourly: str) -> bytes:
        rates = [{"role": "senior", "hourly": hourly, "effective_from": "2026-01-01"}] * 2
        data = {"ref": "R1", "contract": "K1", "currency": "EUR", "rates": rates}
        return message("rate_card", number, time=f"2026-02-0{number}T00:00:00Z", **data)

    seen = []
    for number, hourly in ((1, "120.50"), (2, "120.500"), (3, "121.00")):
        store_and_apply(database, tenant, card(number, hourly))
        seen.append(view(database, tenant).rates)
    assert [len(rates) for rates in seen] == [1, 1, 1]
    assert seen[0][0].id == seen[1][0].id != seen[2][0].id
    assert seen[2][0].hourly == Decimal("121.00")


def test_statements_do_not_grow_with_contracts(database: Database, make_tenant) -> None:
    declared = Settlement(unit="ETH", currency="EUR", rate=Decimal("2000.5"), source="Bank")
    tenant = make_tenant(configuration=TenantConfiguration(settlement=(declared,)))
    numbers = range(30)
    store_and_apply(
        database, tenant,
        *(message("contract", n, ref=f"K{n}", number=str(n), customer=f"C{n}") for n in numbers),
        *(message("milestone", 100 + n, ref=f"K{n}/1", contract=f"K{n}", number="1") for n in numbers),
        *(message("time_entry", 200 + n, ref=f"T{n}", contract=f"K{n}", person_name="Ann", worked_on="2026-01-02",
                  hours="1") for n in numbers),
        message("signal", 300, ref="S", contract="unknown", event="e", occurred_at="2026-01-02T00:00:00Z"),
    )  # fmt: skip
    counts = []
    for size in (1, 31):
        with transaction(database, tenant, SYSTEM) as tx:
            pairs = [("contract", "unknown"), *(("contract", f"K{n}") for n in range(size - 1))]
            wanted = find_ids(tx, pairs).values()
            with counted_statements(database) as statements:
                views = contract_views(tx, wanted)
            assert len(views) == size
            counts.append(len(statements))
    assert counts[0] == counts[1] == 12
    assert views[next(iter(wanted))].settlement["ETH"] == (Decimal("2000.5"), "EUR", "Bank")
