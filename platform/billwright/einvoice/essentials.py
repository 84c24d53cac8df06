"""What XRechnung and Peppol BIS ask for beyond EN 16931, in our own words: their rule sets are in no package.

Only what an invoice of ours could lack is looked at, under the rules' own ids; an operator adds the complete rule sets
(``billwright einvoice rules add``), which run as well. Sources: XRechnung 3.0 (KoSIT, BR-DE-*), Peppol BIS Billing 3.0
(OpenPeppol, PEPPOL-EN16931-R*).
"""

import re
from collections.abc import Callable
from typing import Final

from billwright.einvoice.findings import Finding
from billwright.einvoice.from_lines import SLACK
from billwright.einvoice.from_parties import EMAIL
from billwright.einvoice.model import Contact, Identifier, Invoice, Line, Party, Price
from billwright.einvoice.profiles import Family
from billwright.einvoice.words import WORDS

Test = Callable[[Invoice], bool]
ENTITY: Final = "Add it to the legal entity in the firm's blueprint, then check the draft again."
CUSTOMER: Final = "Send the customer with it; the draft is checked again by itself."
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_DIGITS_MIN: Final = 3
_TAXED: Final = frozenset({"S", "Z", "E", "AE", "K", "G", "L", "M"})


def _seller(invoice: Invoice) -> Party:
    return invoice.seller or Party()


def _buyer(invoice: Invoice) -> Party:
    return invoice.buyer or Party()


def _contact(invoice: Invoice) -> Contact:
    return _seller(invoice).contact or Contact()


def _city(party: Party) -> bool:
    return bool(party.address and party.address.city)


def _postcode(party: Party) -> bool:
    return bool(party.address and party.address.postcode)


def _taxed(invoice: Invoice) -> bool:
    known = _seller(invoice).vat_id or _seller(invoice).tax_registration
    return bool(known) or not any(line.vat_category in _TAXED for line in invoice.lines)


def _address(party: Party) -> Identifier:
    return party.electronic_address or Identifier()


def _multiplied(line: Line) -> bool:
    """PEPPOL-EN16931-R120: net = quantity x price / base quantity, less allowances, and charges."""
    price, net = line.price or Price(), line.net
    if price.net is None or net is None or line.quantity is None:
        return False
    gross = line.quantity * price.net / (price.base_quantity or 1)
    parts = [(each.amount, -1) for each in line.allowances] + [(each.amount, 1) for each in line.charges]
    exact = gross + sum(sign * part.amount for part, sign in parts if part is not None)
    return abs(exact - net.amount) <= SLACK


_XRECHNUNG: Final[tuple[tuple[str, str, str, Test], ...]] = (
    ("BR-DE-1", "BG-16", ENTITY, lambda e: e.type_code != "380" or bool(e.payment and e.payment.means)),
    ("BR-DE-2", "BG-6", ENTITY, lambda e: _seller(e).contact is not None),
    ("BR-DE-3", "BT-37", ENTITY, lambda e: _city(_seller(e))),
    ("BR-DE-4", "BT-38", ENTITY, lambda e: _postcode(_seller(e))),
    ("BR-DE-5", "BT-41", ENTITY, lambda e: bool(_contact(e).name)),
    ("BR-DE-6", "BT-42", ENTITY, lambda e: bool(_contact(e).telephone)),
    ("BR-DE-7", "BT-43", ENTITY, lambda e: bool(_contact(e).email)),
    ("BR-DE-8", "BT-52", CUSTOMER, lambda e: _city(_buyer(e))),
    ("BR-DE-9", "BT-53", CUSTOMER, lambda e: _postcode(_buyer(e))),
    ("BR-DE-15", "BT-10", CUSTOMER, lambda e: bool(e.buyer_reference)),
    ("BR-DE-16", "BT-31", ENTITY, _taxed),
    (
        "BR-DE-27", "BT-42", ENTITY,
        lambda e: len(re.findall(r"\d", _contact(e).telephone or "0" * _DIGITS_MIN)) >= _DIGITS_MIN,
    ),
    ("BR-DE-28", "BT-43", ENTITY, lambda e: bool(_EMAIL.fullmatch(_contact(e).email or "a@b.c"))),
    ("PEPPOL-EN16931-R010", "BT-49", CUSTOMER, lambda e: bool(_address(_buyer(e)).value)),
    ("PEPPOL-EN16931-R020", "BT-34", ENTITY, lambda e: bool(_address(_seller(e)).value)),
)  # fmt: skip
_PEPPOL: Final[tuple[tuple[str, str, str, Test], ...]] = (
    ("PEPPOL-EN16931-R003", "BT-10", CUSTOMER, lambda e: bool(e.buyer_reference or e.purchase_order)),
    ("PEPPOL-EN16931-R010", "BT-49", CUSTOMER, lambda e: bool(_address(_buyer(e)).value)),
    ("PEPPOL-EN16931-R020", "BT-34", ENTITY, lambda e: bool(_address(_seller(e)).value)),
    ("PEPPOL-EN16931-CL008", "BT-49", CUSTOMER, lambda e: _address(_buyer(e)).scheme != EMAIL),
    ("PEPPOL-EN16931-CL008", "BT-34", ENTITY, lambda e: _address(_seller(e)).scheme != EMAIL),
)
_WHY: Final = {
    "PEPPOL-EN16931-R003": "Peppol asks for a buyer reference or a purchase order.",
    "PEPPOL-EN16931-CL008": "Peppol knows no e-mail addresses: give the participant's id with its scheme (0208, 9930, ...).",
    "BR-DE-16": "XRechnung asks for the legal entity's VAT id or tax number on what is taxed.",
    "BR-DE-27": "XRechnung asks for a telephone number of at least three digits.",
    "BR-DE-28": "XRechnung asks for a whole e-mail address.",
}
_NAMES: Final[dict[Family, str]] = {"xrechnung": "XRechnung 3.0", "peppol": "Peppol BIS Billing 3"}


def lacking(invoice: Invoice, family: Family) -> list[Finding]:
    """What the family's further rules would refuse; nothing for plain EN 16931."""
    rules = {"xrechnung": _XRECHNUNG, "peppol": _PEPPOL}.get(family, ())
    found = [_finding(rule, number, remedy, family) for rule, number, remedy, holds in rules if not holds(invoice)]
    if family == "en16931":
        return found
    return found + [
        _finding(
            "PEPPOL-EN16931-R120", "BT-131", "Tell an operator: the line's price does not give its amount.", family
        )
        for line in invoice.lines
        if not _multiplied(line)
    ]


def _finding(rule: str, number: str, remedy: str, family: Family) -> Finding:
    words = WORDS[number]
    return Finding(
        rule=rule,
        severity="fatal",
        field=f"{words} ({number})",
        text=_WHY.get(rule, f"{_NAMES[family]} asks for the {words} ({number})."),
        remedy=remedy,
        rule_set=f"{_NAMES[family]}, as we know it",
    )
