"""Use case of a job: check the e-invoices that drafts would become, keep what was found, and ask for the checks again."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import entry_values, record_many
from billwright.billing.events import DraftsChanged
from billwright.einvoice.checker import Checker
from billwright.einvoice.examiner import CHECK
from billwright.einvoice.make_einvoice import Made, make
from billwright.einvoice.queries import rules_of
from billwright.einvoice.standing import Standing, standings
from billwright.einvoice.tables import EinvoiceCheckRow
from billwright.issuing.preview import would_be
from billwright.jobs.enqueue import enqueue, publish
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

NUMBER: Final = "DRAFT"
"""Stands for the number, which is taken when the invoice is issued."""
FINDINGS_MAX: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)
"""What could not be checked is tried again by itself after that time; a person may ask after a minute."""


def check_draft_einvoices(
    database: Database, checker: Checker, tenant: Tenant, invoice_ids: Sequence[UUID], *, trace_id: str | None = None
) -> None:
    """Check those that are not checked as they are now. Safe to run twice; a draft that changed meanwhile is asked for anew.

    Raises:
        EinvoiceBusyError: too many documents wait; nothing is kept, the job comes again.
    """
    with transaction(database, tenant, SYSTEM, trace_id=trace_id, read_only=True) as tx:
        open_ones = [each for each in standings(tx, invoice_ids) if not each.is_checked]
        contents = would_be(tx, [each.invoice_id for each in open_ones])
    if not open_ones:
        return
    rules = rules_of(database)
    checked: list[tuple[Standing, Made]] = []
    for each in open_ones:
        profile = each.wanted.profile
        assert profile is not None, "what needs no e-invoice is checked"
        checked.append((each, make(checker, contents[each.invoice_id], NUMBER, profile, rules)))
    with transaction(database, tenant, SYSTEM, trace_id=trace_id) as tx:
        _keep(tx, checked)


def _keep(tx: Tx, checked: Sequence[tuple[Standing, Made]]) -> None:
    rows = [_row(tx, standing, made) for standing, made in checked]
    statement = upsert(EinvoiceCheckRow).values(rows)
    changed = {name: statement.excluded[name] for name in rows[0] if name != "invoice_id"}
    tx.session.execute(statement.on_conflict_do_update(index_elements=["invoice_id"], set_=changed))
    entries = []
    for row in rows:
        rules = sorted({each["rule"] for each in row["findings"] if each["severity"] == "fatal"})
        after = {"format": row["format"], "failed": row["failed"], "fatal": rules, "basis_sha256": row["basis_sha256"]}
        entries.append(entry_values(tx, "invoice.einvoice_checked", "invoice", row["invoice_id"], after=after))
    record_many(tx, entries)
    publish(tx, DraftsChanged(invoice_ids=tuple(row["invoice_id"] for row in rows)))
    again = [row["invoice_id"] for row in rows if row["failed"]]
    if again:
        key = f"check_einvoice_again:{again[0]}"
        enqueue(tx, [JobSpec(kind=CHECK, key=key, payload={"invoice_ids": again}, run_at=tx.now + AGAIN_AFTER)])


def _row(tx: Tx, standing: Standing, made: Made) -> dict[str, Any]:
    assert standing.wanted.profile is not None
    ordered = sorted(made.findings, key=lambda each: each.severity not in {"fatal", "unchecked"})
    return {
        "invoice_id": standing.invoice_id,
        "basis_sha256": standing.basis,
        "format": standing.wanted.profile.format,
        "failed": made.is_unchecked,
        "findings": msgspec.to_builtins(ordered[:FINDINGS_MAX]),
        "rule_sets": list(made.rule_sets),
        "checked_at": tx.now,
    }
