"""``/v1/message-types``: the catalogue as JSON."""

from typing import Final

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency

from billwright.extension.loading import available_connectors
from billwright.intake.catalogue import MessageTypeOut, catalogue
from billwright.kernel.actor import Actor
from billwright.tenancy.answers import refusals


class MessageTypesOut(msgspec.Struct, frozen=True):
    items: list[MessageTypeOut]


class MessageTypeController(Controller):
    path = "/v1/message-types"
    tags = ("Messages",)

    @get(
        operation_id="listMessageTypes",
        summary="List message types and their versions",
        sync_to_thread=True,
        responses=refusals(),
    )
    def get_types(self, actor: NamedDependency[Actor]) -> MessageTypesOut:
        """What can be sent, in which versions, with a JSON Schema for each."""
        actor.require("message:read")
        return MessageTypesOut(catalogue(available_connectors()))


CONTROLLERS: Final[tuple[type[Controller], ...]] = (MessageTypeController,)
