"""A firm with three issued invoices, ways to break it around all guards, and what the checks of the invariants then say."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, text

from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import BillableItemRow, InvoiceLineRow
from billwright.documents.store import FileStore
from billwright.insight.invariants import Verdict, check_invariants, check_scope
from billwright.insight.invariants_base import Scope
from billwright.kernel.actor import SYSTEM
from billwright.receivables.tables import JournalEntryRow, ReceivableRow
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration
from billwright.tenancy.owner import bind_tenant, owner_transaction
from billwright.tenancy.transaction import ControlTx, Tx, transaction
from support.pipeline import AUTOMATIC, Firm, person

MANAGER, FINANCE = "invoice:approve_manager", "invoice:approve_finance"
MATRIX = (ApprovalRule(name="large", at_least=5000, steps=("manager", "finance")), *AUTOMATIC)  # type: ignore[arg-type] # an int does for a Decimal
Offences = set[tuple[int, str]]


@dataclass
class Scene:
    """A firm with a large invoice that two people approved, one of time entries, and one of an expense."""

    firm: Firm
    names: dict[str, str]
    """What the breaking statements and the expected subjects call by name."""

    def run(self, statements: str) -> None:
        """As the owner, with the guards off; committed."""
        with owner_transaction(self.firm.database, SYSTEM) as control:
            self._break(control, statements)

    def offences_after(self, statements: str, store: FileStore | None = None) -> Offences:
        """What is reported when ``statements`` are done; then they are undone."""
        found: Offences = set()
        with suppress(UndoneError), owner_transaction(self.firm.database, SYSTEM) as control:
            tx = self._break(control, statements)
            scope = Scope(tx=tx, database=self.firm.database, tenant=self.firm.tenant, store=store)
            found = pairs(check_scope(scope))
            raise UndoneError
        return found

    def _break(self, control: ControlTx, statements: str) -> Tx:
        tx = bind_tenant(control, self.firm.tenant)
        for table in ("invoice", "invoice_line", "allocation"):
            tx.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        tx.session.connection().exec_driver_sql(self.fill(statements))
        return tx

    def fill(self, template: str) -> str:
        return re.sub(r"<(\w+)>", lambda match: self.names[match[1]], template)

    def offences(self, store: FileStore | None = None) -> Offences:
        return pairs(check_invariants(self.firm.database, self.firm.tenant, store))


def pairs(verdicts: list[Verdict]) -> Offences:
    return {(each.invariant.number, one.subject) for each in verdicts for one in each.offenders}


class UndoneError(Exception):
    """Ends a transaction without a commit."""


def rows(firm: Firm, table: type[Any]) -> list[Any]:
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        return list(tx.session.scalars(select(table).order_by(table.id)))


@pytest.fixture
def scene(make_firm: Callable[[TenantConfiguration], Firm]) -> Scene:
    rules = (RuleSetting(name="purchase_order"),)
    firm = make_firm(TenantConfiguration(approvals=MATRIX, rules=rules, render_documents=False, deliver_by_mail=False))
    firm.customer()
    firm.contract()
    firm.milestone(amount="12345.67")
    firm.accept()
    firm.contract("K2", billing="mixed", value=None)
    rates = [{"role": "Senior", "hourly": "133.33", "effective_from": "2026-01-01"}]
    approved = {"contract": "K2", "person_name": "Jo", "status": "approved", "approved_by": "Lead"}
    firm.store(
        [
            firm.event("rate_card", {"ref": "R1", "contract": "K2", "currency": "EUR", "rates": rates}),
            *(
                firm.event(
                    "time_entry", {**approved, "ref": f"T{n}", "role": "Senior", "worked_on": day, "hours": hours}
                )
                for n, day, hours in ((1, "2026-02-02", "0.1"), (2, "2026-02-03", "7.3"))
            ),
        ]
    )
    firm.drain()
    expense = {"ref": "E1", "spent_on": "2026-01-20", "category": "travel", "amount": "80.50", "currency": "EUR"}
    firm.store([firm.event("expense", approved | expense)])
    firm.drain()
    large = next(invoice for invoice in firm.invoices() if invoice.net_minor == 12345_67)
    firm.decide(person("Max Manager", MANAGER), invoice=large)
    firm.decide(person("Fin Ance", FINANCE), invoice=large)
    return Scene(firm, _names(firm))


@pytest.fixture
def bare(make_firm: Callable[[TenantConfiguration], Firm]) -> Scene:
    """A firm without any business: grants need none."""
    return Scene(make_firm(TenantConfiguration()), {})


def _names(firm: Firm) -> dict[str, str]:
    """Identifiers of the rows: of the large invoice (``large``, ``line``...), the time (``time``) and the expense's."""
    invoices = {"large": 12345_67, "time": 986_64, "expense": 80_50}
    by_net = {invoice.net_minor: invoice for invoice in firm.invoices()}
    assert {by_net[net].phase for net in invoices.values()} == {"issued"}, by_net
    names = {name: str(by_net[net].id) for name, net in invoices.items()}
    names |= {f"{name}_number": str(by_net[net].number) for name, net in invoices.items()}
    large = by_net[12345_67].id
    item = next(row for row in rows(firm, BillableItemRow) if row.invoice_id == large)
    times = [row for row in rows(firm, BillableItemRow) if row.kind == "time"]
    names |= {"item": str(item.id), "key": item.transaction_key, "time_item": str(times[0].id)}
    names["time_key"] = times[0].transaction_key
    names["line"] = next(str(row.id) for row in rows(firm, InvoiceLineRow) if row.invoice_id == large)
    names["receivable"] = next(str(row.id) for row in rows(firm, ReceivableRow) if row.invoice_id == large)
    names["entry"] = next(str(row.id) for row in rows(firm, JournalEntryRow) if row.subject_id == large)
    steps = {row.role: str(row.id) for row in rows(firm, ApprovalStepRow)}
    return names | {"manager_step": steps["manager"], "finance_step": steps["finance"], "schema": firm.tenant.schema}


