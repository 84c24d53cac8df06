"""A tenant ready to bill, and the spine's jobs run in this process."""

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import insert, select

from billwright.approvals.decide_step import Decided, decide_step
from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.tables import LegalEntityRow
from billwright.intake.store_messages import MessageResult, store_messages
from billwright.issuing.tables import NumberSeriesRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from billwright.web.composition import spine_handlers, subscriptions

AUTOMATIC = (ApprovalRule(name="automatic", steps=()),)


class Firm:
    """A tenant with one German legal entity (19 %), a number series, and short ways to feed and look."""

    def __init__(self, database: Database, tenant: Tenant, clock: SetClock, handlers: Handlers) -> None:
        self.database, self.tenant, self.clock, self.handlers = database, tenant, clock, handlers
        self.entity_id = new_id()
        self._sent = 0
        profile = {
            "legal_name": "Acme Consulting GmbH",
            "standard_tax_rate": "19",
            "default": True,
            "tax_id": "DE123456789",
            "address": {"street": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
        }
        with transaction(database, tenant, SYSTEM) as tx:
            entity = {
                "id": self.entity_id,
                "code": "DE01",
                "name": "Acme Consulting",
                "country": "DE",
                "currency": "EUR",
                "time_zone": "Europe/Berlin",
                "profile": profile,
            }
            tx.session.execute(insert(LegalEntityRow), [entity])
            series = {
                "legal_entity_id": self.entity_id,
                "document_type": "invoice",
                "year": 2026,
                "pattern": "ACME-{year}-{number:05d}",
                "next_number": 1,
            }
            tx.session.execute(insert(NumberSeriesRow), [series])

    def event(self, kind: str, data: dict[str, Any], *, sequence: int | None = None) -> dict[str, Any]:
        self._sent += 1
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"m-{self._sent}",
            "source": "psa:test",
            "type": f"billwright.{kind}.v1",
            "time": self.clock.now().isoformat(),
            "data": data,
        }
        if sequence is not None:
            event["sequence"] = sequence
        return event

    def store(self, events: Sequence[dict[str, Any]], actor: Actor = SYSTEM) -> list[MessageResult]:
        raw = [msgspec.Raw(json.dumps(event).encode()) for event in events]
        return store_messages(self.database, self.tenant, actor, raw, channel="api")

    def send(self, kind: str, actor: Actor = SYSTEM, **data: Any) -> None:
        """One message, taken and worked off with all that follows."""
        (result,) = self.store([self.event(kind, data)], actor)
        assert result.status == "accepted", result
        self.drain()

    def drain(self) -> int:
        return drain(self.database, self.handlers, tenant_id=self.tenant.id)

    def customer(self, ref: str = "C1", **more: Any) -> None:
        address = {"street": "Rue 1", "postal_code": "75001", "city": "Paris", "country": "FR"}
        defaults = {
            "name": "Client SA",
            "address": address,
            "tax_id": "FR40303265045",
            "billing_email": "ap@client.example",
        }
        self.send("customer", **{"ref": ref, **defaults, **more})

    def contract(self, ref: str = "K1", **more: Any) -> None:
        defaults = {
            "number": ref,
            "customer": "C1",
            "signed_on": "2026-01-10",
            "currency": "EUR",
            "value": "30000.00",
            "legal_entity": "DE01",
        }
        self.send("contract", **{"ref": ref, **defaults, **more})

    def milestone(self, ref: str = "M1", contract: str = "K1", **more: Any) -> None:
        defaults = {"number": ref, "name": "Design", "amount": "10000.00", "currency": "EUR"}
        self.send("milestone", **{"ref": ref, "contract": contract, **defaults, **more})

    def accept(self, milestone: str = "M1", contract: str = "K1", decision: str = "accepted", **more: Any) -> None:
        defaults = {"decided_at": self.clock.now().isoformat(), "decided_by": "Client PM"}
        ref = f"A-{milestone}-{self._sent}"
        data = {"ref": ref, "contract": contract, "milestones": [milestone], "decision": decision}
        self.send("acceptance", **{**data, **defaults, **more})

    def items(self) -> dict[str, BillableItemRow]:
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            return {row.transaction_key: row for row in tx.session.scalars(select(BillableItemRow))}

    def item(self) -> BillableItemRow:
        (item,) = self.items().values()
        return item

    def invoices(self) -> list[InvoiceRow]:
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            return list(tx.session.scalars(select(InvoiceRow).order_by(InvoiceRow.id)))

    def invoice(self) -> InvoiceRow:
        (invoice,) = self.invoices()
        return invoice

    def decide(
        self, actor: Actor, decision: str = "approve", reason: str = "", invoice: InvoiceRow | None = None
    ) -> Decided:
        row = invoice or self.invoice()
        decided = decide_step(
            self.database,
            self.tenant,
            actor,
            row.id,
            decision="approve" if decision == "approve" else "return",
            content_sha256=row.content_sha256,
            reason=reason,
        )
        self.drain()
        return decided


def person(name: str, *permissions: str) -> Actor:
    """A person with rights in the tenant at hand."""
    identifier: UUID = new_id()
    return Actor(
        kind="person",
        name=name,
        id=identifier,
        person_id=identifier,
        email=f"{name.lower().replace(' ', '.')}@acme.example",
        permissions=frozenset(permissions),
    )


@pytest.fixture
def make_firm(
    database: Database, clock: SetClock, make_tenant: Callable[..., Tenant]
) -> Callable[[TenantConfiguration], Firm]:
    def make(configuration: TenantConfiguration) -> Firm:
        tenant = make_tenant("Acme Consulting", configuration)
        return Firm(database.with_subscriptions(subscriptions()), tenant, clock, spine_handlers())

    return make


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """Everything is approved automatically, nothing is rendered: the spine alone."""
    return make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
