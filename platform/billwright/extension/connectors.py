"""Protocols of connectors. A connector implements those it can; the core finds it by entry point and manifest.

Calls happen outside of any transaction. Every outside effect is a saga step: the core records the intent with a key,
asks ``find`` first, then ``post``, then compares what ``find`` reads back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol, runtime_checkable

import httpx
import msgspec

from billwright.extension.canonical import Canonical, SourceMessage
from billwright.extension.manifest import Manifest


class ConnectorError(Exception):
    """Base of what a connector may raise; anything else counts as a programming error and is a dead letter at once.

    ``request`` and ``response`` are kept on the dead letter with secrets removed.
    """

    def __init__(self, message: str, *, request: str = "", response: str = "") -> None:
        super().__init__(message)
        self.request = request
        self.response = response


class TransientError(ConnectorError):
    """Try again later: a time-out, a refused connection, a 5xx. The effect may or may not have happened."""


class ThrottledError(ConnectorError):
    """The other side asked to slow down."""

    def __init__(self, message: str, *, retry_after_s: float, request: str = "", response: str = "") -> None:
        super().__init__(message, request=request, response=response)
        self.retry_after_s = retry_after_s


class RejectedError(ConnectorError):
    """The other side understood and refused for a business reason; ``remedy`` says what a person can do."""

    def __init__(self, message: str, *, remedy: str, request: str = "", response: str = "") -> None:
        super().__init__(message, request=request, response=response)
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What one call gets: validated settings and secrets, and a client bound to the allow list, with time and size limits."""

    settings: msgspec.Struct
    secrets: msgspec.Struct
    http: httpx.Client
    tenant: str
    folder: str
    """A folder of this tenant and connection alone, for connectors that write files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingLine:
    description: str
    quantity: Decimal
    unit_price: Decimal
    net_minor: int
    tax_category: str
    tax_rate_basis_points: int
    revenue_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingTax:
    category: str
    rate_basis_points: int
    taxable_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingInvoice:
    """An issued invoice as an ERP needs it. Amounts in minor units of ``currency``.

    ``key`` is the idempotency key of the posting: the platform's invoice identifier, stable over retries. A connector
    stores it in the ERP where ``find`` can look it up again.
    """

    key: str
    number: str
    customer_name: str
    customer_key: str
    customer_tax_id: str
    issued_on: date
    due_on: date
    currency: str
    currency_digits: int
    lines: tuple[PostingLine, ...]
    taxes: tuple[PostingTax, ...]
    net_minor: int
    tax_minor: int
    gross_minor: int
    purchase_order: str = ""
    legal_entity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedDocument:
    """What the ERP holds, read back. ``state`` is the ERP's own word.

    ``party`` is the customer's name there, which people may edit; ``party_key`` is our ``customer_key`` as stored there
    and says whether it is the right customer.
    """

    external_id: str
    number: str
    state: str
    party: str
    issued_on: date
    currency: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    party_key: str = ""


@runtime_checkable
class Source(Protocol):
    """Turns stored source messages into canonical objects. Pure."""

    def map_message(self, message: SourceMessage, settings: msgspec.Struct) -> Sequence[Canonical]:
        """Canonical objects in ``message``; ``[]`` for a message that carries none.

        Raises:
            MappingError: the message is understood but cannot be mapped; its sentence names field and remedy.
            UnknownTypeError: no mapping for this type; the message is held, not dropped.
        """
        ...


class MappingError(Exception):
    """``field`` is the path in the message, the text names the remedy."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownTypeError(Exception):
    """No mapping for this message type or version."""


@runtime_checkable
class Erp(Protocol):
    """Posts invoices to an accounting system."""

    def find(self, context: Context, key: str) -> PostedDocument | None:
        """The document posted under ``key``, read from the ERP now; ``None`` if there is none."""
        ...

    def post(self, context: Context, invoice: PostingInvoice) -> str:
        """Post ``invoice`` and return its external id. Called only after ``find`` found nothing.

        Must be completed by a second call if the first one died half-way (a draft left behind is taken up again).
        """
        ...


class Connector(Protocol):
    """What an entry point of group ``billwright.connectors`` loads to (a module or an object)."""

    @property
    def manifest(self) -> Manifest: ...
