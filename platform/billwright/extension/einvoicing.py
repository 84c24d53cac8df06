"""What a customer wants of e-invoices, and what a legal entity has to say in them: parts of messages and of blueprints."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Format = Literal["none", "ubl", "cii", "facturx", "xrechnung_ubl", "xrechnung_cii", "peppol"]
"""``none``: a PDF and nothing else. ``ubl``, ``cii``: plain EN 16931. ``facturx``: CII inside the PDF (ZUGFeRD)."""
Short = Annotated[str, Meta(max_length=300)]


class ElectronicAddress(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """BT-34 and BT-49: where e-invoices are sent to. ``scheme`` is a code of the EAS list: 0208, 9930; EM is an e-mail address."""

    scheme: Annotated[str, Meta(pattern=r"^[0-9A-Z]{2,4}$")]
    id: Annotated[str, Meta(min_length=1, max_length=254)]


class CustomerEinvoice(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``format``: left out, the law of the day decides, then the legal entity. ``buyer_reference``: BT-10, in Germany the
    Leitweg-ID. ``party``: left out, a customer with a tax id is a business. ``identifier``: BT-46."""

    format: Format | None = None
    party: Literal["business", "public", "private"] | None = None
    buyer_reference: Short = ""
    accounting_reference: Short = ""
    electronic_address: ElectronicAddress | None = None
    registration: Short = ""
    registration_scheme: Annotated[str, Meta(pattern=r"^([0-9]{4})?$")] = ""


class SellerEinvoice(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``format``: for customers who state none. ``contact``: person or department that customers ask (BT-41).
    ``registration_scheme``: of the legal entity's registration (ICD list), such as 0208 in Belgium."""

    format: Format | None = None
    electronic_address: ElectronicAddress | None = None
    contact: Short = ""
    registration_scheme: Annotated[str, Meta(pattern=r"^([0-9]{4})?$")] = ""
