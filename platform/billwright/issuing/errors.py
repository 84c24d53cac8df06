"""Refusals of issuing."""

from typing import ClassVar

from billwright.kernel.errors import ConflictError, InputInvalidError


class SeriesMissingError(ConflictError):
    """The legal entity has no number series for the document type. Status 409."""

    code: ClassVar[str] = "series-missing"


class NumberTakenError(ConflictError):
    """Two number series of the tenant make the same number. Status 409."""

    code: ClassVar[str] = "number-taken"


class NotCreditableError(ConflictError):
    """It is a draft, void, a credit note, or nothing of it is left to be credited. Status 409."""

    code: ClassVar[str] = "not-creditable"


class CreditAmountError(InputInvalidError):
    """Nothing, or more than is left, is to be credited of a line. Status 422."""

    code: ClassVar[str] = "credit-amount"


class CreditReasonError(InputInvalidError):
    """A credit note needs a reason that the customer can read. Status 422."""

    code: ClassVar[str] = "credit-reason"


class NotVoidableError(ConflictError):
    """It was delivered, posted, paid, credited or contested already: others have it, so it is credited. Status 409."""

    code: ClassVar[str] = "not-voidable"
