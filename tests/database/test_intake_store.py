"""The door: what is accepted is stored once, what is wrong is refused alone and with a reason."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from billwright.audit.tables import AuditEntryRow
from billwright.canon.tables import CustomerRow
from billwright.intake.apply_messages import apply_stored
from billwright.intake.body import split_messages
from billwright.intake.errors import BatchTooLargeError, BodyMalformedError
from billwright.intake.jobs import handlers
from billwright.intake.store_messages import store_messages
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import PermissionDeniedError, TenantSuspendedError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import Settlement, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.intake import besides_the_door, counted_statements, message, statuses, store, store_and_apply

SENDER = Actor(kind="token", name="PSA", person_id=new_id(), permissions=frozenset({"message:write"}))
CUSTOMER = message("customer", 1, ref="C1", name="Customer")


def stored(database: Database, tenant: Tenant) -> list[SourceMessageRow]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return list(tx.session.scalars(select(SourceMessageRow).order_by(SourceMessageRow.id)))


def test_accepted_messages_are_stored_with_one_job_and_one_audit_entry(database: Database, tenant: Tenant) -> None:
    batch = [message("customer", n, ref=f"C{n}", name="A", sequence=n) for n in range(3)]
    results = store_messages(database, tenant, SENDER, batch, channel="api", trace_id="t-1")

    assert statuses(results) == ["accepted"] * 3
    rows = stored(database, tenant)
    assert [(row.id, row.state, row.person_id) for row in rows] == [
        (result.message_id, "received", SENDER.person_id) for result in results
    ]
    assert sorted(row.sequence for row in rows if row.sequence is not None) == [0, 1, 2]
    assert rows[0].data == {"ref": "C0", "name": "A"}
    with control_transaction(database, SYSTEM) as control:
        jobs = control.session.scalars(select(JobRow).where(JobRow.tenant_id == tenant.id)).all()
    assert [(job.kind, job.trace_id) for job in jobs] == [("intake.apply", "t-1")]
    assert sorted(jobs[0].payload["message_ids"]) == sorted(str(row.id) for row in rows)
    with transaction(database, tenant, SYSTEM) as tx:
        entry = tx.session.scalars(select(AuditEntryRow)).one()
    assert (entry.action, entry.actor_name, entry.after["count"] if entry.after else None) == (
        "messages.stored",
        "PSA",
        3,
    )


def test_the_job_applies_them_and_says_who_made_them(database: Database, tenant: Tenant) -> None:
    store_messages(database, tenant, SENDER, [CUSTOMER], channel="api")
    assert drain(database, Handlers.of(*handlers({})), tenant_id=tenant.id) == 1
    with transaction(database, tenant, SYSTEM) as tx:
        row = tx.session.scalars(select(CustomerRow)).one()
    assert (row.name, row.made_by) == ("Customer", SENDER.person_id)
    assert [each.state for each in stored(database, tenant)] == ["applied"]


def test_the_same_message_is_a_duplicate_however_it_is_written(database: Database, tenant: Tenant) -> None:
    first = store(database, tenant, CUSTOMER)[0]
    event = msgspec.json.decode(CUSTOMER)
    spaced = msgspec.json.format(msgspec.json.encode(event | {"data": {"name": "Customer", "ref": "C1"}}), indent=4)
    again = store(database, tenant, spaced, CUSTOMER)
    assert statuses(again) == ["duplicate", "duplicate"]
    assert {each.message_id for each in again} == {first.message_id}
    assert len(stored(database, tenant)) == 1


def test_the_same_id_with_other_content_is_a_conflict_and_changes_nothing(database: Database, tenant: Tenant) -> None:
    other = message("customer", 1, ref="C1", name="Other")
    third = message("customer", 1, ref="C1", name="Third")
    results = store(database, tenant, CUSTOMER, other)
    assert statuses(results) == ["accepted", "conflict"]
    assert (results[1].message_id, results[1].field) == (results[0].message_id, "id")
    assert statuses(store(database, tenant, other, CUSTOMER, third)) == ["conflict", "duplicate", "conflict"]
    assert [row.data["name"] for row in stored(database, tenant)] == ["Customer"]


def test_a_thousand_times_in_parallel_is_once(database: Database, tenant: Tenant) -> None:
    def send(_: int) -> list[str]:
        return statuses(store(database, tenant, *[CUSTOMER] * 25))

    with ThreadPoolExecutor(8) as pool:
        found = [status for batch in pool.map(send, range(40)) for status in batch]
    assert (found.count("accepted"), found.count("duplicate")) == (1, 999)
    assert len(stored(database, tenant)) == 1


def test_workers_with_the_same_objects_neither_block_nor_lose(database: Database, tenant: Tenant) -> None:
    """Batches of the same objects in opposite orders, applied at once: the newest wins, no deadlock."""
    size = 40
    batches = []
    for batch in range(6):
        numbers = range(size) if batch % 2 else reversed(range(size))
        messages = [
            message("customer", 1000 * batch + n, ref=f"C{n}", name=f"Name {batch}", sequence=batch) for n in numbers
        ]
        batches.append([each.message_id for each in store(database, tenant, *messages) if each.message_id])

    def apply(ids: list[Any]) -> int:
        with transaction(database, tenant, SYSTEM) as tx:
            return len(apply_stored(tx, ids, {}))

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(apply, batches)) == [size] * 6
    with transaction(database, tenant, SYSTEM) as tx:
        assert set(tx.session.scalars(select(CustomerRow.name))) == {"Name 5"}


def test_statements_do_not_grow_with_the_batch(database: Database, tenant: Tenant) -> None:
    store_and_apply(database, tenant, message("customer", 9000, ref="C", name="warm"))
    counts = []
    for size in (2, 200):
        batch = [message("customer", 10_000 + 1000 * size + n, ref=f"S{size}-{n}", name="A") for n in range(size)]
        with counted_statements(database) as statements:
            store(database, tenant, *batch)
            storing = besides_the_door(statements)
            ids = [each.message_id for each in store(database, tenant, *batch) if each.message_id]
            with transaction(database, tenant, SYSTEM) as tx:
                apply_stored(tx, ids, {})
            counts.append((storing, besides_the_door(statements)))
    assert counts[0] == counts[1]
    assert counts[0][0] == 4  # tenant, messages, job, audit entry


BAD = {
    "no specversion": ({"specversion": "0.3"}, {}, "specversion"),
    "no id": ({"id": None}, {}, "id"),
    "empty id": ({"id": ""}, {}, "id"),
    "control character": ({"id": "a\x00b"}, {}, "id"),
    "time without zone": ({"time": "2026-02-01T10:00:00"}, {}, "time"),
    "time is no time": ({"time": "yesterday"}, {}, "time"),
    "year one": ({"time": "0001-01-01T00:00:00+05:00"}, {}, "time"),
    "negative sequence": ({"sequence": -1}, {}, "sequence"),
    "misspelt attribute": ({"sequnce": 4}, {}, "sequnce"),
    "unknown field": ({}, {"nmae": "x"}, "data.nmae"),
    "missing field": ({}, {"contract": ...}, "data.contract"),
    "wrong type": ({}, {"name": 5}, "data.name"),
    "negative amount": ({}, {"amount": "-5"}, "data.amount"),
    "over-precise amount": ({}, {"amount": "1.001"}, "data.amount"),
    "over-precise amount of a currency without decimals": ({}, {"amount": "1.5", "currency": "JPY"}, "data.amount"),
    "amount is no number": ({}, {"amount": "a lot"}, "data.amount"),
    "amount is not finite": ({}, {"amount": "NaN"}, "data.amount"),
    "amount beyond sense": ({}, {"amount": "1e13"}, "data.amount"),
    "amount with endless decimals": ({}, {"amount": "1e-900000", "currency": None}, "data.amount"),
    "unknown currency": ({}, {"currency": "EUX"}, "data.currency"),
    "crypto-asset": ({}, {"currency": "BTC"}, "data.currency"),
    "date is no date": ({}, {"due_on": "31.02.2026"}, "data.due_on"),
    "date in year one": ({}, {"due_on": "0001-01-01"}, "data.due_on"),
    "percent without percent": ({}, {"basis": "percent"}, "data.percent"),
    "NUL in a text": ({}, {"name": "a\x00b"}, "data"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_items_are_refused_alone_with_field_and_remedy(database: Database, tenant: Tenant, case: str) -> None:
    envelope, data, field = BAD[case]
    event: dict[str, Any] = msgspec.json.decode(message("milestone", 1))
    content = {"ref": "M1", "contract": "K1", "number": "1", "amount": "5.00", "currency": "EUR"} | data
    event |= {"data": {name: value for name, value in content.items() if value is not ...}} | envelope
    bad, good = store(database, tenant, msgspec.json.encode(event), CUSTOMER.replace(b"m-1", b"m-2"))

    assert (bad.status, bad.field, bad.message_id) == ("refused", field, None)
    assert bad.detail
    assert bad.detail.endswith(".")
    assert good.status == "accepted"
    assert [row.message_id for row in stored(database, tenant)] == ["m-2"]


CONTRADICTIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "approved before worked": (
        "time_entry",
        {"contract": "K", "person_name": "A", "worked_on": "2026-02-10", "hours": "1", "approved_at": "2026-02-08T00:00:00Z"},
        "data.approved_at",
    ),
    "no hours": ("time_entry", {"contract": "K", "person_name": "A", "worked_on": "2026-02-10", "hours": "0"}, "data.hours"),
    "25 hours": ("time_entry", {"contract": "K", "person_name": "A", "worked_on": "2026-02-10", "hours": "25"}, "data.hours"),
    "order over before signature": (
        "contract",
        {"number": "1", "customer": "C", "signed_on": "2026-02-10",
         "purchase_order": {"number": "4", "valid_until": "2026-02-09"}},
        "data.purchase_order.valid_until",
    ),
    "negative order value": (
        "contract",
        {"number": "1", "customer": "C", "purchase_order": {"number": "4", "value": "-1"}},
        "data.purchase_order.value",
    ),
    "moment without zone": (
        "acceptance",
        {"contract": "K", "milestones": ["M"], "decision": "accepted", "decided_at": "2026-02-09T10:00:00"},
        "data.decided_at",
    ),
    "new price is no number": (
        "change_order",
        {"contract": "K", "number": "1", "changes": [{"milestone": "M", "field": "amount", "after": "a lot"}]},
        "data.changes[0].after",
    ),
    "new price too precise": (
        "change_order",
        {"contract": "K", "number": "1", "currency_after": "EUR",
         "changes": [{"milestone": "M", "field": "amount", "after": "1.005"}]},
        "data.changes[0].after",
    ),
    "rate below zero": (
        "rate_card",
        {"contract": "K", "currency": "EUR", "rates": [{"hourly": "-1", "effective_from": "2026-01-01"}]},
        "data.rates[0].hourly",
    ),
    "refund as expense": (
        "expense",
        {"contract": "K", "person_name": "A", "spent_on": "2026-02-10", "amount": "0", "currency": "EUR"},
        "data.amount",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions_are_told_at_the_door(database: Database, tenant: Tenant, case: str) -> None:
    kind, data, field = CONTRADICTIONS[case]
    (result,) = store(database, tenant, message(kind, 1, ref="R", **data))
    assert (result.status, result.field) == ("refused", field)


def test_approved_on_the_day_of_the_work_anywhere_on_earth_is_right(database: Database, tenant: Tenant) -> None:
    data = {"contract": "K", "person_name": "A", "worked_on": "2026-02-10", "hours": "1"}
    (result,) = store(
        database, tenant, message("time_entry", 1, ref="R", approved_at="2026-02-10T00:30:00+14:00", **data)
    )
    assert result.status == "accepted"


def test_a_declared_unit_and_a_price_in_words_are_taken(database: Database, make_tenant) -> None:
    declared = Settlement(unit="ETH", currency="EUR", rate=Decimal(2000), source="Bank")
    tenant = make_tenant(configuration=TenantConfiguration(settlement=(declared,)))
    price = {"contract": "K", "number": "1", "amount": "1.123456789"}
    results = store(
        database, tenant,
        message("milestone", 1, ref="M1", currency="ETH", **price),
        message("milestone", 2, ref="M2", currency="DAI", amount_raw="1.1 DAI", **price),
        message("milestone", 3, ref="M3", currency="DAI", **price),
    )  # fmt: skip
    assert [(each.status, each.field) for each in results] == [
        ("accepted", None), ("accepted", None), ("refused", "data.currency"),
    ]  # fmt: skip


def test_unknown_types_are_kept_and_held_with_a_reason(database: Database, tenant: Tenant) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "crm", "vendorext": "kept aside", "data": {"a": [1.50]}}
    first, second, third = (
        msgspec.json.encode(event | {"type": kind, "id": kind})
        for kind in ("com.crm.deal", "billwright.customer.v2", "x")
    )
    assert statuses(store(database, tenant, first, second, third)) == ["accepted", "refused", "accepted"]
    known = msgspec.json.encode({k: v for k, v in msgspec.json.decode(second).items() if k != "vendorext"})
    assert store_and_apply(database, tenant, first, known) == {"held": 2}
    reasons = {row.message_id: row.reason for row in stored(database, tenant)}
    assert "Version 2 of billwright.customer" in (reasons["billwright.customer.v2"] or "")
    assert "No mapping" in (reasons["com.crm.deal"] or "")


def test_a_batch_above_the_limit_is_refused_whole(database: Database, tenant: Tenant) -> None:
    with pytest.raises(BatchTooLargeError, match="1001"):
        store(database, tenant, *[CUSTOMER] * 1001)
    assert stored(database, tenant) == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1,", b"\xff", b"5", b'{"messages": 5}', b'{"messages": [], "x": 1}', b"[" * 9999]
)
def test_a_body_that_is_no_message_is_refused_whole(body: bytes) -> None:
    with pytest.raises(BodyMalformedError):
        split_messages(body)


def test_bodies_that_are_taken() -> None:
    assert [len(split_messages(body)) for body in (b"[]", b'[{"a":1}, 5]', b' {"id":"1"}', b'{"messages":[1]}')] == [
        0,
        2,
        1,
        1,
    ]
    assert len(split_messages(b'{"specversion":"1.0","messages":[1,2]}')) == 1


def test_without_the_permission_nothing_is_stored(database: Database, tenant: Tenant) -> None:
    reader = Actor(kind="person", name="Ann", permissions=frozenset({"message:read"}))
    with pytest.raises(PermissionDeniedError, match="message:write"):
        store_messages(database, tenant, reader, [CUSTOMER], channel="api")
    assert stored(database, tenant) == []


def test_nothing_is_taken_for_a_suspended_tenant(database: Database, tenant: Tenant) -> None:
    with pytest.raises(TenantSuspendedError):
        store_messages(database, replace(tenant, state="suspended"), SENDER, [CUSTOMER], channel="api")
    assert stored(database, tenant) == []


def test_a_message_of_one_tenant_is_unknown_to_another(database: Database, make_tenant) -> None:
    one, other = make_tenant(), make_tenant()
    ids = [each.message_id for each in store(database, one, CUSTOMER) if each.message_id]
    assert statuses(store(database, other, CUSTOMER)) == ["accepted"]
    with transaction(database, other, SYSTEM) as tx:
        assert apply_stored(tx, ids, {}) == []
        assert tx.session.scalar(select(func.count()).select_from(CustomerRow)) == 0
    assert [row.state for row in stored(database, one)] == ["received"]
