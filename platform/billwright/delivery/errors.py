"""Refusals of delivery."""

from billwright.kernel.errors import ConflictError


class DeliveryStateError(ConflictError):
    """The delivery is in a state in which it is not sent again. 409."""

    code = "delivery-state"
