"""Messages: for sources that send our own message types themselves, by API, webhook or file.

In: CloudEvents of type ``billwright.*.v1``, which intake reads without a connector's help. Does: gives such a source a
connection of its own, with its name, its webhook secret and the person it acts for. Out: nothing is mapped here; any other
type is unknown and held.
"""

from collections.abc import Sequence

import msgspec

from billwright.extension.canonical import Canonical, SourceMessage
from billwright.extension.connectors import UnknownTypeError
from billwright.extension.manifest import Manifest


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The webhook secret belongs to the connection itself."""


manifest = Manifest(
    name="messages",
    vendor="any",
    version="1",
    api_version="CloudEvents 1.0",
    capabilities=frozenset({"source"}),
    authentication="none",
    settings_model=Settings,
    secrets_model=Secrets,
    proved_against="CloudEvents of our own types over HTTP, signed webhooks and files",
)


def map_message(message: SourceMessage, settings: msgspec.Struct) -> Sequence[Canonical]:
    """Refuses: our own types never come here.

    Raises:
        UnknownTypeError: always; the message is held and can be tried again with another connector.
    """
    del settings
    raise UnknownTypeError(f"{message.type} is none of our own types; send billwright.<object>.v1, or add a connector.")
