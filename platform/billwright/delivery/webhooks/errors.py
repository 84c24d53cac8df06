"""Refusals of outgoing webhooks."""

from typing import ClassVar

from billwright.kernel.errors import ConflictError


class WebhookStateError(ConflictError):
    """409: what is asked for does not fit the state of the webhook."""

    code: ClassVar[str] = "webhook-state"


class WebhookExistsError(ConflictError):
    """409: another webhook has this name."""

    code: ClassVar[str] = "webhook-exists"
