"""What a customer's record and a legal entity say that decides tax, beside countries, rates and VAT ids."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

Region = Annotated[
    str,
    Meta(pattern=r"^([A-Z0-9]{1,3})?$", description="The part of an ISO 3166-2 code behind its dash: QC of CA-QC"),
]
VatexCode = Annotated[str, Meta(pattern=r"^(VATEX-[A-Z]{2}-[A-Z0-9-]{1,30})?$", description="CEF VATEX code list")]
Sentence = Annotated[str, Meta(max_length=500)]


class Withholding(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tax that the customer keeps back from the net amount and pays for the seller; the invoice's total stays.

    ``percent`` of the net amount, such as 10 or 7.5.
    """

    percent: Decimal
    reason: Annotated[str, Meta(min_length=1, max_length=300)]

    def __post_init__(self) -> None:
        points = self.percent * 100
        if not self.percent.is_finite() or not 0 < self.percent <= 100 or points != int(points):
            raise ValueError(f"`percent` must be above 0 and at most 100 with at most two decimals, not {self.percent}")


class CustomerTax(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``status``: what the customer is for the tax; left out when nobody knows it.

    ``exemption_code`` and ``exemption_reason`` belong to the ``tax_category`` of the customer.
    """

    status: Literal["business", "public_body", "private_person"] | None = None
    region: Region = ""
    exemption_code: VatexCode = ""
    exemption_reason: Sentence = ""
    withholding: Withholding | None = None
