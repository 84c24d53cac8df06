"""Refusals of billing."""

from billwright.kernel.errors import ConflictError


class ItemStateError(ConflictError):
    """The billable item is in a state in which its amount cannot be set. 409."""

    code = "item-state"
