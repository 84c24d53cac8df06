"""Seller and buyer of our own invoices in the standard's terms. Pure."""

import re
from typing import Final

from billwright.einvoice.model import Address, Contact, Identifier, Party
from billwright.extension.einvoicing import CustomerEinvoice, ElectronicAddress, SellerEinvoice
from billwright.issuing.content import InvoiceContent
from billwright.issuing.content import Party as FrozenParty

_VAT_ID: Final = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,}")
_GREECE: Final = "EL"
_PREFIXES: Final = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI GB CH NO".split()
)
"""Of VAT ids that may belong to a party in another country."""
EMAIL: Final = "EM"
"""EAS code of an e-mail address."""


def seller(content: InvoiceContent, *, outside: bool) -> Party:
    """``outside``: nothing is subject to VAT, so that no VAT id may stand in the document (BR-O-02)."""
    party = content.seller
    says = content.einvoice.seller or SellerEinvoice() if content.einvoice else SellerEinvoice()
    vat_id = None if outside else vat_id_of(party)
    identifiers = (Identifier(value=party.tax_id),) if outside and party.tax_id and not party.registration else ()
    return Party(
        name=party.legal_name,
        trading_name=party.name if party.name != party.legal_name else None,
        identifiers=identifiers,
        registration=_identifier(party.registration, says.registration_scheme),
        vat_id=vat_id,
        tax_registration=party.tax_id if party.tax_id and vat_id is None and not outside else None,
        electronic_address=_electronic(says.electronic_address, party.email),
        address=_address(party),
        contact=_contact(says.contact or party.contact or party.name, party),
    )


def buyer(content: InvoiceContent, *, outside: bool) -> Party:
    """The customer; a tax id that is no VAT id stands as an identifier."""
    party = content.buyer
    says = content.einvoice.buyer or CustomerEinvoice() if content.einvoice else CustomerEinvoice()
    vat_id = None if outside else vat_id_of(party)
    return Party(
        name=party.legal_name,
        trading_name=party.name if party.name != party.legal_name else None,
        identifiers=(Identifier(value=party.tax_id),) if party.tax_id and vat_id is None else (),
        registration=_identifier(says.registration or party.registration, says.registration_scheme),
        vat_id=vat_id,
        electronic_address=_electronic(says.electronic_address, party.email),
        address=_address(party),
        contact=_contact(party.contact, party),
    )


def vat_id_of(party: FrozenParty) -> str | None:
    """The party's tax id if it is a VAT id."""
    return vat_id(party.tax_id, party.country)


def vat_id(tax_id: str, country: str) -> str | None:
    """``tax_id`` as a VAT id, or None: it has its country's letters before it (BR-CO-09; Greece writes EL)."""
    written = re.sub(r"[\s.-]", "", tax_id.upper())
    own = _GREECE if country == "GR" else country
    return written if _VAT_ID.fullmatch(written) and written[:2] in {*_PREFIXES, own} else None


def _identifier(value: str, scheme: str) -> Identifier | None:
    return Identifier(value=value, scheme=scheme or None) if value else None


def _electronic(stated: ElectronicAddress | None, email: str) -> Identifier | None:
    if stated is not None:
        return Identifier(value=stated.id, scheme=stated.scheme)
    return Identifier(value=email, scheme=EMAIL) if email else None


def _address(party: FrozenParty) -> Address:
    return Address(
        street=party.street or None,
        city=party.city or None,
        postcode=party.postal_code or None,
        country=party.country or None,
    )


def _contact(name: str, party: FrozenParty) -> Contact | None:
    if not (name and (party.email or party.phone or party.contact)):
        return None
    return Contact(name=name, telephone=party.phone or None, email=party.email or None)
