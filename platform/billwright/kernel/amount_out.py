"""Amounts and decimals as the API writes them: text, so that no client's float touches them."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from billwright.kernel.money import Money

DecimalText = Annotated[str, Meta(examples=["7.5"], description="A decimal number as text, without an exponent.")]


class AmountOut(Struct, frozen=True):
    """Major units as a decimal string with exactly the currency's digits, and an ISO 4217 code."""

    amount: Annotated[str, Meta(examples=["1234.50"])]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]


def amount_out(minor: int, currency: str) -> AmountOut:
    return AmountOut(str(Money(minor, currency).decimal), currency)


def decimal_out(value: Decimal) -> str:
    """``Decimal("7.500")`` as ``"7.5"``."""
    return format(value.normalize() if value else Decimal(0), "f")
