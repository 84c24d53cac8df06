"""Refusals of canon."""

from typing import ClassVar

from billwright.kernel.errors import ConflictError, InputInvalidError


class RatesDifferError(ConflictError):
    """A day's exchange rates are known with other values; rates that money rests on do not change. Status 409."""

    code: ClassVar[str] = "rates-differ"


class RateMissingError(InputInvalidError):
    """No exchange rate is known for the day, or only one that is too old. Status 422."""

    code: ClassVar[str] = "rate-missing"
