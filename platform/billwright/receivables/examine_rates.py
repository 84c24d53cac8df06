"""The ledger's say in the checks of drafts: an invoice that the books could not value is not issued."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from billwright.billing.events import DraftsChanged
from billwright.billing.tables import InvoiceRow
from billwright.canon.events import RatesLoaded
from billwright.canon.rates import read_rates
from billwright.canon.tables import LegalEntityRow
from billwright.checks.examiners import Answer
from billwright.extension.views import Finding
from billwright.jobs.enqueue import publish
from billwright.receivables.accounts import read_books
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

RULE: Final = "ledger"
CODE: Final = "no_exchange_rate"


def examine_rates(tx: Tx, drafts: Sequence[AnyRow], /) -> Answer:
    """Hold drafts in a currency for which the firm's source has no rate that is young enough today.

    No statement for a firm that keeps no rates; else one, and a second where a draft is not in its entity's own currency.
    """
    ledger = read_configuration(tx).ledger
    if not ledger.rates or not drafts:
        return Answer()
    books = read_books(tx)
    foreign = [row for row in drafts if row.currency != books[row.legal_entity_id].currency]
    days = {row.id: books[row.legal_entity_id].today(tx.now) for row in foreign}
    rates = read_rates(tx, ledger.rates, set(days.values()))
    said = {}
    for row in foreign:
        base = books[row.legal_entity_id].currency
        if rates.find(row.currency, base, days[row.id], days_max=ledger.rate_days_max) is None:
            said[row.id] = [(RULE, _missing(row.currency, base, ledger.rates, ledger.rate_days_max))]
    return Answer(said=said)


def _missing(currency: str, base: str, source: str, days_max: int) -> Finding:
    return Finding(
        code=CODE,
        severity="blocking",
        subject="draft",
        message=f"The books are in {base}, and {source} has no rate of {currency} for today or the {days_max} days before.",
        remedy="Load the exchange rates up to today; the draft is checked again by itself.",
        owner_role="tenant_administrator",
        evidence={"currency": currency, "base_currency": base, "source": source},
    )


def look_again(tx: Tx, _event: RatesLoaded) -> None:
    """Drafts in other currencies that are held may go on with the new rates. One statement."""
    query = (
        select(InvoiceRow.id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .where(
            InvoiceRow.issued_at.is_(None),
            InvoiceRow.phase == "validation_pending",
            InvoiceRow.detail == "blocked",
            InvoiceRow.currency != LegalEntityRow.currency,
        )
        .order_by(InvoiceRow.id)
    )
    held = tx.session.scalars(query).all()
    if held:
        publish(tx, DraftsChanged(invoice_ids=tuple(held)))
