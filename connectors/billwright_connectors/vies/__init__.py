"""VIES: whether a VAT id of a member state is registered, asked of the European Commission's service.

In: a VAT id. Does: asks ``checkVatApprox`` with the own VAT id as requester. Out: the answer with its consultation number.
"""

from typing import Final

from billwright.extension.connectors import Context
from billwright.extension.registers import RegisterAnswer
from billwright_connectors.vies import client
from billwright_connectors.vies.manifest import MANIFEST, Settings

__all__ = ["check_vat_id", "covers", "manifest"]

manifest = MANIFEST
MEMBERS: Final = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
PREFIXES: Final = {"GR": "EL"}


def covers(country: str) -> bool:
    """Whether ``country`` is a member state: its VAT ids are in VIES."""
    return country in MEMBERS


def check_vat_id(context: Context, country: str, tax_id: str) -> RegisterAnswer:
    """The answer about ``tax_id``, with or without its prefix.

    Raises:
        TransientError, ThrottledError, RejectedError: see ``client``.
    """
    assert isinstance(context.settings, Settings)
    prefix = PREFIXES.get(country, country)
    number = "".join(sign for sign in tax_id.upper() if sign.isalnum()).removeprefix(prefix)
    return client.ask(context.http, context.settings.base_url, prefix, number, context.settings.requester)
