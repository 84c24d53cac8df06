"""Refusals of identity."""

from billwright.kernel.errors import InputInvalidError, NotAuthenticatedError, PermissionDeniedError


class LoginFailedError(NotAuthenticatedError):
    """Wrong e-mail, wrong password, disabled or locked: never told apart. 401."""

    code = "login-failed"


class SegregationOfDutiesError(PermissionDeniedError):
    """One person would hold two rights that must be apart. 403."""

    code = "segregation-of-duties"


class RoleUnknownError(InputInvalidError):
    """No such role. 422."""

    code = "role-unknown"
