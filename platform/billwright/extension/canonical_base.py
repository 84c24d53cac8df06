"""What all canonical objects are made of: kinds of text, bounds of numbers, and their base."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

Ref = Annotated[str, Meta(min_length=1, max_length=200, description="The source's own key of the object")]
Name = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(max_length=10_000)]
Short = Annotated[str, Meta(max_length=300)]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
CountryCode = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,12}$", description="ISO 4217 code")]
Language = Literal["en", "de", "fr"]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


def within(value: Decimal | None, field: str, low: Decimal, high: Decimal, *, above: bool = False) -> None:
    """Refuse a number outside ``low..high`` (``above``: strictly above ``low``); msgspec has no bounds for decimals."""
    if value is None:
        return
    if not value.is_finite() or value < low or value > high or (above and value == low):
        kind = "above" if above else "at least"
        raise ValueError(f"`{field}` must be {kind} {low} and at most {high}, not {value}")


ZERO, AMOUNT_MAX = Decimal(0), Decimal(10) ** 12


class Canonical(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Base: ``ref`` is the source's key; ``kind`` names the object in types such as ``billwright.milestone.v1``."""

    kind: ClassVar[str]
    ref: Ref
