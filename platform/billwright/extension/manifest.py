"""What a connector says of itself: shown in the catalogue, enforced by the outgoing client."""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from billwright.extension.message_types import MessageType

Capability = Literal["source", "erp", "payment", "bank", "channel", "tax"]
Authentication = Literal["none", "basic", "api_key", "oauth2", "oauth1", "key_pair", "sftp_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A connector's manifest.

    ``settings_model`` and ``secrets_model`` are msgspec structs that forbid unknown fields: a tenant's configuration is
    converted to them before the connector sees it. ``hosts_setting`` names the settings field that holds the base URL;
    the outgoing client reaches that host only.
    """

    name: str
    vendor: str
    version: str
    api_version: str
    capabilities: frozenset[Capability]
    authentication: Authentication
    settings_model: type[msgspec.Struct]
    secrets_model: type[msgspec.Struct]
    hosts_setting: str | None = None
    idempotency: str = ""
    reads: dict[str, str] = field(default_factory=dict)
    writes: dict[str, str] = field(default_factory=dict)
    proved_against: str = ""
    message_types: tuple[MessageType, ...] = ()
    """Types that ``map_message`` reads. Older versions come to it stepped up to today's."""
