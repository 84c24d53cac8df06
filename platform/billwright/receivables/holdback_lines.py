"""What a holdback books: part of a receivable that the customer retains, on an account of its own. Pure."""

from uuid import UUID

from billwright.receivables.accounts import Books
from billwright.receivables.entries import Line


def holdback_lines(receivable_id: UUID, currency: str, retained_minor: int, books: Books) -> tuple[Line, Line]:
    """Lines of an entry of its own (kind ``holdback``): out of what is owed now, into what is retained.

    ``retained_minor`` is in ``currency``; negative gives it back when it is released. The receivable's balance over both
    accounts stays as it is.
    """
    return (
        Line(
            account=books.holdback,
            currency=currency,
            amount_minor=retained_minor,
            receivable_id=receivable_id,
            role="holdback",
        ),
        Line(
            account=books.receivable,
            currency=currency,
            amount_minor=-retained_minor,
            receivable_id=receivable_id,
            role="receivable",
        ),
    )
