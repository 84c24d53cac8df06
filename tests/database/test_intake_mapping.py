"""Mapping, retry and replay: one bad message harms no other; what is held comes back; a dry run changes nothing."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.canon.tables import CustomerRow, MilestoneRow
from billwright.extension.canonical import Canonical, Customer, Milestone, SourceMessage
from billwright.extension.connectors import MappingError, UnknownTypeError
from billwright.extension.message_types import MessageType, Version
from billwright.intake.jobs import handlers
from billwright.intake.queries import count_messages
from billwright.intake.replay import ReplayReport, replay
from billwright.intake.retry_messages import retry_messages
from billwright.intake.store_messages import store_messages
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import InputInvalidError, PermissionDeniedError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.intake import canonical_rows, make_connection, message, store_and_apply

CLERK = Actor(kind="person", name="Cleo", permissions=frozenset({"message:retry", "message:replay"}))


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    factor: int = 1


def in_euros(data: dict[str, Any]) -> dict[str, Any]:
    """From version 1, which counted cents, to version 2."""
    return {"customer": data["customer"], "amount": str(Decimal(data["cents"]).scaleb(-2))}


ORDERS = MessageType(
    name="crm.order", summary="An order.", versions=(Version(number=1, upcast=in_euros), Version(number=2))
)


class Crm:
    """A connector as a third party would write it, with every fault that it may have."""

    manifest = SimpleNamespace(settings_model=Settings, message_types=(ORDERS,))

    def map_message(self, message: SourceMessage, settings: msgspec.Struct) -> Sequence[Canonical]:
        assert isinstance(settings, Settings)
        data = msgspec.json.decode(message.data)
        if message.type in {"crm.deal", "crm.order.v2"}:
            amount = Decimal(data["amount"]) * settings.factor
            customer = Customer(ref=data["customer"], name=data["customer"])
            return [customer, Milestone(ref=message.id, contract="K1", number="1", amount=amount, currency="EUR")]
        if message.type == "crm.note":
            return []
        if message.type == "crm.broken":
            raise MappingError("No amount in the deal; enter one in the CRM.", field="deal.amount")
        if message.type == "crm.crash":
            raise ZeroDivisionError
        if message.type == "crm.nul":
            return [Customer(ref="N", name="a\x00b")]
        if message.type == "crm.huge":
            return [Customer(ref="H", name="h", payment_terms_days=10**30)]
        raise UnknownTypeError


def event(kind: str, number: int = 1, **data: Any) -> bytes:
    return msgspec.json.encode(
        {"specversion": "1.0", "id": f"{kind}-{number}", "source": "crm", "type": kind, "data": data,
         "time": "2026-02-01T10:00:00Z"}
    )  # fmt: skip


def feed(
    database: Database, tenant: Tenant, *events: bytes, connectors: dict[str, Any] | None = None, **connection: Any
) -> None:
    """Through a connection of the connector ``crm``, then the job."""
    made = make_connection(database, tenant, connector="crm", **connection)
    store_messages(database, tenant, SYSTEM, events, channel="api", connection=made)
    run(database, tenant, connectors)


def run(database: Database, tenant: Tenant, connectors: dict[str, Any] | None = None) -> int:
    known = {"crm": Crm()} if connectors is None else connectors
    return drain(database, Handlers.of(*handlers(known)), tenant_id=tenant.id)


def states(database: Database, tenant: Tenant) -> dict[str, tuple[str, str | None]]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        rows = tx.session.scalars(select(SourceMessageRow))
        return {row.type.removeprefix("crm."): (row.state, row.field) for row in rows}


def test_each_message_is_judged_by_itself(database: Database, tenant: Tenant) -> None:
    kinds = ("deal", "note", "broken", "crash", "nul", "huge", "new")
    feed(database, tenant, *(event(f"crm.{kind}", amount="10.50", customer="C1") for kind in kinds))
    assert states(database, tenant) == {
        "deal": ("applied", None),
        "note": ("applied", None),
        "broken": ("held", "deal.amount"),
        "crash": ("held", None),
        "nul": ("held", "name"),
        "huge": ("held", None),
        "new": ("held", "type"),
    }
    with transaction(database, tenant, SYSTEM) as tx:
        assert tx.session.scalars(select(CustomerRow.ref)).all() == ["C1"]
        assert tx.session.scalars(select(MilestoneRow.amount)).all() == [Decimal("10.50")]
        reasons = tx.session.scalars(select(SourceMessageRow.reason).where(SourceMessageRow.state == "held")).all()
        assert count_messages(tx) == {"applied": 2, "held": 5}
    assert all(reason and len(reason) > 30 for reason in reasons)


def test_a_connector_sees_old_versions_stepped_up_and_unknown_ones_are_held(database: Database, tenant: Tenant) -> None:
    orders = [
        event("crm.order.v1", customer="C1", cents=1050),
        event("crm.order.v2", customer="C1", amount="2.50"),
        event("crm.order.v3", customer="C1", total="2.50"),
    ]
    feed(database, tenant, *orders)
    assert states(database, tenant) == {
        "order.v1": ("applied", None), "order.v2": ("applied", None), "order.v3": ("held", "type"),
    }  # fmt: skip
    with transaction(database, tenant, SYSTEM) as tx:
        assert set(tx.session.scalars(select(MilestoneRow.amount))) == {Decimal("2.50"), Decimal("10.50")}
        held = select(SourceMessageRow).where(SourceMessageRow.state == "held")
        row = tx.session.scalars(held).one()
        assert "knows v1, v2" in (row.reason or "")
        kept = select(SourceMessageRow.data).where(SourceMessageRow.type == "crm.order.v1")
        assert tx.session.scalars(kept).one() == {"customer": "C1", "cents": 1050}  # raw, as it came


@pytest.mark.parametrize("how", ["not installed", "wrong settings", "maps nothing"])
def test_without_a_usable_connector_messages_wait(database: Database, tenant: Tenant, how: str) -> None:
    offers: dict[str, dict[str, Any]] = {
        "not installed": {},
        "wrong settings": {"crm": Crm()},
        "maps nothing": {"crm": object()},
    }
    settings = {"facter": 2} if how == "wrong settings" else {}
    feed(database, tenant, event("crm.deal", amount="1", customer="C1"), connectors=offers[how], settings=settings)
    assert states(database, tenant)["deal"][0] == "held"


def test_held_messages_come_back_when_the_cause_is_gone(database: Database, tenant: Tenant) -> None:
    feed(database, tenant, event("crm.deal", amount="1", customer="C1"), event("crm.new"), connectors={})
    assert [state for state, _ in states(database, tenant).values()] == ["held", "held"]

    assert len(retry_messages(database, tenant, CLERK, event_type="crm.deal")) == 1
    run(database, tenant)
    assert states(database, tenant) == {"deal": ("applied", None), "new": ("held", "type")}
    assert len(retry_messages(database, tenant, CLERK)) == 1
    assert retry_messages(database, tenant, CLERK, message_ids=[]) == []
    with transaction(database, tenant, SYSTEM) as tx:
        actions = tx.session.scalars(select(AuditEntryRow.action).order_by(AuditEntryRow.id)).all()
    assert actions == [
        "messages.stored",
        "messages.applied",
        "messages.retried",
        "messages.applied",
        "messages.retried",
    ]


def replayed(database: Database, tenant: Tenant, clock: SetClock, *, dry_run: bool, factor: int = 1) -> ReplayReport:
    class Mended(Crm):
        def map_message(self, message: SourceMessage, settings: msgspec.Struct) -> Sequence[Canonical]:
            return super().map_message(message, Settings(factor=factor))

    start, end = clock.moment - timedelta(hours=1), clock.moment + timedelta(hours=1)
    return replay(database, tenant, CLERK, start=start, end=end, dry_run=dry_run, connectors={"crm": Mended()})


def test_a_dry_run_shows_the_difference_and_changes_nothing(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    feed(database, tenant, event("crm.deal", amount="10.50", customer="C1"), event("crm.broken"))
    store_and_apply(
        database, tenant,
        message("customer", 1, ref="C1", name="Later", time="2026-02-09T00:00:00Z"),
        message("payment", 2, ref="P", amount="5", currency="EUR", paid_on="2026-02-01"),
    )  # fmt: skip
    before = canonical_rows(database, tenant)

    same = replayed(database, tenant, clock, dry_run=True)
    assert (same.messages, same.same, same.superseded, same.differences, same.payments) == (4, 2, 0, [], 1)
    assert [(each.type, each.field) for each in same.unmappable] == [("crm.broken", "deal.amount")]

    report = replayed(database, tenant, clock, dry_run=True, factor=3)
    (difference,) = report.differences
    (field,) = difference.fields
    assert (difference.kind, difference.ref, difference.change, difference.currency) == (
        "milestone", "crm.deal-1", "changed", "EUR",
    )  # fmt: skip
    assert (field.field, field.difference) == ("amount", Decimal("21.00"))
    assert canonical_rows(database, tenant) == before


def test_a_replay_applies_what_the_dry_run_showed_and_says_so(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    feed(database, tenant, event("crm.deal", amount="10.50", customer="C1"), connectors={})
    dry = replayed(database, tenant, clock, dry_run=True, factor=2)
    assert [(each.kind, each.change) for each in dry.differences] == [("customer", "new"), ("milestone", "new")]

    assert replayed(database, tenant, clock, dry_run=False, factor=2).differences[1].fields
    assert replayed(database, tenant, clock, dry_run=True, factor=2).same == 2
    assert states(database, tenant) == {"deal": ("applied", None)}
    with transaction(database, tenant, SYSTEM) as tx:
        assert tx.session.scalars(select(MilestoneRow.amount)).all() == [Decimal(21)]
        entry = tx.session.scalars(select(AuditEntryRow).where(AuditEntryRow.action == "messages.replayed")).one()
    assert (entry.actor_name, entry.after["changed"] if entry.after else None) == ("Cleo", 2)


def test_a_replay_of_an_older_range_leaves_newer_facts_alone(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    store_and_apply(database, tenant, message("customer", 1, ref="C1", name="Old"))
    clock.moment += timedelta(hours=2)
    store_and_apply(database, tenant, message("customer", 2, ref="C1", name="New", time="2026-02-09T00:00:00Z"))
    clock.moment -= timedelta(hours=2)
    report = replayed(database, tenant, clock, dry_run=False)
    assert (report.messages, report.superseded, report.differences) == (1, 1, [])
    assert canonical_rows(database, tenant)["customer"][0]["name"] == "New"


def test_who_may_not_retry_or_replay(database: Database, tenant: Tenant, clock: SetClock) -> None:
    nobody = Actor(kind="person", name="Ann", permissions=frozenset({"message:write"}))
    with pytest.raises(PermissionDeniedError, match="message:retry"):
        retry_messages(database, tenant, nobody)
    with pytest.raises(PermissionDeniedError, match="message:replay"):
        replay(database, tenant, nobody, start=clock.moment, end=clock.moment)
    with pytest.raises(InputInvalidError):
        replay(database, tenant, CLERK, start=clock.moment, end=clock.moment)
