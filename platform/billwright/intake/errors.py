"""Refusals of whole requests. Single items are refused in their results instead."""

from billwright.kernel.errors import ConflictError, DomainError, InputInvalidError


class BatchTooLargeError(InputInvalidError):
    """More items than one batch may hold. HTTP 413."""

    code = "batch-too-large"


class BodyMalformedError(InputInvalidError):
    """Not JSON at all, or not in a shape that messages come in. HTTP 400."""

    code = "body-malformed"


class ReplayTooLargeError(ConflictError):
    """More messages in the range than one replay may hold. HTTP 409."""

    code = "replay-too-large"


class IntakeFullError(DomainError):
    """More deliveries wait than the tenant's plan lets wait; ``retry_after_s`` says when to come again. HTTP 429."""

    code = "intake-full"
