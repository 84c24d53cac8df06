"""What people and the bank do in the demo: approve, contest, pay. Through the same use cases as the portal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, select

from billwright.approvals.decide_step import decide_step
from billwright.billing.tables import AllocationRow, BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import ContractRow, CustomerRow, ExternalReferenceRow
from billwright.cli.demo_doors import DemoFailedError
from billwright.cli.demo_input import Record
from billwright.collections.open_dispute import open_dispute
from billwright.identity.act import actor_for
from billwright.identity.caller import Caller
from billwright.identity.queries import person_by_email, to_partner, to_person
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.money import Money, parse_amount
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow, TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright_tenants.blueprint import Blueprint

STEPS: Final = (
    ("awaiting_manager", "manager_approver", "manager"),
    ("awaiting_finance", "finance_approver", "finance"),
)
"""(where a draft stands, who decides then, what the step is called)."""


@dataclass(frozen=True, slots=True)
class People:
    """The firm's people, as actors with what their roles may do."""

    database: Database
    tenant: Tenant
    blueprint: Blueprint

    def actor(self, role: str) -> Actor:
        """Whoever has ``role`` in the blueprint, as if they had just logged in."""
        email = next(user.email for user in self.blueprint.users if role in user.roles)
        with control_transaction(self.database, SYSTEM) as tx:
            person = person_by_email(tx.session, self.tenant.partner_id, email)
            partner = tx.session.scalars(select(PartnerRow).where(PartnerRow.id == self.tenant.partner_id)).one()
            assert person is not None, email
            caller = Caller(kind="session", partner=to_partner(partner), person=to_person(person), roles=frozenset())
            _, actor = actor_for(tx.session, caller, TenantRow.id == self.tenant.id, tx.now)
        return actor


def approve_drafts(people: People, tenant: Tenant, left: Mapping[str, str]) -> int:
    """Approve all that waits, but for the drafts of contracts in ``left`` at the step named there; return how many."""
    decided = 0
    for detail, role, step in STEPS:
        waiting = _waiting(people.database, tenant, detail)
        chosen = [draft for draft, contract in waiting.items() if left.get(contract[0]) != step]
        if not chosen:
            continue
        actor = people.actor(role)
        for invoice_id in chosen:
            digest = waiting[invoice_id][1]
            decide_step(people.database, tenant, actor, invoice_id, decision="approve", content_sha256=digest)
            decided += 1
    return decided


def _waiting(database: Database, tenant: Tenant, detail: str) -> dict[UUID, tuple[str, str]]:
    """Draft to (a contract that it bills, hash of its content)."""
    query = (
        select(InvoiceRow.id, ContractRow.ref, InvoiceRow.content_sha256)
        .join(InvoiceLineRow, InvoiceLineRow.invoice_id == InvoiceRow.id)
        .join(ContractRow, ContractRow.id == InvoiceLineRow.contract_id)
        .where(InvoiceRow.issued_at.is_(None), InvoiceRow.detail == detail)
        .order_by(InvoiceRow.id)
    )
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return {row[0]: (row[1], row[2]) for row in tx.session.execute(query)}


def dispute(people: People, tenant: Tenant, record: Record) -> None:
    """The customer contests part of the line that bills ``record.subject`` (``kind/key``). Done twice it is done once."""
    kind, _, ref = record.subject.partition("/")
    query = (
        select(InvoiceRow.id, InvoiceRow.currency, InvoiceRow.phase, InvoiceLineRow.position)
        .join(InvoiceLineRow, InvoiceLineRow.invoice_id == InvoiceRow.id)
        .join(AllocationRow, AllocationRow.line_id == InvoiceLineRow.id)
        .join(BillableItemRow, BillableItemRow.id == AllocationRow.item_id)
        .join(ExternalReferenceRow, ExternalReferenceRow.object_id == BillableItemRow.subject_id)
        .where(ExternalReferenceRow.kind == kind, ExternalReferenceRow.ref == ref, InvoiceRow.issued_at.is_not(None))
    )
    with transaction(people.database, tenant, SYSTEM, read_only=True) as tx:
        found = tx.session.execute(query).one_or_none()
    if found is None:
        raise DemoFailedError(f"{tenant.name}: nothing is issued for {record.subject}, so nobody can contest it.")
    if found.phase == "disputed":
        return
    amount = parse_amount(record.amount, found.currency)
    actor = people.actor("collector")
    open_dispute(people.database, tenant, actor, found.id, line=found.position, amount=amount, reason=record.reason)


def payment_data(database: Database, tenant: Tenant, record: Record, paid_on: date) -> dict[str, Any]:
    """The bank's message for a ``pay`` record: about the n-th invoice of a contract, or about money of its own kind."""
    data: dict[str, Any] = {"ref": f"bank/{record.id}", "paid_on": paid_on.isoformat()}
    if not record.invoice:
        given = ("customer", "amount", "currency", "remittance")
        data |= {name: getattr(record, name) for name in given if getattr(record, name)}
        if record.milestones:
            data["milestones"] = [f"{record.contract}/{number}" for number in record.milestones]
        return data
    number, customer, gross = _invoice(database, tenant, record)
    amount = gross if record.part == "full" else parse_amount(record.part, gross.currency)
    data |= {"customer": customer, "amount": str(amount.decimal), "currency": amount.currency}
    if record.says == "number":
        data["invoice_number"] = number
    if record.says == "remittance":
        words = number.replace("-", " ").replace("/", " ").lower()
        data["remittance"] = f"payment of inv. {words}, with thanks"
    return data


def _invoice(database: Database, tenant: Tenant, record: Record) -> tuple[str, str, Money]:
    bills: ColumnElement[bool] = InvoiceRow.id.in_(
        select(InvoiceLineRow.invoice_id)
        .join(ContractRow, ContractRow.id == InvoiceLineRow.contract_id)
        .where(ContractRow.ref == record.contract)
    )
    query = (
        select(InvoiceRow.number, CustomerRow.ref, InvoiceRow.gross_minor, InvoiceRow.currency)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .where(InvoiceRow.issued_at.is_not(None), bills)
        .order_by(InvoiceRow.issued_at, InvoiceRow.id)
    )
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        rows = tx.session.execute(query).all()
    if len(rows) < record.invoice:
        raise DemoFailedError(
            f"{tenant.name}: {record.contract} has {len(rows)} invoices when number {record.invoice} is to be paid."
        )
    number, customer, gross_minor, currency = rows[record.invoice - 1]
    assert number is not None
    return number, customer, Money(gross_minor, currency)
