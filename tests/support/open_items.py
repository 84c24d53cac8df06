"""Issued invoices of several customers with exact amounts, money for them, and what the ledger then says."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update

from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.canon.events import PaymentReceived
from billwright.canon.tables import ContractRow, CustomerRow, LegalEntityRow, MilestoneRow
from billwright.collections.jobs import handlers as collections_handlers
from billwright.delivery.jobs import open_post
from billwright.delivery.tables import MailboxRow
from billwright.documents.mail import MailRenderer
from billwright.documents.store import FileStore
from billwright.extension.canonical import Payment
from billwright.issuing.events import InvoicesIssued, IssuedInvoice
from billwright.issuing.tables import SnapshotRow
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import publish
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.canonical_json import plain
from billwright.kernel.clock import SetClock
from billwright.kernel.events import Subscriptions
from billwright.kernel.ids import new_id, show
from billwright.receivables.jobs import handlers as receivables_handlers
from billwright.receivables.tables import JournalEntryRow, JournalLineRow, PaymentRow, ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction
from support.invoice_contents import content, line
from support.issued import rows as all_rows

CLERK = Actor(
    kind="person",
    name="Clara Clerk",
    id=new_id(),
    person_id=new_id(),
    permissions=frozenset({"payment:write", "dispute:write", "reminder:send", "receivable:read"}),
)
STRANGER = Actor(kind="person", name="Sam Stranger", id=new_id(), person_id=new_id())


def merged(*parts: Any) -> Subscriptions:
    """The followers of rooms' ``jobs`` modules."""
    inline: dict[Any, list[Any]] = {}
    jobs: dict[Any, list[Any]] = {}
    for part in parts:
        for event, followers in getattr(part, "SUBSCRIBED_INLINE", {}).items():
            inline.setdefault(event, []).extend(followers)
        for event, followers in getattr(part, "SUBSCRIBED_JOBS", {}).items():
            jobs.setdefault(event, []).extend(followers)
    return Subscriptions(inline=inline, jobs=jobs)


@dataclass(frozen=True, slots=True)
class Billed:
    """An issued invoice."""

    id: UUID
    number: str
    customer_id: UUID
    line_ids: tuple[UUID, ...]
    gross_minor: int


def open_books(database: Database, tenant: Tenant, folder: Path, **entity: Any) -> "Books":
    """Books of ``tenant`` with one legal entity and the followers of both rooms."""
    import billwright.collections.jobs as collections_jobs
    import billwright.receivables.jobs as receivables_jobs

    books = Books(database.with_subscriptions(merged(receivables_jobs, collections_jobs)), tenant, folder=folder)
    books.entity_id = books.entity(**entity)
    return books


