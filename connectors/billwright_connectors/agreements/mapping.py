"""One source message to canonical objects. Pure; what a message cannot say alone, the reader has put into its data."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from billwright.extension.canonical import (
    Acceptance,
    AcceptanceItem,
    Canonical,
    ChangeOrder,
    Contract,
    Customer,
    Evidence,
    Payment,
    Project,
    Signal,
    SourceMessage,
)
from billwright.extension.connectors import MappingError, UnknownTypeError
from billwright.kernel.money import is_currency
from billwright_connectors.agreements import rows
from billwright_connectors.agreements.lines import plain
from billwright_connectors.agreements.manifest import Settings
from billwright_connectors.agreements.pricing import currency_of, finite, milestone_of, short, term_changes
from billwright_connectors.agreements.suppliers import words

RowT = TypeVar("RowT", bound=msgspec.Struct)
TEXT_LENGTH: Final = 10_000


def map_message(message: SourceMessage, settings: msgspec.Struct) -> Sequence[Canonical]:
    """Canonical objects in a message of the record.

    Raises:
        MappingError: a field is missing, of a wrong type or too large.
        UnknownTypeError: no message of this record.
    """
    mapper = MAPPERS.get(message.type)
    if mapper is None:
        raise UnknownTypeError(f"{message.type} is no message of the agreements record.")
    assert isinstance(settings, Settings), settings
    return [checked(found) for found in mapper(message.data, settings)]


def read(data: msgspec.Raw, row_type: type[RowT]) -> RowT:
    """The row in ``data``.

    Raises:
        MappingError: it is not one of ``row_type``.
    """
    try:
        return msgspec.json.decode(data, type=row_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        sentence, _, path = str(error).partition(" - at ")
        raise MappingError(
            f"{sentence}; correct the row and send it again.", field=path.strip("`$.") or "data"
        ) from None


def checked(found: Canonical) -> Canonical:
    """``found`` again, held against its own type: constructing a struct checks nothing.

    Raises:
        MappingError: a text is too long for its field, or a reference is empty.
    """
    try:
        return msgspec.convert(plain(found), type(found))
    except msgspec.ValidationError as error:
        raise MappingError(f"{found.kind}: {error}; shorten or correct it at the source.", field=found.kind) from None


def milestone_refs(contract_id: str, numbers: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{contract_id}/M{number}" for number in numbers))


def customer_ref(buyer: str) -> str:
    return "buyer:" + ("-".join(words(buyer)) or buyer)


def utc(moment: datetime) -> datetime:
    """``moment`` in UTC.

    Raises:
        MappingError: it lies outside of the calendar once the zone is taken off.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise MappingError(f"{moment.isoformat()} is no moment; write it in UTC.", field="moment") from None


def map_contract(data: msgspec.Raw, settings: Settings) -> list[Canonical]:
    row = read(data, rows.ContractRow)
    title = short(row.title or row.contract_id)
    customer = Customer(ref=customer_ref(row.buyer), name=short(row.buyer))
    project = Project(ref=f"project:{row.contract_id}", name=title, customer=customer.ref)
    unchanged = row.total_value == row.original_total_value
    contract = Contract(
        ref=row.contract_id,
        number=row.contract_id,
        title=title,
        customer=customer.ref,
        project=project.ref,
        signed_on=utc(row.signed_at).date(),
        currency=currency_of(row.original_currency),
        value=finite(row.original_total_value, "original_total_value"),
        value_raw=short(row.total_raw or "") if unchanged else "",
        acceptance_settles_after_days=settings.acceptance_settles_after_days,
        grouping="each",  # these firms sent one invoice per milestone
    )
    return [customer, project, contract]


def map_milestone(data: msgspec.Raw, _: Settings) -> list[Canonical]:
    row = read(data, rows.MilestoneRow)
    return [milestone_of(row.contract_id, row.number, row.as_first_agreed)]


def map_amendment(data: msgspec.Raw, _: Settings) -> list[Canonical]:
    """The change order; milestones that it takes away or brings back; a signal where the record contradicts itself."""
    row = read(data, rows.AmendmentRow)
    at = utc(row.in_force_at)
    order = ChangeOrder(
        ref=row.amendment_id,
        contract=row.contract_id,
        number=str(row.number),
        title=short(row.title or ""),
        signed_at=at,
        signed_by=short(row.by or ""),
        value_after=finite(row.total_after, "total_after"),
        currency_after=currency_of(row.currency_after),
        changes=term_changes(row),
    )
    found: list[Canonical] = [order]
    for number, terms in row.milestones_removed.items():
        found.append(milestone_of(row.contract_id, number, terms))
    if row.before_differs:
        text = "\n".join(row.before_differs)
        found.append(
            signal(
                f"{row.amendment_id}/differs",
                row.contract_id,
                (),
                event="amendment_differs_from_record",
                at=at,
                text=text,
            )
        )
    return found


def signal(ref: str, contract_id: str, numbers: Sequence[str], *, event: str, at: datetime, text: str = "") -> Signal:
    return Signal(
        ref=ref,
        contract=contract_id,
        milestones=milestone_refs(contract_id, numbers),
        event=event,
        occurred_at=utc(at),
        text=text[:TEXT_LENGTH],
    )


