"""Refusals of approvals."""

from typing import ClassVar

from billwright.kernel.errors import ConflictError, InputInvalidError


class ContentChangedError(ConflictError):
    """The draft is no longer what the person looked at. Status 409."""

    code: ClassVar[str] = "content-changed"


class StepNotOpenError(ConflictError):
    """No step of this role waits on the draft. Status 409."""

    code: ClassVar[str] = "step-not-open"


class ReasonMissingError(InputInvalidError):
    """A return, and a waiver, need a reason. Status 422."""

    code: ClassVar[str] = "reason-missing"


class WaiverNotPossibleError(ConflictError):
    """This finding cannot be waived, or not now; the sentence says why. Status 409."""

    code: ClassVar[str] = "waiver-not-possible"


class WaiverNotOpenError(ConflictError):
    """The waiver is decided or dropped already. Status 409."""

    code: ClassVar[str] = "waiver-not-open"
