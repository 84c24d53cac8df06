"""A person applies money that waits."""

from uuid import UUID

from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.money import Money
from billwright.receivables import queries
from billwright.receivables.apply_payments import Work, apply
from billwright.receivables.errors import AmountNotOpenError, CurrencyDiffersError
from billwright.receivables.matching import Application
from billwright.receivables.tables import PaymentRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def apply_payment(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    payment_id: UUID,
    *,
    receivable_id: UUID,
    amount: Money | None = None,
) -> Money:
    """Apply ``amount`` (default: as much as possible) of the payment to the receivable; return what it still has.

    Raises:
        PermissionDeniedError: without ``payment:write``.
        NotFoundError: no such payment or receivable here.
        CurrencyDiffersError: payment, receivable and amount are not in one currency.
        AmountNotOpenError: more than is open or left, or nothing is.
    """
    actor.require("payment:write")
    with transaction(database, tenant, actor) as tx:
        payments = queries.lock_payments(tx, PaymentRow.id == payment_id)
        receivables = queries.lock_receivables(tx, [receivable_id])
        if not payments or not receivables:
            raise NotFoundError("There is no such payment, or no such receivable, here.")
        payment, receivable = payments[0], receivables[0]
        currencies = {payment.currency, receivable.currency, payment.currency if amount is None else amount.currency}
        if len(currencies) > 1:
            raise CurrencyDiffersError(
                f"The payment is in {payment.currency}, the receivable in {receivable.currency}; apply like to like.",
                field="amount",
            )
        possible = min(payment.unapplied_minor, receivable.open_minor)
        wanted = possible if amount is None else amount.minor
        if not 0 < wanted <= possible:
            raise AmountNotOpenError(
                f"{Money(payment.unapplied_minor, payment.currency)} is left of the payment and "
                f"{Money(receivable.open_minor, receivable.currency)} is open; choose an amount within both.",
                field="amount",
            )
        application = Application(
            payment_id=payment.id, receivable_id=receivable.id, amount_minor=wanted, matched_by="person"
        )
        left = Money(payment.unapplied_minor - wanted, payment.currency)
        work = Work(payments={payment.id: payment}, receivables={receivable.id: receivable}, applications=[application])
        apply(tx, work)
        return left