def map_delivery(data: msgspec.Raw, _: Settings) -> list[Canonical]:
    """A signal, and evidence for each link. The moment of submission is left open where only the merge is known."""
    row = read(data, rows.DeliveryRow)
    milestones = milestone_refs(row.contract_id, row.milestone_numbers)
    submitted_at = None if row.submitted_at_basis else utc(row.submitted_at)
    text = f"Submitted by {row.submitted_by}" if row.submitted_by else ""
    found: list[Canonical] = [
        signal(
            row.delivery_id, row.contract_id, row.milestone_numbers, event="delivered", at=row.submitted_at, text=text
        )
    ]
    for index, item in enumerate(row.items, start=1):
        for link, uri in enumerate(item.evidence, start=1):
            evidence = Evidence(
                ref=f"{row.delivery_id}/{index}.{link}",
                contract=row.contract_id,
                milestones=milestones,
                title=short(item.deliverable or item.number or f"Deliverable {index}"),
                uri=uri,
                submitted_at=submitted_at,
                submitted_by=short(row.submitted_by or ""),
            )
            found.append(evidence)
    return found


def map_evaluation(data: msgspec.Raw, _: Settings) -> list[Canonical]:
    """A decision; a signal where the evaluation decides nothing, or nothing any more."""
    row = read(data, rows.EvaluationRow)
    ref = f"{row.evaluation_id}#{row.decision_number}"
    if row.decision is None or row.overtaken_by or not row.milestone_numbers:
        event = "evaluated_without_decision"
        text = row.text or ""
        if row.overtaken_by:
            event, text = "evaluation_after_acceptance", f"{row.overtaken_by} had accepted before."
        return [signal(ref, row.contract_id, row.milestone_numbers, event=event, at=row.decided_at, text=text)]
    acceptance = Acceptance(
        ref=ref,
        contract=row.contract_id,
        milestones=milestone_refs(row.contract_id, row.milestone_numbers),
        decision=row.decision,
        decided_at=utc(row.decided_at),
        decided_by=short(row.decided_by or row.evaluator or ""),
        note=(row.text or "")[:TEXT_LENGTH],
        items=tuple(acceptance_item(index, item) for index, item in enumerate(row.items, start=1)),
    )
    return [acceptance]


def acceptance_item(index: int, item: rows.Item) -> AcceptanceItem:
    return AcceptanceItem(
        number=short(item.number or str(index)),
        title=short(item.deliverable or ""),
        accepted=item.accepted,
        note=(item.notes or "")[:TEXT_LENGTH],
    )


def map_status_event(data: msgspec.Raw, _: Settings) -> list[Canonical]:
    row = read(data, rows.StatusEventRow)
    at = utc(row.date)
    ref = f"status:{row.contract_id}/{row.event}@{at:%Y%m%dT%H%M%S}"
    return [signal(ref, row.contract_id, (), event=f"index_{row.event}", at=at, text=row.wave or "")]


def map_invoice_event(data: msgspec.Raw, _: Settings) -> list[Canonical]:
    """A signal; and a payment where one was made in an ISO currency for a milestone that the event names."""
    row = read(data, rows.InvoiceEventRow)
    event = f"{row.event}:{row.code}" if row.code else row.event
    found: list[Canonical] = [
        signal(
            row.event_id,
            row.contract_id,
            row.milestone_numbers,
            event=event,
            at=row.occurred_at,
            text=row.quote or "",
        )
    ]
    amount, currency = row.amount, row.currency
    note = row.quote or ""
    if amount is None:
        amount, currency = row.milestone_amount, row.milestone_currency
        note = f"{note} (the whole milestone; amount as agreed)".strip()
    amount = finite(amount, "amount")
    if row.event != "paid" or not row.milestone_numbers or amount is None or amount <= 0 or not is_currency(currency):
        return found
    payment = Payment(
        ref=f"{row.event_id}/payment",
        customer=customer_ref(row.buyer) if row.buyer else None,
        milestones=milestone_refs(row.contract_id, row.milestone_numbers),
        amount=amount,
        currency=str(currency),
        paid_on=utc(row.occurred_at).date(),
        remittance=note[:TEXT_LENGTH],
    )
    return [*found, payment]


def map_document(data: msgspec.Raw, _: Settings) -> list[Canonical]:
    row = read(data, rows.DocumentRow)
    evidence = Evidence(
        ref=short(f"document:{row.contract_id}/{row.kind}/{row.path}@{row.commit or ''}", 200),
        contract=row.contract_id,
        milestones=milestone_refs(row.contract_id, row.milestone_numbers),
        title=short(f"{row.kind.replace('_', ' ').capitalize()}: {row.path}"),
        media_type="text/markdown",
        submitted_at=utc(row.occurred_at),
    )
    return [evidence]


MAPPERS: Final[dict[str, Callable[[msgspec.Raw, Settings], list[Canonical]]]] = {
    "agreements.contract.v1": map_contract,
    "agreements.milestone.v1": map_milestone,
    "agreements.amendment.v1": map_amendment,
    "agreements.delivery.v1": map_delivery,
    "agreements.evaluation.v1": map_evaluation,
    "agreements.status_event.v1": map_status_event,
    "agreements.invoice_event.v1": map_invoice_event,
    "agreements.document.v1": map_document,
}
