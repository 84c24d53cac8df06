"""The protocol of connectors that ask a public register about a tax number. Calls happen outside of any transaction."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from billwright.extension.connectors import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterAnswer:
    """What the register said. ``consultation`` is the number under which it can be asked about this answer again.

    ``name`` and ``address`` are empty where the register does not tell them.
    """

    valid: bool
    name: str = ""
    address: str = ""
    consultation: str = ""
    requester: str = ""


@runtime_checkable
class TaxRegister(Protocol):
    """Asks whether a VAT id is registered."""

    def covers(self, country: str) -> bool:
        """Whether the register knows VAT ids of ``country`` (ISO 3166). Pure."""
        ...

    def check_vat_id(self, context: Context, country: str, tax_id: str) -> RegisterAnswer:
        """The register's answer about ``tax_id`` of ``country``, asked now.

        Raises:
            TransientError, ThrottledError: no answer now; ask again later.
            RejectedError: it will not answer this, or not us; the remedy says what a person can do.
        """
        ...
