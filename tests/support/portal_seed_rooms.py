"""What posting, delivery and collections keep, put straight into their tables: the portal's tests need no other server."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from billwright.billing.tables import InvoiceRow
from billwright.collections.open_dispute import open_dispute
from billwright.collections.tables import ReminderRow
from billwright.delivery.tables import DeliveryRow, MailboxRow
from billwright.intake.tables import ConnectionRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person

COLLECTOR = person("Paul Nowak", "dispute:write")


def fill_later_rooms(firm: Firm) -> None:
    """What posting, delivery and receivables keep, put straight into their tables."""
    issued = [row for row in firm.invoices() if row.number]
    assert len(issued) >= 3, [(row.phase, row.detail, row.net_minor) for row in firm.invoices()]
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tryton, psa = new_id(), new_id()
        base: dict[str, Any] = {
            "settings": {},
            "secrets": None,
            "hook_secret": None,
            "person_id": None,
            "enabled": True,
        }
        connections = [
            base | {"id": tryton, "name": "books", "connector": "tryton", "source": "connections/books"},
            base | {"id": psa, "name": "psa", "connector": "agreements", "source": "psa:test", "enabled": False},
        ]
        tx.session.execute(insert(ConnectionRow), connections)
        states = ("posted", "posted", "mismatch")
        tx.session.execute(
            insert(PostingRow), [_posting(tx.now, tryton, *each) for each in zip(issued[:3], states, strict=True)]
        )
        deliveries = [_delivery(tx.now, row) for row in issued[:3]]
        tx.session.execute(insert(DeliveryRow), deliveries)
        tx.session.execute(
            insert(MailboxRow), [_mail(tx.now, *each) for each in zip(issued[:3], deliveries, strict=True)]
        )
        receivables = {row.invoice_id: row for row in tx.session.scalars(select(ReceivableRow))}
        second = receivables[issued[1].id]
        second.due_on = date(2026, 2, 20)
        reminder = {
            "id": new_id(), "key": "r1", "legal_entity_id": second.legal_entity_id, "customer_id": second.customer_id,
            "currency": "EUR", "language": "fr", "step": 1, "tone": "friendly",
            "total_minor": second.open_minor - 4_000_00, "positions": [], "made_at": tx.now,
        }  # fmt: skip
        tx.session.execute(insert(ReminderRow), [reminder])
    reason = "Section B was not part of the concept."
    open_dispute(
        firm.database, firm.tenant, COLLECTOR, issued[1].id, line=1, amount=Money(4_000_00, "EUR"), reason=reason
    )
    firm.send(
        "payment", ref="BANK-1", customer="C-ALPINE", invoice_number=issued[0].number, amount="5000.00", currency="EUR",
        paid_on="2026-02-27", remittance=f"{issued[0].number} part payment",
    )  # fmt: skip


def _posting(now: datetime, connection: UUID, row: InvoiceRow, state: str) -> dict[str, Any]:
    agrees = state == "posted"
    return {
        "id": new_id(), "invoice_id": row.id, "connection_id": connection, "key": str(row.id), "state": state, "attempts": 1,
        "external_id": "811", "external_number": row.number, "read_back": {},
        "error": None if agrees else "The total in the books is EUR 32,606.00, ours is EUR 32,606.01.",
        "remedy": None if agrees else "Correct the tax rounding in the books, then retry.",
        "intended_at": now, "posted_at": now if agrees else None,
    }  # fmt: skip


def _delivery(now: datetime, row: InvoiceRow) -> dict[str, Any]:
    return {
        "id": new_id(), "key": f"mail:{row.id}", "subject_kind": "invoice", "subject_id": row.id, "channel": "email",
        "recipient": "ap@alpine.example", "state": "sent", "attempts": 1, "message_ref": "<1@x>", "outcome": "kept in the mailbox",
        "intended_at": now, "finished_at": now,
    }  # fmt: skip


def _mail(now: datetime, row: InvoiceRow, delivery: dict[str, Any]) -> dict[str, Any]:
    html = (
        '<html><body style="font-family:sans-serif;margin:32px"><h1 style="color:#0b5d6b">Invoice</h1><p>Please find the '
        f"invoice {row.number} attached.</p>"
        "</body></html>"
    )
    return {
        "id": new_id(), "delivery_id": delivery["id"], "at": now, "sender": "Northgate Engineering <billing@northgate.example>",
        "recipient": delivery["recipient"], "subject": f"Invoice {row.number}", "html": html,
        "text": f"Please find the invoice {row.number} attached.",
        "attachments": [{"name": f"{row.number}.pdf", "media_type": "application/pdf", "size_bytes": 48213, "sha256": "0" * 64}],
    }  # fmt: skip
