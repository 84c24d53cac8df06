"""Use case of a job: an issued invoice into one ERP connection, as a saga step - intent, look, act, read back, outcome.

Looks before each post, so an attempt that died after the ERP had posted makes no second document. A refusal by the ERP
and a disagreement are business matters on the desk; an ERP that does not answer is neither, and is tried again.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import record
from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import LegalEntityRow
from billwright.documents.after_issue import set_detail
from billwright.documents.queries import frozen_invoice
from billwright.extension.connectors import (
    ConnectorError,
    Context,
    Erp,
    PostedDocument,
    PostingInvoice,
    RejectedError,
    TransientError,
)
from billwright.extension.manifest import Manifest
from billwright.intake.tables import ConnectionRow
from billwright.kernel import tracing
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import DomainError, SettingsInvalidError
from billwright.kernel.ids import new_id
from billwright.kernel.redact import redact, secret_texts
from billwright.kernel.settings import Settings
from billwright.posting.conclude import Attempt, conclude, miss_connection
from billwright.posting.convert import differences, to_posting
from billwright.posting.errors import ConnectionMissingError
from billwright.posting.outgoing import connection_folder, open_client
from billwright.posting.tables import PostingRow
from billwright.tenancy.database import Database
from billwright.tenancy.secrets import open_sealed
from billwright.tenancy.transaction import Tenant, Tx, transaction

_ENDED: Final = frozenset({"posted", "rejected", "mismatch"})


class ConnectorBrokenError(Exception):
    """A bug in a connector: its trace with secrets removed. Not a refusal; the job becomes a dead letter at once."""


@dataclass(frozen=True, slots=True)
class Books:
    """What posting needs, wired once per process. ``connectors``: name to connector, as ``available_connectors()``."""

    database: Database
    connectors: Mapping[str, Any]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Intent:
    """What one attempt works on; read in the transaction that recorded it."""

    posting_id: UUID
    invoice_id: UUID
    attempt: int
    connection: ConnectionRow
    invoice: PostingInvoice


def post_invoice(
    books: Books, tenant: Tenant, invoice_id: UUID, connection: str, *, trace_id: str | None = None
) -> None:
    """Post the invoice to ``connection`` unless it was, or a person must decide first.

    Raises:
        ConnectionMissingError: the tenant has no such connection.
        NotFoundError: no such issued invoice.
        TransientError, ThrottledError: not now; the attempt is recorded.
        ConnectorBrokenError: the connector has a bug; the attempt is recorded.
        SettingsInvalidError: its secrets cannot be opened.
    """
    try:
        with transaction(books.database, tenant, SYSTEM, trace_id=trace_id) as tx:
            intent = _intend(tx, invoice_id, connection)
    except ConnectionMissingError as error:
        with transaction(books.database, tenant, SYSTEM, trace_id=trace_id) as tx:
            miss_connection(tx, invoice_id, str(error))
        raise
    if intent is None:
        return
    attempt = _attempt(books, tenant, intent)
    if attempt.state in {"rejected", "mismatch"}:
        tracing.refused(attempt.state)
    with transaction(books.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        conclude(
            tx,
            attempt,
            posting_id=intent.posting_id,
            invoice_id=invoice_id,
            connection=connection,
            number=intent.attempt,
        )
    if attempt.failure is not None:
        raise attempt.failure


def _intend(tx: Tx, invoice_id: UUID, name: str) -> Intent | None:
    """The intent row, one attempt further; ``None`` when there is nothing left to do."""
    connection = tx.session.scalars(select(ConnectionRow).where(ConnectionRow.name == name)).one_or_none()
    if connection is None:
        raise ConnectionMissingError(
            f"The configuration posts to {name!r}, and there is no such connection.",
            connection=name,
        )
    frozen = frozen_invoice(tx, invoice_id)
    entity = tx.session.scalars(select(LegalEntityRow).where(LegalEntityRow.id == frozen.legal_entity_id)).one()
    fresh = {
        "id": new_id(),
        "invoice_id": invoice_id,
        "connection_id": connection.id,
        "key": str(invoice_id),  # no prefix: some systems take an underscore for a wildcard when they look it up
        "state": "intended",
        "attempts": 0,
        "intended_at": tx.now,
    }
    tx.session.execute(upsert(PostingRow).values([fresh]).on_conflict_do_nothing())
    row = tx.session.scalars(
        select(PostingRow)
        .where(PostingRow.invoice_id == invoice_id, PostingRow.connection_id == connection.id)
        .with_for_update()
    ).one()
    if row.state in _ENDED:
        return None
    phase = select(InvoiceRow.phase).where(InvoiceRow.id == invoice_id).with_for_update()
    if tx.session.scalars(phase).one() == "void":
        row.state, row.error = "rejected", "The invoice is void."
        record(tx, "posting.intended", "posting", row.id, after={"invoice": row.key, "state": "rejected"})
        return None
    if row.attempts == 0:
        record(tx, "posting.intended", "posting", row.id, after={"invoice": row.key, "connection": name})
    tx.session.execute(
        update(PostingRow)
        .where(PostingRow.id == row.id)
        .values(state="intended", attempts=PostingRow.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    set_detail(tx, invoice_id, "posting")
    invoice = to_posting(
        frozen.content,
        frozen.number,
        key=row.key,
        legal_entity=entity.code,
        revenue_account=str(entity.profile.get("revenue_account") or ""),
    )
    return Intent(row.id, invoice_id, row.attempts + 1, connection, invoice)


def _attempt(books: Books, tenant: Tenant, intent: Intent) -> Attempt:
    """Everything outside of a transaction; every way in which it can end becomes an attempt to record."""
    known: list[str] = []
    try:
        erp, settings, secrets = _prepare(books, tenant, intent.connection)
        known = secret_texts(secrets)
        folder = connection_folder(books.settings.home, tenant.slug, intent.connection.name)
        private = books.settings.private_hosts_allowed
        with open_client(erp.manifest, settings, private_hosts_allowed=private) as http:
            context = Context(settings=settings, secrets=secrets, http=http, tenant=tenant.slug, folder=str(folder))
            return _act(erp, context, intent.invoice)
    except RejectedError as error:
        return _ended("rejected", error, known, remedy=error.remedy)
    except ConnectorError as error:
        return _ended("failed", error, known)
    except (httpx.TransportError, ConnectionError, TimeoutError) as error:
        return _ended("failed", TransientError(f"The system does not answer: {error!r}"), known)
    except DomainError as error:  # the operator's key is wrong: nothing that a connector saw
        return Attempt(state="failed", error=str(error), failure=error)
    except Exception as error:
        trace = redact("".join(traceback.format_exception(error)), known)
        return Attempt(state="failed", error=trace.strip().splitlines()[-1], failure=ConnectorBrokenError(trace))


def _prepare(books: Books, tenant: Tenant, connection: ConnectionRow) -> tuple[Any, msgspec.Struct, msgspec.Struct]:
    """The connector with its checked settings and opened secrets.

    Raises:
        RejectedError: the connection is disabled or does not fit its connector.
        SettingsInvalidError: the secrets cannot be opened.
    """
    if not connection.enabled:
        raise RejectedError(
            f"The connection {connection.name!r} is disabled.", remedy="Enable the connection, then retry."
        )
    try:
        connector: Any = books.connectors[connection.connector]
        manifest: Manifest = connector.manifest
    except KeyError:
        raise _unfit(connection, f"there is no connector {connection.connector!r}") from None
    except DomainError as error:  # installed, but it cannot be loaded
        raise _unfit(connection, str(error)) from error
    if not isinstance(connector, Erp):
        raise _unfit(connection, "its connector does not post invoices")
    sealed = connection.secrets
    opened = open_sealed(_master_key(books.settings), tenant.id, sealed) if sealed else "{}"
    try:
        settings = msgspec.convert(connection.settings, manifest.settings_model, strict=False)
        return connector, settings, msgspec.json.decode(opened, type=manifest.secrets_model)
    except msgspec.DecodeError as error:
        raise _unfit(connection, str(error)) from None


def _master_key(settings: Settings) -> str:
    if settings.master_key is None:
        raise SettingsInvalidError("BILLWRIGHT_MASTER_KEY is not set.", field="BILLWRIGHT_MASTER_KEY")
    return settings.master_key


def _unfit(connection: ConnectionRow, why: str) -> RejectedError:
    return RejectedError(
        f"The connection {connection.name!r} cannot be used: {why}.",
        remedy="Correct the connection's connector, settings or secrets, then retry.",
    )


def _act(erp: Erp, context: Context, invoice: PostingInvoice) -> Attempt:
    """Look, post if it is not there, read back, compare."""
    held = erp.find(context, invoice.key)
    found_there = held is not None
    external_id = held.external_id if held is not None else erp.post(context, invoice)
    if held is None:
        held = erp.find(context, invoice.key)
    if held is None:
        return Attempt(
            state="mismatch",
            external_id=external_id,
            error=f"It said that it posted the invoice as {external_id}, and does not show it.",
            remedy="Look for the invoice in the system. Retry when it is there, or when it surely is not.",
        )
    different = differences(invoice, held)
    return Attempt(
        state="mismatch" if different else "posted",
        external_id=held.external_id,
        external_number=held.number,
        read_back=_plain(held),
        found_there=found_there,
        error=" ".join(different) or None,
        remedy="Correct the document in the system so that it agrees with the invoice, then retry."
        if different
        else None,
    )


def _plain(held: PostedDocument) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(held)
    return plain


def _ended(
    state: Literal["failed", "rejected"], error: ConnectorError, known: list[str], *, remedy: str | None = None
) -> Attempt:
    """``error`` with its secrets removed: it goes on the posting, and by way of the job onto a dead letter."""
    error.request, error.response = redact(error.request, known), redact(error.response, known)
    error.args = (redact(str(error), known),)
    return Attempt(
        state=state,
        error=str(error),
        remedy=redact(remedy, known) if remedy else None,
        request=error.request or None,
        response=error.response or None,
        failure=error if state == "failed" else None,
    )
