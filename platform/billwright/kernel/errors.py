"""Refusals: every ``DomainError`` has a code, a sentence that says what to do next, and facts.

HTTP status codes live in ``web.problems``, pages in ``docs/problems/{code}.md``; a test holds the three together.
"""

from typing import ClassVar


class DomainError(Exception):
    """Base of every business refusal that a caller can act on."""

    code: ClassVar[str] = "domain-error"

    def __init__(self, detail: str, **facts: str | int | list[str] | None) -> None:
        super().__init__(detail)
        self.facts = facts


class InputInvalidError(DomainError):
    """A field of the input is wrong; ``field`` names it."""

    code = "input-invalid"


class AmountInvalidError(InputInvalidError):
    code = "amount-invalid"


class CurrencyUnknownError(InputInvalidError):
    code = "currency-unknown"


class NotFoundError(DomainError):
    """Nothing here under that name, or not for this caller: the two are never told apart."""

    code = "not-found"


class NotAuthenticatedError(DomainError):
    code = "not-authenticated"


class PermissionDeniedError(DomainError):
    """The caller is known but lacks the permission that the detail names."""

    code = "permission-denied"


class SelfApprovalError(PermissionDeniedError):
    """Nobody approves what they made or changed: no exemption for anyone."""

    code = "self-approval"


class ConflictError(DomainError):
    """The object is in a state in which this cannot be done."""

    code = "conflict"


class TenantSuspendedError(ConflictError):
    code = "tenant-suspended"


class IdempotencyConflictError(ConflictError):
    """The same Idempotency-Key came with another body."""

    code = "idempotency-conflict"


class SettingsInvalidError(DomainError):
    """An environment variable or a file that the operator sets is wrong."""

    code = "settings-invalid"
