"""Refusals of receivables."""

from typing import ClassVar

from billwright.kernel.errors import ConflictError, InputInvalidError, SelfApprovalError


class PaymentKnownError(ConflictError):
    """The reference belongs to another payment. Status 409."""

    code: ClassVar[str] = "payment-known"


class AmountNotOpenError(InputInvalidError):
    """More than is open on the receivable or left of the payment. Status 422."""

    code: ClassVar[str] = "amount-not-open"


class CurrencyDiffersError(InputInvalidError):
    """Payment and receivable are in different currencies. Status 422."""

    code: ClassVar[str] = "currency-differs"


class WriteOffDecidedError(ConflictError):
    """The write-off was booked or refused already. Status 409."""

    code: ClassVar[str] = "write-off-decided"


class OwnWriteOffError(SelfApprovalError):
    """Who asked for a write-off does not decide about it. Status 403."""

    code: ClassVar[str] = "own-write-off"


class NothingToExportError(ConflictError):
    """Every journal entry up to that day went out already. Status 409."""

    code: ClassVar[str] = "nothing-to-export"


class ExportChangedError(ConflictError):
    """The journal does not give the bytes of an export any more. Status 409."""

    code: ClassVar[str] = "export-changed"