def shown(scene: Scene, subject: str) -> str:
    """``inv:<large>`` as people see it; a number or key as it is."""
    prefix, marked, identifier = scene.fill(subject).partition(":")
    return f"{prefix}_{identifier.replace('-', '')}" if marked and len(prefix) == 3 else scene.fill(subject)


def entry(action: str, subject: str) -> str:
    """An audit entry of a row that the test puts in itself."""
    return (
        "; INSERT INTO audit_entry (id, at, actor_kind, actor_name, action, subject_kind, subject_id) VALUES "
        f"(gen_random_uuid(), now(), 'system', 'Test', '{action}', 'test', '{subject}')"
    )


FROZEN_SHA = "(SELECT sha256 FROM invoice_snapshot WHERE invoice_id = '<large>')"
DOC_ID, PST_ID, PAY_ID = (f"0197a1b0-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))


def document(sha256: str) -> str:
    """A document of the large invoice, whose file is not in the store; ``sha256`` is SQL."""
    return (
        f"INSERT INTO document VALUES ('{DOC_ID}', '<large>', 'invoice_pdf', 'a.pdf', 'application/pdf', repeat('0', 64), 1, "
        f"{sha256}, 1, now())" + entry("document.made", "<large>")
    )


def posting(changes: str = "{}", *, recorded: bool = True) -> str:
    """The large invoice posted; ``changes`` is what the ERP holds otherwise, as JSON."""
    statement = (
        "INSERT INTO posting (id, invoice_id, connection_id, key, state, attempts, read_back, intended_at) SELECT "
        f"'{PST_ID}', invoice_id, gen_random_uuid(), 'k', 'posted', 1, jsonb_build_object('net_minor', 1234567, 'tax_minor', 0, "
        "'gross_minor', 1234567, 'currency', 'EUR', 'party_key', content -> 'buyer' ->> 'id', "
        f"'issued_on', content ->> 'issued_on') || '{changes}', now() FROM invoice_snapshot WHERE invoice_id = '<large>'"
    )
    return statement + entry("posting.intended", PST_ID) + (entry("posting.posted", PST_ID) if recorded else "")


def payment(left: int, *, recorded: bool = True) -> str:
    """A payment of 1.00 EUR, applied to nothing, that says that ``left`` cents are left of it."""
    statement = (
        "INSERT INTO payment (id, ref, amount_minor, unapplied_minor, currency, paid_on, invoice_number, remittance, "
        f"milestone_ids, received_at) VALUES ('{PAY_ID}', 'P1', 100, {left}, 'EUR', '2026-03-02', '', '', '{{}}', now())"
    )
    return statement + (entry("payment.received", PAY_ID) if recorded else "")


DOC, PST, PAY = (f"{prefix}:{key}" for prefix, key in (("doc", DOC_ID), ("pst", PST_ID), ("pay", PAY_ID)))
EVERYTHING_OF_LARGE = (
    "DELETE FROM allocation WHERE invoice_id = '<large>'; DELETE FROM invoice_line WHERE invoice_id = '<large>'; "
    "DELETE FROM approval_step WHERE invoice_id = '<large>'; DELETE FROM invoice_snapshot WHERE invoice_id = '<large>'; "
    "DELETE FROM journal_line WHERE entry_id = '<entry>'; DELETE FROM receivable WHERE invoice_id = '<large>'; "
    "DELETE FROM invoice WHERE id = '<large>'"
)
