"""Content of our own invoices that asks for an e-invoice and has all that its formats want."""

from typing import Any

import msgspec

from billwright.extension.einvoicing import CustomerEinvoice, ElectronicAddress, Format, SellerEinvoice
from billwright.issuing.content import EinvoiceContent
from support.invoice_contents import BUYER, SELLER

GERMAN = msgspec.structs.replace(
    SELLER, country="DE", tax_id="DE123456788", city="Berlin", postal_code="10115", phone="+49 30 1234"
)


def asking_for(written: Format, **more: Any) -> dict[str, Any]:
    """Parts of an ``InvoiceContent``. ``more`` replaces what the customer says."""
    buyer = CustomerEinvoice(
        format=written,
        buyer_reference="04011000-12345-34",
        electronic_address=ElectronicAddress(scheme="9930", id="DE123456789"),
    )
    seller = SellerEinvoice(
        electronic_address=ElectronicAddress(scheme="9930", id="DE123456788"), contact="Accounts receivable"
    )
    said = EinvoiceContent(buyer=msgspec.structs.replace(buyer, **more), seller=seller)
    return {"einvoice": said, "seller": GERMAN, "buyer": BUYER}
