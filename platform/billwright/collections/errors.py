"""Refusals of collections."""

from typing import ClassVar

from billwright.kernel.errors import ConflictError, InputInvalidError


class InvoiceNotOpenError(ConflictError):
    """Only an issued invoice with something left to pay can be disputed. Status 409."""

    code: ClassVar[str] = "invoice-not-open"


class DisputeAmountError(InputInvalidError):
    """More than the line bears, or more than is open. Status 422."""

    code: ClassVar[str] = "dispute-amount"


class DisputeReasonError(InputInvalidError):
    """A dispute and its resolution need a reason. Status 422."""

    code: ClassVar[str] = "dispute-reason"


class DisputeClosedError(ConflictError):
    """The dispute was resolved before. Status 409."""

    code: ClassVar[str] = "dispute-closed"


class NothingToRemindError(ConflictError):
    """Nothing that the customer could be reminded of is overdue. Status 409."""

    code: ClassVar[str] = "nothing-to-remind"


class ReminderSentError(ConflictError):
    """The same reminder went out today. Status 409."""

    code: ClassVar[str] = "reminder-sent"


class ReminderChangedError(ConflictError):
    """What the reminder would ask for is not what the person saw. Status 409."""

    code: ClassVar[str] = "reminder-changed"
