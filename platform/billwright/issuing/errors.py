"""Refusals of issuing."""

from typing import ClassVar

from billwright.kernel.errors import ConflictError


class SeriesMissingError(ConflictError):
    """The legal entity has no number series for the document type. Status 409."""

    code: ClassVar[str] = "series-missing"


class NumberTakenError(ConflictError):
    """Two number series of the tenant make the same number. Status 409."""

    code: ClassVar[str] = "number-taken"
