"""Payment codes for paper and screens. Pure."""

from decimal import Decimal
from typing import Final

import segno
from segno.helpers import make_epc_qr
from stdnum import bic as stdnum_bic
from stdnum import iban as stdnum_iban

from billwright.issuing.content import BankAccount
from billwright.kernel.money import Money

AMOUNT_MIN: Final = Decimal("0.01")
AMOUNT_MAX: Final = Decimal("999999999.99")
NAME_CHARS_MAX: Final = 70
TEXT_CHARS_MAX: Final = 140
PAYLOAD_BYTES_MAX: Final = 331
FIXED_BYTES: Final = 80  # service tag, version, BIC, IBAN, amount and line ends, generously


def epc_code(bank: BankAccount | None, gross: Money, remittance: str) -> segno.QRCode | None:
    """The EPC code (GiroCode) of a SEPA transfer of ``gross``, or none where the standard has no answer.

    None for other currencies than EUR, for nothing to pay, beyond 999,999,999.99, and without a valid IBAN.
    Source: EPC069-12 version 002, character set 1 (UTF-8), error correction M, unstructured remittance.
    """
    if bank is None or gross.currency != "EUR" or not AMOUNT_MIN <= gross.decimal <= AMOUNT_MAX:
        return None
    if not remittance.strip() or not bank.holder.strip() or not stdnum_iban.is_valid(bank.iban):
        return None
    bic = stdnum_bic.compact(bank.bic) if stdnum_bic.is_valid(bank.bic) else None
    text = _one_line(remittance)[:TEXT_CHARS_MAX]
    name = _one_line(bank.holder)[:NAME_CHARS_MAX]
    room = PAYLOAD_BYTES_MAX - FIXED_BYTES - len(text.encode())
    name = name.encode()[: max(room, 0)].decode(errors="ignore").strip()
    if not name:
        return None
    return make_epc_qr(
        name=name, iban=stdnum_iban.compact(bank.iban), amount=gross.decimal, text=text, bic=bic, encoding="utf-8"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def inline_svg(code: segno.QRCode) -> str:
    """One path on no background; the quiet zone is the standard's four modules."""
    return code.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None)
