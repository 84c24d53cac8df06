"""Recording how an attempt to post ended: the posting, the invoice, the desk, the audit, in one transaction."""

from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import select, update

from billwright.audit.record import record
from billwright.billing.tables import InvoiceRow
from billwright.documents.after_issue import close_exceptions, open_exception, set_detail, tell
from billwright.extension.connectors import ConnectorError
from billwright.intake.tables import ConnectionRow
from billwright.jobs.enqueue import publish
from billwright.posting.events import InvoicePosted
from billwright.posting.tables import PostingRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

REJECTED: Final = "posting_rejected"
MISMATCH: Final = "posting_mismatch"
NO_CONNECTION: Final = "posting_connection"
KEPT_CHARS: Final = 8_000
_TITLES: Final = {REJECTED: "Posting was refused", MISMATCH: "Posting does not agree"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one attempt ended. ``failure`` is raised after it is recorded, so that the job is tried again or dies."""

    state: Literal["posted", "mismatch", "rejected", "failed"]
    external_id: str | None = None
    external_number: str | None = None
    read_back: dict[str, Any] | None = None
    found_there: bool = False
    error: str | None = None
    remedy: str | None = None
    request: str | None = None
    response: str | None = None
    failure: Exception | None = None


def conclude(tx: Tx, attempt: Attempt, *, posting_id: UUID, invoice_id: UUID, connection: str, number: int) -> None:
    """Write everything that follows from the ``number``-th attempt. The invoice is locked: the last of its postings sees all."""
    tx.session.execute(select(InvoiceRow.id).where(InvoiceRow.id == invoice_id).with_for_update())
    values: dict[str, Any] = {
        "state": attempt.state,
        "error": attempt.error,
        "remedy": attempt.remedy,
        "request": (attempt.request or "")[:KEPT_CHARS] or None,
        "response": (attempt.response or "")[:KEPT_CHARS] or None,
    }
    if attempt.external_id is not None:
        values |= {
            "external_id": attempt.external_id,
            "external_number": attempt.external_number,
            "read_back": attempt.read_back,
        }
    if attempt.state == "posted":
        values["posted_at"] = tx.now
    tx.session.execute(
        update(PostingRow)
        .where(PostingRow.id == posting_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    facts = {"connection": connection, "attempt": number, "external_id": attempt.external_id, "error": attempt.error}
    record(tx, f"posting.{attempt.state}", "posting", posting_id, after=facts)
    _tell(tx, attempt, invoice_id, posting_id, connection)
    if attempt.state == "posted":
        close_exceptions(tx, posting_id, REJECTED, MISMATCH, how=f"It was posted to {connection}.")
        close_exceptions(tx, invoice_id, NO_CONNECTION, how=f"It was posted to {connection}.")
        _finish(tx, invoice_id, connection)
        return
    set_detail(tx, invoice_id, "posting_failed")
    if attempt.state in {"rejected", "mismatch"}:
        code = REJECTED if attempt.state == "rejected" else MISMATCH
        open_exception(
            tx,
            subject_kind="posting",
            subject_id=posting_id,
            code=code,
            title=_TITLES[code],
            reason=f"{connection}: {attempt.error}",
            remedy=attempt.remedy or "",
            invoice_id=invoice_id,
        )


def miss_connection(tx: Tx, invoice_id: UUID, reason: str) -> None:
    """The configuration names a connection that is not there: no posting can be made, so the invoice stands on the desk."""
    set_detail(tx, invoice_id, "posting_failed")
    tell(tx, invoice_id, "posting.failed", reason)
    open_exception(
        tx,
        subject_kind="invoice",
        subject_id=invoice_id,
        code=NO_CONNECTION,
        title="Connection is missing",
        reason=reason,
        remedy="Add the connection or correct its name in the configuration, then retry the job.",
        owner_role="integration_administrator",
        invoice_id=invoice_id,
    )


def _tell(tx: Tx, attempt: Attempt, invoice_id: UUID, posting_id: UUID, connection: str) -> None:
    shown = f" as {attempt.external_number}" if attempt.external_number else ""
    texts = {
        "posted": f"Found in {connection}{shown}; it agrees."
        if attempt.found_there
        else f"Posted to {connection}{shown}; what it holds agrees.",
        "mismatch": f"What {connection} holds does not agree. {attempt.error}",
        "rejected": f"{connection} refused the invoice. {attempt.error} {attempt.remedy or ''}".rstrip(),
        "failed": f"{connection} could not be reached; it is tried again."
        if isinstance(attempt.failure, ConnectorError)
        else f"Posting to {connection} failed for a technical reason; it stands among the dead letters.",
    }
    tell(tx, invoice_id, f"posting.{attempt.state}", texts[attempt.state], posting_id=posting_id)


def _finish(tx: Tx, invoice_id: UUID, connection: str) -> None:
    """When the last of the tenant's connections agrees, the invoice is posted; a later phase is never set back."""
    query = (
        select(ConnectionRow.name, PostingRow.state)
        .join(ConnectionRow, ConnectionRow.id == PostingRow.connection_id)
        .where(PostingRow.invoice_id == invoice_id)
    )
    states = {row.name: row.state for row in tx.session.execute(query)}
    wanted = read_configuration(tx).erp_connections or (connection,)
    if any(states.get(name) in {"failed", "rejected", "mismatch"} for name in wanted):
        set_detail(tx, invoice_id, "posting_failed")
    if connection not in wanted or any(states.get(name) != "posted" for name in wanted):
        return
    tx.session.execute(
        update(InvoiceRow)
        .where(InvoiceRow.id == invoice_id, InvoiceRow.phase == "issued")
        .values(phase="posted", phase_since=tx.now, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )
    set_detail(tx, invoice_id, "posted")
    record(tx, "invoice.posted", "invoice", invoice_id, after={"connections": list(wanted)})
    publish(tx, InvoicePosted(invoice_id=invoice_id))
