"""Use case of a job: ask a register whether a customer's VAT id is valid, and keep the answer as evidence.

Asked outside of any transaction. A certain answer stands for the id until a later one; when it changes what stood, the
customer's drafts are priced again, and an id that is not registered holds them. No answer is no answer: asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import record
from billwright.billing.jobs import on_customers_touched
from billwright.billing.tax.tables import VatCheckRow, VatStandingRow
from billwright.billing.tax.vat_ids import verdict
from billwright.canon.events import CustomersTouched
from billwright.canon.tables import CustomerRow
from billwright.extension.connectors import ConnectorError, Context, RejectedError, TransientError
from billwright.extension.registers import RegisterAnswer, TaxRegister
from billwright.intake.tables import ConnectionRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.posting.outgoing import open_client
from billwright.posting.post_invoice import Books
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tenant, Tx, transaction

VALID_FOR: Final = timedelta(days=30)
INVALID_FOR: Final = timedelta(hours=20)
"""How long an answer is not asked for again when the customer is sent again: an id may be registered tomorrow."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, read in a transaction of its own."""

    customer_id: UUID
    tax_id: str
    country: str
    connection: str
    settings: Mapping[str, Any]
    connector: Any


def checking_job(customer_id: UUID) -> JobSpec:
    return JobSpec(
        kind="connectors.verify_vat_id", key=f"verify-vat:{customer_id}", payload={"customer_id": customer_id}
    )


def plan_checks(tx: Tx, event: CustomersTouched) -> None:
    """One job per customer that arrived or changed, where the tenant asks a register at all."""
    if read_configuration(tx).tax_connection:
        enqueue(tx, [checking_job(customer_id) for customer_id in event.customer_ids])


def verify_vat_id(books: Books, tenant: Tenant, customer_id: UUID, *, trace_id: str | None = None) -> None:
    """Ask about the customer's VAT id, unless there is nothing to ask or a fresh answer stands.

    Raises:
        TransientError, ThrottledError: no answer now.
        RejectedError: the register will not answer; a person must act.
    """
    with transaction(books.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        question = _question(tx, books, customer_id)
    if question is None:
        return
    try:
        answer = _ask(books, tenant, question)
    except ConnectorError:
        with transaction(books.database, tenant, SYSTEM, trace_id=trace_id) as tx:
            _keep(tx, question, "unavailable", RegisterAnswer(valid=False))
        raise
    with transaction(books.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        _conclude(tx, question, answer)


def _question(tx: Tx, books: Books, customer_id: UUID) -> Question | None:
    name = read_configuration(tx).tax_connection
    customer = tx.session.scalars(select(CustomerRow).where(CustomerRow.id == customer_id)).one_or_none()
    country = customer.address.get("country") if customer else None
    if not name or customer is None or not country or verdict(customer.tax_id, country) != "right":
        return None
    connection = tx.session.scalars(select(ConnectionRow).where(ConnectionRow.name == name)).one_or_none()
    if connection is None or not connection.enabled:
        return None
    connector = books.connectors[connection.connector]
    if not isinstance(connector, TaxRegister) or not connector.covers(country):
        return None
    stands = tx.session.get(VatStandingRow, customer.tax_id)
    if stands is not None:
        fresh = VALID_FOR if stands.answer == "valid" else INVALID_FOR
        if tx.now - stands.asked_at < fresh:
            return None
    return Question(customer_id, customer.tax_id, country, name, connection.settings, connector)


def _ask(books: Books, tenant: Tenant, question: Question) -> RegisterAnswer:
    manifest = question.connector.manifest
    try:
        settings = msgspec.convert(question.settings, manifest.settings_model, strict=False)
    except msgspec.ValidationError as error:
        remedy = f"Correct the settings of the connection {question.connection!r}."
        raise RejectedError(f"The settings do not fit the connector: {error}.", remedy=remedy) from error
    private = books.settings.private_hosts_allowed
    try:
        with open_client(manifest, settings, private_hosts_allowed=private) as http:
            context = Context(
                settings=settings, secrets=manifest.secrets_model(), http=http, tenant=tenant.slug, folder=""
            )
            answer: RegisterAnswer = question.connector.check_vat_id(context, question.country, question.tax_id)
            return answer
    except httpx.TransportError as error:
        raise TransientError(f"The register does not answer: {error!r}") from error


def _keep(tx: Tx, question: Question, answer: str, said: RegisterAnswer) -> UUID:
    identifier = new_id()
    row = {
        "id": identifier, "tax_id": question.tax_id, "customer_id": question.customer_id, "connection": question.connection,
        "asked_at": tx.now, "answer": answer, "registered_name": said.name, "registered_address": said.address,
        "consultation": said.consultation, "requester": said.requester,
    }  # fmt: skip
    tx.session.execute(insert(VatCheckRow), [row])
    return identifier


def _conclude(tx: Tx, question: Question, said: RegisterAnswer) -> None:
    """The answer stands from now on; drafts of all customers with this id are priced again when it is another than before."""
    answer = "valid" if said.valid else "invalid"
    identifier = _keep(tx, question, answer, said)
    before = tx.session.get(VatStandingRow, question.tax_id, with_for_update=True)
    former = before.answer if before is not None else None
    values = {"answer": answer, "check_id": identifier, "asked_at": tx.now}
    statement = upsert(VatStandingRow).values(tax_id=question.tax_id, **values)
    tx.session.execute(statement.on_conflict_do_update(index_elements=["tax_id"], set_=values))
    record(
        tx, "customer.vat_id_checked", "customer", question.customer_id, before={"answer": former},
        after={"answer": answer, "tax_id": question.tax_id, "consultation": said.consultation},
    )  # fmt: skip
    if former != answer:
        same = select(CustomerRow.id).where(CustomerRow.tax_id == question.tax_id)
        enqueue(tx, on_customers_touched(CustomersTouched(customer_ids=tuple(tx.session.scalars(same)))))
