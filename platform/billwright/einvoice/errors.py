"""Refusals of e-invoices. A document with faults is no refusal: it is checked, and its findings say what is wrong."""

from billwright.kernel.errors import ConflictError, DomainError, InputInvalidError


class EinvoiceBusyError(DomainError):
    """More documents wait to be checked than may wait. 503; ``retry_after_s`` says when to come again."""

    code = "einvoice-busy"


class RuleSetInvalidError(InputInvalidError):
    """What was to be added is no compiled rule set. 422."""

    code = "rule-set-invalid"


class RuleSetKnownError(ConflictError):
    """Another rule set has that name for that specification already. 409."""

    code = "rule-set-known"
