"""Checking and reading an e-invoice for a tenant: nothing of it is kept but the audit entry that says what was checked."""

import hashlib

from billwright.audit.record import record
from billwright.einvoice.checker import Checker
from billwright.einvoice.findings import Report
from billwright.einvoice.queries import rules_of
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def check_einvoice(
    database: Database, tenant: Tenant, actor: Actor, body: bytes, *, checker: Checker, trace_id: str | None = None
) -> Report:
    """Check ``body`` by all rules that apply, and read it. Between transactions: the check takes seconds at worst.

    Raises:
        PermissionDeniedError: the caller may not read invoices (``invoice:read``).
        InputInvalidError: there is no body.
        EinvoiceBusyError: too many documents wait.
    """
    actor.require("invoice:read")
    if not body.strip():
        raise InputInvalidError("Send the e-invoice as the body: XML, or a PDF that carries it.", field="body")
    report = checker.check(body, rules_of(database), read=True)
    number = report.reading.invoice.number if report.reading else None
    after = {
        "sha256": hashlib.sha256(body).hexdigest(),
        "syntax": report.syntax,
        "specification": report.specification,
        "number": number,
        "verdict": report.verdict,
        "fatal": sorted({finding.rule for finding in report.findings if finding.severity == "fatal"}),
    }
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        record(tx, "einvoice.checked", "einvoice", None, after=after)
    return report
