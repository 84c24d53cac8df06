"""Refusals of posting."""

from billwright.kernel.errors import ConflictError


class PostingStateError(ConflictError):
    """The posting is in a state in which it is not tried again. 409."""

    code = "posting-state"


class ConnectionMissingError(ConflictError):
    """The tenant's configuration names a connection that it does not have. 409."""

    code = "connection-missing"
