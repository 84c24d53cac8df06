"""Refusals of whole requests. Single items are refused in their results instead."""

from billwright.kernel.errors import DomainError, InputInvalidError


class BatchTooLargeError(InputInvalidError):
    """More items than one batch may hold. HTTP 413."""

    code = "batch-too-large"


class BodyTooLargeError(DomainError):
    """A body above the limit. HTTP 413."""

    code = "body-too-large"


class BodyMalformedError(InputInvalidError):
    """Not JSON at all, or not in a shape that messages come in. HTTP 400."""

    code = "body-malformed"