@dataclass(slots=True)
class Books:
    """One tenant's invoices and money. ``database`` has the followers of receivables and collections."""

    database: Database
    tenant: Tenant
    entity_id: UUID = field(default_factory=new_id)
    count: int = 0
    folder: Path = Path()

    def entity(self, *, time_zone: str = "Europe/Berlin", code: str = "NW", **profile: Any) -> UUID:
        identifier = new_id()
        row = {
            "id": identifier, "code": code, "name": "Northgate Works", "country": "DE", "currency": "EUR",
            "time_zone": time_zone, "profile": profile,
        }  # fmt: skip
        with self.tx() as tx:
            tx.session.execute(insert(LegalEntityRow), [row])
        return identifier

    def tx(self, *, read_only: bool = False) -> Any:
        return transaction(self.database, self.tenant, SYSTEM, read_only=read_only)

    def customer(
        self, name: str = "Müller & Söhne", *, language: str = "en", email: str = "ap@mueller.example"
    ) -> UUID:
        identifier = new_id()
        with self.tx() as tx:
            row = {
                "id": identifier, "ref": f"C-{identifier.hex}", "source_time": tx.now, "updated_at": tx.now, "name": name,
                "legal_name": f"{name} GmbH", "tax_id": "", "address": {}, "billing_email": email,
                "contacts": [{"name": "Petra Kühn"}], "language": language, "po_required": False,
            }  # fmt: skip
            tx.session.execute(insert(CustomerRow), [row])
        return identifier

    def milestones(self, customer_id: UUID, count: int = 1) -> tuple[UUID, ...]:
        """Milestones of one new contract."""
        contract_id, ids = new_id(), tuple(new_id() for _ in range(count))
        with self.tx() as tx:
            sourced = {"source_time": tx.now, "updated_at": tx.now}
            contract = sourced | {
                "id": contract_id, "ref": contract_id.hex, "number": "C-1", "title": "Harbour", "customer_id": customer_id,
                "legal_entity": "NW", "value_raw": "", "billing": "milestones", "grouping": "project",
                "acceptance_required": True, "po_number": "", "acceptance_settles_after_days": 0, "clauses": [],
                "status": "active",
            }  # fmt: skip
            tx.session.execute(insert(ContractRow), [contract])
            rows = [
                sourced | {
                    "id": each, "ref": each.hex, "contract_id": contract_id, "number": f"M{n}", "name": f"Part {n}",
                    "basis": "fixed", "amount_raw": "", "clause": "", "removed": False,
                }
                for n, each in enumerate(ids, 1)
            ]  # fmt: skip
            tx.session.execute(insert(MilestoneRow), rows)
        return ids

    def issue(
        self,
        customer_id: UUID,
        *nets_minor: int,
        number: str = "",
        due_in: int = 30,
        due_on: date | None = None,
        currency: str = "EUR",
        rate: int = 0,
        milestones: tuple[UUID | None, ...] = (),
        entity_id: UUID | None = None,
        **line_changes: Any,
    ) -> Billed:
        """An invoice with one line per net amount, published as issuing does. Tax rate 0 unless given, in basis points."""
        self.count += 1
        number = number or f"NW-2026-{self.count:04d}"
        invoice_id, ids = new_id(), tuple(new_id() for _ in nets_minor)
        with self.tx() as tx:
            today = tx.now.date()
            lines = tuple(
                line(
                    n,
                    currency,
                    net_minor=net,
                    unit_price=Decimal(net) / 100,
                    quantity=Decimal(1),
                    tax_rate_basis_points=rate,
                )
                for n, net in enumerate(nets_minor, 1)
            )
            lines = tuple(msgspec.structs.replace(each, **line_changes) for each in lines)
            frozen = content(
                lines=lines, currency=currency, invoice_id=show("inv", invoice_id), issued_on=today,
                due_on=due_on or today + timedelta(days=due_in),
            )  # fmt: skip
            entity = entity_id or self.entity_id
            self._write(tx, invoice_id, number, customer_id, entity, frozen)
            known = tx.session.execute(select(MilestoneRow.id, MilestoneRow.contract_id))
            contracts = {row.id: row.contract_id for row in known}
            fallback = new_id()
            rows = [
                {
                    "id": each, "invoice_id": invoice_id, "position": n, "description": part.description,
                    "quantity": part.quantity, "unit": part.unit, "unit_price": part.unit_price, "net_minor": part.net_minor,
                    "tax_category": part.tax_category, "tax_rate_basis_points": part.tax_rate_basis_points, "tax_reason": "",
                    "contract_id": contracts.get(stone, fallback), "clause": "", "evidence_ids": [], "milestone_id": stone,
                }
                for n, (each, part, stone) in enumerate(
                    zip(ids, lines, milestones or (None,) * len(ids), strict=True), 1
                )
            ]  # fmt: skip
            tx.session.execute(insert(InvoiceLineRow), rows)
            self._number(tx, invoice_id, number, frozen)
            one = IssuedInvoice(invoice_id=invoice_id, legal_entity_id=entity, customer_id=customer_id, content=frozen)
            publish(tx, InvoicesIssued(invoices=(one,)))
        return Billed(invoice_id, number, customer_id, ids, frozen.gross_minor)

    def _write(self, tx: Tx, invoice_id: UUID, number: str, customer_id: UUID, entity_id: UUID, frozen: Any) -> None:
        row = {
            "id": invoice_id, "document_type": "invoice", "legal_entity_id": entity_id, "customer_id": customer_id,
            "group_key": number, "currency": frozen.currency, "phase": "finance_approved", "detail": "approved",
            "net_minor": frozen.net_minor, "tax_minor": frozen.tax_minor, "gross_minor": frozen.gross_minor,
            "content_sha256": frozen.sha256(), "payment_terms_days": 30, "created_at": tx.now, "updated_at": tx.now,
            "phase_since": tx.now,
        }  # fmt: skip
        tx.session.execute(insert(InvoiceRow), [row])
        snapshot = {"invoice_id": invoice_id, "content": plain(msgspec.to_builtins(frozen, builtin_types=()))}
        tx.session.execute(insert(SnapshotRow), [snapshot | {"sha256": frozen.sha256(), "frozen_at": tx.now}])

    def _number(self, tx: Tx, invoice_id: UUID, number: str, frozen: Any) -> None:
        """Lines of an issued invoice cannot be added any more: it is issued last."""
        tx.session.execute(
            update(InvoiceRow)
            .where(InvoiceRow.id == invoice_id)
            .values(
                phase="issued", detail="delivered", due_on=frozen.due_on, issued_on=frozen.issued_on, issued_at=tx.now,
                number=number, number_year=2026, sequence_number=self.count,
            )
        )  # fmt: skip

    def pay(
        self,
        amount: str,
        *,
        ref: str = "",
        customer_id: UUID | None = None,
        milestones: tuple[UUID, ...] = (),
        currency: str = "EUR",
        **said: Any,
    ) -> UUID | None:
        """A payment from a source, as canon publishes it; its identifier, if it was kept."""
        self.count += 1
        ref = ref or f"bank-{self.count}"
        with self.tx() as tx:
            payment = Payment(ref=ref, amount=Decimal(amount), currency=currency, paid_on=tx.now.date(), **said)
            event = PaymentReceived(
                payment=payment, customer_id=customer_id, milestone_ids=milestones, message_id=new_id()
            )
            publish(tx, event)
        with self.tx(read_only=True) as tx:
            found: UUID | None = tx.session.scalars(select(PaymentRow.id).where(PaymentRow.ref == ref)).one_or_none()
            return found

    def work(self) -> int:
        """Do what is due."""
        post = open_post(self.database, FileStore(self.folder), None)
        handlers = Handlers.of(*receivables_handlers(), *collections_handlers(post, MailRenderer()))
        return drain(self.database, handlers, tenant_id=self.tenant.id)

    def open_of(self, invoice: Billed) -> int:
        with self.tx(read_only=True) as tx:
            query = select(ReceivableRow.open_minor).where(ReceivableRow.invoice_id == invoice.id)
            found: int = tx.session.scalars(query).one()
            return found

    def phase_of(self, invoice: Billed) -> tuple[str, str]:
        with self.tx(read_only=True) as tx:
            row = tx.session.execute(
                select(InvoiceRow.phase, InvoiceRow.detail).where(InvoiceRow.id == invoice.id)
            ).one()
            return row.phase, row.detail

    def unapplied(self, payment_id: UUID | None) -> int:
        with self.tx(read_only=True) as tx:
            found: int = tx.session.scalars(select(PaymentRow.unapplied_minor).where(PaymentRow.id == payment_id)).one()
            return found

    def accounts(self, entity_id: UUID | None = None) -> dict[str, int]:
        """Balance per account, of one legal entity or all; those at zero are left out."""
        query = select(JournalLineRow.account, func.sum(JournalLineRow.amount_minor)).join(
            JournalEntryRow, JournalEntryRow.id == JournalLineRow.entry_id
        )
        if entity_id is not None:
            query = query.where(JournalEntryRow.legal_entity_id == entity_id)
        with self.tx(read_only=True) as tx:
            rows = tx.session.execute(query.group_by(JournalLineRow.account))
            return {account: int(total) for account, total in rows if total}

    def check(self) -> None:
        """What must hold whatever happened: entries balance, balances agree with the journal, no cent made or lost."""
        with self.tx(read_only=True) as tx:
            sums: Counter[tuple[UUID, str]] = Counter()
            by_receivable: Counter[UUID] = Counter()
            for each in tx.session.scalars(select(JournalLineRow)):
                sums[each.entry_id, each.currency] += each.amount_minor
                if each.receivable_id is not None:
                    by_receivable[each.receivable_id] += each.amount_minor
            assert not any(sums.values())
            receivables = tx.session.scalars(select(ReceivableRow)).all()
            for row in receivables:
                assert by_receivable[row.id] == row.open_minor, row.id
                assert 0 <= row.open_minor <= row.gross_minor
                assert (row.settled_at is not None) == (row.open_minor == 0)
            payments = tx.session.scalars(select(PaymentRow)).all()
            applied = sum(row.gross_minor - row.open_minor for row in receivables)
            assert sum(row.unapplied_minor for row in payments) + applied == sum(row.amount_minor for row in payments)


def at(books: Books, day: date, hour: int = 12) -> list[MailboxRow]:
    """The mails that come when the clock moves to ``hour`` UTC of ``day``."""
    before = len(mails(books))
    clock = books.database.clock
    assert isinstance(clock, SetClock)
    clock.moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    books.work()
    return mails(books)[before:]


def mails(books: Books) -> list[MailboxRow]:
    return all_rows(books.database, books.tenant, MailboxRow)


def said(mail: MailboxRow) -> str:
    """The text with ordinary blanks."""
    return mail.text.replace("\N{NO-BREAK SPACE}", " ")


def due(books: Books, days: int = 0) -> date:
    """30 days from the start of the test, where invoices are due unless said otherwise, and ``days`` later."""
    return date(2026, 4, 1) + timedelta(days=days)
