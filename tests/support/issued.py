"""Issued invoices put straight into the tables, for the rooms that come after issuing."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.checks.tables import ExceptionRow
from billwright.intake.tables import ConnectionRow
from billwright.issuing.content import InvoiceContent
from billwright.issuing.events import InvoicesIssued, IssuedInvoice
from billwright.issuing.tables import SnapshotRow
from billwright.jobs.enqueue import publish
from billwright.jobs.handlers import Job
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import Subscriptions
from billwright.kernel.ids import new_id, show
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction
from support.invoice_contents import content as make_content

BILLING_EMAIL = "ap@mueller-soehne.example"


@dataclass(frozen=True, slots=True)
class Issued:
    id: UUID
    number: str
    customer_id: UUID
    legal_entity_id: UUID
    content: InvoiceContent


def issue(
    database: Database,
    tenant: Tenant,
    *,
    number: str = "NW-2026-0042",
    billing_email: str | None = BILLING_EMAIL,
    revenue_account: str = "",
    **changes: Any,
) -> Issued:
    """An issued invoice with customer, legal entity and frozen content; publishes ``InvoicesIssued`` as issuing does."""
    invoice_id, customer_id, entity_id = new_id(), new_id(), new_id()
    frozen = make_content(invoice_id=show("inv", invoice_id), **changes)
    with transaction(database, tenant, SYSTEM) as tx:
        _parties(tx, customer_id, entity_id, billing_email, revenue_account)
        _invoice(tx, invoice_id, number, customer_id, entity_id, frozen)
        snapshot = {"invoice_id": invoice_id, "content": msgspec.to_builtins(frozen), "sha256": frozen.sha256()}
        tx.session.execute(insert(SnapshotRow), [snapshot | {"frozen_at": tx.now}])
        one = IssuedInvoice(invoice_id=invoice_id, legal_entity_id=entity_id, customer_id=customer_id, content=frozen)
        publish(tx, InvoicesIssued(invoices=(one,)))
    return Issued(invoice_id, number, customer_id, entity_id, frozen)


def _parties(tx: Tx, customer_id: UUID, entity_id: UUID, email: str | None, revenue_account: str) -> None:
    entity = {
        "id": entity_id, "code": f"northgate-{entity_id.hex[-6:]}", "name": "Northgate Works Ltd", "country": "GB",
        "currency": "EUR", "time_zone": "Europe/London", "profile": {"revenue_account": revenue_account},
    }  # fmt: skip
    customer = {
        "id": customer_id, "ref": f"C-{customer_id.hex[-6:]}", "source_time": tx.now, "updated_at": tx.now,
        "name": "Müller & Söhne", "legal_name": "Müller & Söhne Anlagenbau GmbH", "tax_id": "DE123456789",
        "address": {}, "billing_email": email, "contacts": [], "language": "en", "po_required": False,
    }  # fmt: skip
    tx.session.execute(insert(LegalEntityRow), [entity])
    tx.session.execute(insert(CustomerRow), [customer])


def _invoice(tx: Tx, invoice_id: UUID, number: str, customer_id: UUID, entity_id: UUID, frozen: InvoiceContent) -> None:
    row = {
        "id": invoice_id, "document_type": "invoice", "legal_entity_id": entity_id, "customer_id": customer_id,
        "group_key": number, "currency": frozen.currency, "phase": "issued", "detail": "awaiting_document",
        "net_minor": frozen.net_minor, "tax_minor": frozen.tax_minor, "gross_minor": frozen.gross_minor,
        "content_sha256": frozen.sha256(), "payment_terms_days": 30, "due_on": frozen.due_on,
        "issued_on": frozen.issued_on, "issued_at": tx.now, "number": number, "number_year": 2026,
        "sequence_number": None, "created_at": tx.now, "updated_at": tx.now, "phase_since": tx.now,
    }  # fmt: skip
    tx.session.execute(insert(InvoiceRow), [row])


def connect(database: Database, tenant: Tenant, connector: str, *, name: str = "books", **columns: Any) -> UUID:
    """A configured connection of the tenant."""
    row = {
        "id": new_id(), "name": name, "connector": connector, "source": f"connections/{name}", "settings": {},
        "secrets": None, "enabled": True,
    }  # fmt: skip
    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.execute(insert(ConnectionRow), [row | columns])
    identifier = (row | columns)["id"]
    assert isinstance(identifier, UUID)
    return identifier


def set_brand(database: Database, tenant: Tenant, **brand: Any) -> None:
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(TenantRow).where(TenantRow.id == tenant.id).values(brand=brand))


def job(kind: str, **payload: Any) -> Job:
    return Job(id=new_id(), kind=kind, key=kind, payload=payload, attempts=1)


def rows(database: Database, tenant: Tenant, table: type[Any]) -> list[Any]:
    """All rows of ``table`` in the tenant, as they were committed, in the order of their identifiers."""
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        query: Any = select(table).order_by(*table.__table__.primary_key.columns)
        return list(tx.session.scalars(query))


def state_of(database: Database, tenant: Tenant) -> tuple[str, str]:
    """Phase and detail of the tenant's one invoice."""
    (invoice,) = rows(database, tenant, InvoiceRow)
    return invoice.phase, invoice.detail


def told(database: Database, tenant: Tenant) -> list[str]:
    """The time line: events in order."""
    return [row.event for row in rows(database, tenant, InvoiceEventRow)]


def audited(database: Database, tenant: Tenant) -> list[str]:
    return [row.action for row in rows(database, tenant, AuditEntryRow)]


def desk(database: Database, tenant: Tenant) -> list[ExceptionRow]:
    """What stands on the exception desk."""
    return [row for row in rows(database, tenant, ExceptionRow) if row.closed_at is None]


def following(database: Database, events: list[Any], *types: type[Any]) -> Database:
    """``database`` with a follower that puts every published event of ``types`` into ``events``."""

    def follow(_tx: Tx, event: Any) -> None:
        events.append(event)

    return database.with_subscriptions(Subscriptions(inline=dict.fromkeys(types, (follow,))))
