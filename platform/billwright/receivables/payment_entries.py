"""What a payment and its application book. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from billwright.receivables.accounts import Books
from billwright.receivables.journal import Entry, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Part of a payment, taken by a receivable of ``legal_entity_id``."""

    receivable_id: UUID
    legal_entity_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """``legal_entity_id``: whose books have the money; none while the tenant has no legal entity."""

    legal_entity_id: UUID | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A payment as booking sees it."""

    payment_id: UUID
    legal_entity_id: UUID | None
    amount_minor: int
    currency: str
    paid_on: date


def book_payment(
    receipt: Receipt, taken: Sequence[Taken], books: Mapping[UUID, Books], home: UUID | None, now: datetime
) -> Booked:
    """Entries of a payment's receipt, if it is not booked yet, and of what receivables take of it now.

    On receipt: debit bank; credit the receivables that take some of it, the rest to customers' deposits. Later: debit
    deposits, credit the receivable. Money in another entity's books is handed over first, so that each entry balances
    within one entity. ``home`` books what nobody takes.
    """
    owner = receipt.legal_entity_id
    entries: list[Entry] = []
    if owner is None:
        owner = taken[0].legal_entity_id if taken else home
        if owner is None:
            return Booked(legal_entity_id=None, entries=())
        at_once = [each for each in taken if each.legal_entity_id == owner]
        entries.append(_received(receipt, at_once, books[owner], owner))
        taken = [each for each in taken if each.legal_entity_id != owner]
    entries.extend(_applied(receipt, taken, books, owner, now))
    return Booked(legal_entity_id=owner, entries=tuple(entries))


def _received(receipt: Receipt, taken: Sequence[Taken], books: Books, owner: UUID) -> Entry:
    currency = receipt.currency
    rest = receipt.amount_minor - sum(each.amount_minor for each in taken)
    return Entry(
        legal_entity_id=owner,
        kind="payment",
        subject_id=receipt.payment_id,
        booked_on=receipt.paid_on,
        lines=(
            Line(account=books.bank_of(currency), currency=currency, amount_minor=receipt.amount_minor, role="bank"),
            *_credits(taken, books, currency),
            Line(account=books.deposits, currency=currency, amount_minor=-rest, role="deposits"),
        ),
    )


def _applied(
    receipt: Receipt, taken: Sequence[Taken], books: Mapping[UUID, Books], owner: UUID, now: datetime
) -> Iterator[Entry]:
    by_entity: defaultdict[UUID, list[Taken]] = defaultdict(list)
    for each in taken:
        by_entity[each.legal_entity_id].append(each)
    for entity, group in by_entity.items():
        amount = sum(each.amount_minor for each in group)
        if entity != owner:
            yield _moved(receipt, owner, books[owner], -amount, now)
            yield _moved(receipt, entity, books[entity], amount, now)
        deposit = Line(account=books[entity].deposits, currency=receipt.currency, amount_minor=amount, role="deposits")
        lines = (deposit, *_credits(group, books[entity], receipt.currency))
        yield Entry(
            legal_entity_id=entity,
            kind="application",
            subject_id=receipt.payment_id,
            booked_on=max(books[entity].today(now), receipt.paid_on),
            lines=lines,
        )


def _moved(receipt: Receipt, entity: UUID, books: Books, amount_minor: int, now: datetime) -> Entry:
    """Money into (positive) or out of the entity's bank and deposits."""
    return Entry(
        legal_entity_id=entity,
        kind="transfer",
        subject_id=receipt.payment_id,
        booked_on=max(books.today(now), receipt.paid_on),
        lines=(
            Line(
                account=books.bank_of(receipt.currency),
                currency=receipt.currency,
                amount_minor=amount_minor,
                role="bank",
            ),
            Line(account=books.deposits, currency=receipt.currency, amount_minor=-amount_minor, role="deposits"),
        ),
    )


def _credits(taken: Sequence[Taken], books: Books, currency: str) -> Iterator[Line]:
    for each in taken:
        yield Line(
            account=books.receivable,
            currency=currency,
            amount_minor=-each.amount_minor,
            receivable_id=each.receivable_id,
            role="receivable",
        )
