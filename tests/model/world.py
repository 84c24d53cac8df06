"""The real product on a real PostgreSQL: a firm, its people, its workers' hands, and what can be seen from outside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.tables import MilestoneRow
from billwright.collections import jobs as collections_jobs
from billwright.delivery import jobs as delivery_jobs
from billwright.delivery.tables import DeliveryRow
from billwright.documents import jobs as documents_jobs
from billwright.documents.mail import MailRenderer
from billwright.documents.store import FileStore
from billwright.jobs.claim import Lease, claim
from billwright.jobs.handlers import Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.settings import read_settings
from billwright.posting import jobs as posting_jobs
from billwright.posting.post_invoice import Books
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.configuration import ApprovalRule, ReminderStep, RuleSetting, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction, transaction
from billwright.web.composition import spine_handlers
from model.outside import ScriptedErp, ScriptedRenderer
from support.issued import connect, set_brand
from support.mail_server import MailServerHandler
from support.pipeline import AUTOMATIC, Firm, person

MILESTONES: Final = ("M1", "M2", "M3", "M4")
CONFIGURATION: Final = TenantConfiguration(
    rules=(RuleSetting(name="evidence_attached", settings={"severity": "blocking"}),),
    approvals=(ApprovalRule(name="large", at_least=2000), *AUTOMATIC),  # type: ignore[arg-type]  # an int does for a Decimal
    reminders=(ReminderStep(days_after_due=3, tone="friendly"), ReminderStep(days_after_due=14, tone="final")),
    erp_connections=("books",),
)
MANAGER, FINANCE = "invoice:approve_manager", "invoice:approve_finance"
PEOPLE: Final = {
    "Max": person("Max Manager", MANAGER),
    "Fin": person("Fin Ance", FINANCE),
    "Mia": person("Mia Maker", MANAGER, FINANCE, "message:write"),
    "Amy": person("Amy All", MANAGER, FINANCE),
}
CLERK: Final = person(
    "Clara Clerk", "invoice:submit", "posting:retry", "delivery:retry", "dispute:write", "job:retry", "waiver:request"
)
LEAD: Final = person("Wanda Waiver", "waiver:decide")
OPERATOR: Final = Actor(kind="person", name="Olga Operator", permissions=frozenset({"tenant:suspend"}))
SAID: Final = dict.fromkeys(("invoice.submitted", "invoice.returned"), "validation_pending")
"""Audit entries whose name says the phase."""
OPEN: Final = ("queued", "retry", "leased", "dead")


@dataclass(frozen=True)
class Seen:
    """One invoice as it stands."""

    phase: str
    detail: str
    number: str | None
    open_minor: int
    posting: str | None
    delivery: str | None


def build_handlers(
    database: Database, folder: Path, erp: ScriptedErp, renderer: ScriptedRenderer, server: MailServerHandler
) -> Handlers:
    store, mails = FileStore(folder / "files"), MailRenderer()
    post = delivery_jobs.open_post(database, store, server.url)
    books = Books(database, {"fake": erp}, read_settings({"BILLWRIGHT_HOME": str(folder)}))
    return Handlers.of(
        *spine_handlers().by_kind.values(),
        *documents_jobs.handlers(database, store, renderer),
        *delivery_jobs.handlers(post, mails),
        *posting_jobs.handlers(books),
        *collections_jobs.mail_handlers(post, mails),
    )


class World:
    """A new firm with one contract of four milestones; nothing is accepted yet. The fourth rests on a change order."""

    def __init__(self, firm: Firm, handlers: Handlers, erp: ScriptedErp, disk: ScriptedRenderer) -> None:
        self.firm, self.erp, self.disk = firm, erp, disk
        firm.handlers = handlers
        connect(firm.database, firm.tenant, "fake")
        set_brand(firm.database, firm.tenant, name="Acme", support_email="bills@acme.example")
        address = {"street": "Am Tor 1", "postal_code": "20095", "city": "Hamburg", "country": "DE"}
        firm.customer(address=address, tax_id="DE811111111")
        firm.store([firm.event("contract", contract(30), sequence=1)])
        firm.store(
            [
                firm.event("milestone", milestone(ref, 100_000 if ref == "M1" else 400_000), sequence=1)
                for ref in MILESTONES
            ]
        )
        firm.store([firm.event("evidence", evidence(ref), sequence=1) for ref in MILESTONES if ref != "M3"])
        firm.store([firm.event("change_order", change_order(signed=False), sequence=1)])
        firm.drain()
        with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
            rows = tx.session.execute(select(MilestoneRow.id, MilestoneRow.ref))
            self.refs: dict[UUID, str] = {row.id: row.ref for row in rows}

    # Workers' hands

    def claim(self) -> list[Lease]:
        return claim(self.firm.database, self.firm.handlers, tenant_id=self.firm.tenant.id)

    def jobs_of(self, lease_id: UUID) -> list[JobRow]:
        return self._jobs(JobRow.lease_id == lease_id, JobRow.state == "leased")

    def jobs(self, ids: Iterable[UUID]) -> dict[UUID, JobRow]:
        return {row.id: row for row in self._jobs(JobRow.id.in_(list(ids)))}

    def open_jobs(self) -> list[JobRow]:
        return self._jobs(JobRow.state.in_(OPEN))

    def _jobs(self, *where: Any) -> list[JobRow]:
        with control_transaction(self.firm.database, SYSTEM) as tx:
            query = select(JobRow).where(JobRow.tenant_id == self.firm.tenant.id, *where)
            return list(tx.session.scalars(query.order_by(JobRow.id)))

    # What can be seen

    def rows(self, table: type[Any]) -> list[Any]:
        with transaction(self.firm.database, self.firm.tenant, SYSTEM, read_only=True) as tx:
            return list(tx.session.scalars(select(table).order_by(table.id)))

    def invoice(self, invoice_id: UUID) -> InvoiceRow:
        with transaction(self.firm.database, self.firm.tenant, SYSTEM, read_only=True) as tx:
            return tx.session.get_one(InvoiceRow, invoice_id)

    def invoice_of(self, ref: str) -> UUID | None:
        """The invoice or draft on which the milestone is now."""
        return next((row.invoice_id for row in self.rows(BillableItemRow) if self.refs[row.subject_id] == ref), None)

    def seen(self) -> dict[UUID, Seen]:
        owed = {row.invoice_id: row.open_minor for row in self.rows(ReceivableRow)}
        postings = {row.invoice_id: row.state for row in self.rows(PostingRow)}
        mails = {row.subject_id: row.state for row in self.rows(DeliveryRow) if row.subject_kind == "invoice"}
        return {
            row.id: Seen(
                row.phase, row.detail, row.number, owed.get(row.id, 0), postings.get(row.id), mails.get(row.id)
            )
            for row in self.rows(InvoiceRow)
        }

    def phases_told(self) -> dict[UUID, list[str]]:
        """By invoice: the phases that its audit entries name, in their order."""
        told: dict[UUID, list[str]] = {}
        for row in self.rows(AuditEntryRow):
            phase = (row.after or {}).get("phase") or SAID.get(row.action)
            if row.subject_kind == "invoice" and phase:
                told.setdefault(row.subject_id, []).append(phase)
        return told


def contract(terms: int) -> dict[str, Any]:
    return {
        "ref": "K1", "number": "K1", "customer": "C1", "signed_on": "2026-01-10", "currency": "EUR", "value": "900000.00",
        "legal_entity": "DE01", "grouping": "each", "payment_terms_days": terms,
    }  # fmt: skip


def milestone(ref: str, minor: int) -> dict[str, Any]:
    amount = f"{minor // 100}.{minor % 100:02d}"
    data = {"ref": ref, "contract": "K1", "number": ref, "name": f"Step {ref}", "amount": amount, "currency": "EUR"}
    return data | ({"change_order": "O4"} if ref == "M4" else {})


def evidence(ref: str) -> dict[str, Any]:
    return {
        "ref": f"E-{ref}",
        "contract": "K1",
        "milestones": [ref],
        "title": "Protocol",
        "uri": "https://files.example/p.pdf",
    }


def change_order(*, signed: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"ref": "O4", "contract": "K1", "number": "O4"}
    return data | ({"signed_at": "2026-02-01T10:00:00Z"} if signed else {})


def acceptance(ref: str, *, accepted: bool) -> dict[str, Any]:
    return {
        "ref": f"A-{ref}", "contract": "K1", "milestones": [ref], "decision": "accepted" if accepted else "rejected",
        "decided_at": "2026-02-20T10:00:00Z",
    }  # fmt: skip


def payment(ref: str, number: str, minor: int, day: str) -> dict[str, Any]:
    amount = f"{minor // 100}.{minor % 100:02d}"
    return {"ref": ref, "customer": None, "invoice_number": number, "amount": amount, "currency": "EUR", "paid_on": day}


def refs_of(events: Sequence[dict[str, Any]]) -> list[str]:
    return [str(event["data"]["ref"]) for event in events]
