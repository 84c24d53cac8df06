"""What the standard's numbers are called here, and what to do about a rule that failed."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"\b(B[TG]-(?:DEX-)?\d+)\b")
_RULE: Final = re.compile(r"\[([A-Z][A-Za-z0-9-]+)\]")
FIELDS_MAX: Final = 4

_WORDS: Final = """
BT-1 invoice number; BT-2 issue date; BT-3 kind of document; BT-5 currency; BT-6 currency of the VAT accounts; BT-7 tax point date;
BT-8 tax point code; BT-9 due date; BT-10 buyer reference; BT-11 project; BT-12 contract; BT-13 purchase order; BT-14 sales order;
BT-15 receiving advice; BT-16 despatch advice; BT-17 tender or lot; BT-18 invoiced object; BT-19 customer's accounting reference;
BT-20 payment terms; BG-1 note; BT-21 note's subject; BT-22 note; BG-2 process control; BT-23 business process;
BT-24 specification; BG-3 preceding invoice; BT-25 preceding invoice's number; BT-26 preceding invoice's issue date;
BG-4 legal entity; BT-27 legal entity's name; BT-28 legal entity's trading name; BT-29 legal entity's identifier;
BT-30 legal entity's registration; BT-31 legal entity's VAT id; BT-32 legal entity's tax registration;
BT-33 legal entity's legal form; BT-34 legal entity's electronic address; BG-5 legal entity's address;
BT-35 legal entity's street; BT-36 legal entity's address, second line; BT-37 legal entity's city;
BT-38 legal entity's postcode; BT-39 legal entity's region; BT-40 legal entity's country;
BT-162 legal entity's address, third line; BG-6 legal entity's contact; BT-41 legal entity's contact name;
BT-42 legal entity's telephone; BT-43 legal entity's e-mail; BG-7 customer; BT-44 customer's name;
BT-45 customer's trading name; BT-46 customer's identifier; BT-47 customer's registration; BT-48 customer's VAT id;
BT-49 customer's electronic address; BG-8 customer's address; BT-50 customer's street;
BT-51 customer's address, second line; BT-52 customer's city; BT-53 customer's postcode; BT-54 customer's region;
BT-55 customer's country; BT-163 customer's address, third line; BG-9 client contact; BT-56 client contact's name;
BT-57 client contact's telephone; BT-58 client contact's e-mail; BG-10 payee; BT-59 payee's name; BT-60 payee's identifier;
BT-61 payee's registration; BG-11 tax representative; BT-62 tax representative's name; BT-63 tax representative's VAT id;
BG-12 tax representative's address; BT-64 tax representative's street; BT-65 tax representative's address, second line;
BT-66 tax representative's city; BT-67 tax representative's postcode; BT-68 tax representative's region;
BT-69 tax representative's country; BT-164 tax representative's address, third line; BG-13 delivery;
BT-70 name at the place of delivery; BT-71 place of delivery; BT-72 delivery date; BG-14 billing period;
BT-73 first day of the billing period; BT-74 last day of the billing period; BG-15 address of delivery;
BT-75 delivery street; BT-76 delivery address, second line; BT-77 delivery city; BT-78 delivery postcode;
BT-79 delivery region; BT-80 delivery country; BT-165 delivery address, third line; BG-16 payment instructions;
BT-81 means of payment; BT-82 means of payment in words; BT-83 remittance information; BG-17 credit transfer;
BT-84 bank account; BT-85 account holder; BT-86 bank; BG-18 payment card; BT-87 card number; BT-88 card holder;
BG-19 direct debit; BT-89 mandate; BT-90 creditor identifier; BT-91 debited account; BG-20 allowance of the invoice;
BT-92 allowance's amount; BT-93 allowance's base; BT-94 allowance's percentage; BT-95 allowance's VAT category;
BT-96 allowance's VAT rate; BT-97 allowance's reason; BT-98 allowance's reason code; BG-21 charge of the invoice;
BT-99 charge's amount; BT-100 charge's base; BT-101 charge's percentage; BT-102 charge's VAT category;
BT-103 charge's VAT rate; BT-104 charge's reason; BT-105 charge's reason code; BG-22 totals; BT-106 sum of the lines;
BT-107 sum of allowances; BT-108 sum of charges; BT-109 total without VAT; BT-110 total VAT;
BT-111 total VAT in the currency of the VAT accounts; BT-112 total with VAT; BT-113 amount paid; BT-114 rounding;
BT-115 amount due; BG-23 VAT breakdown; BT-116 taxable amount; BT-117 VAT amount; BT-118 VAT category; BT-119 VAT rate;
BT-120 exemption reason; BT-121 exemption code; BG-24 evidence; BT-122 evidence's reference; BT-123 evidence's description;
BT-124 evidence's link; BT-125 evidence's file; BG-25 invoice line; BT-126 line's number; BT-127 line's note;
BT-128 line's object; BT-129 quantity; BT-130 unit; BT-131 line's net amount; BT-132 line of the purchase order;
BT-133 line's accounting reference; BG-26 line's period; BT-134 first day of the line's period;
BT-135 last day of the line's period; BG-27 line's allowance; BT-136 line allowance's amount;
BT-137 line allowance's base; BT-138 line allowance's percentage; BT-139 line allowance's reason;
BT-140 line allowance's reason code; BG-28 line's charge; BT-141 line charge's amount; BT-142 line charge's base;
BT-143 line charge's percentage; BT-144 line charge's reason; BT-145 line charge's reason code; BG-29 price;
BT-146 net price; BT-147 price discount; BT-148 gross price; BT-149 price's base quantity; BT-150 price's base unit;
BG-30 line's VAT; BT-151 line's VAT category; BT-152 line's VAT rate; BG-31 item; BT-153 item's name;
BT-154 item's description; BT-155 legal entity's item number; BT-156 customer's item number; BT-157 item's standard number;
BT-158 item's classification; BT-159 item's country of origin; BG-32 item's attribute; BT-160 attribute's name;
BT-161 attribute's value
"""
WORDS: Final = {number: word for number, _, word in (each.strip().partition(" ") for each in _WORDS.split(";"))}

_REMEDIES: Final = {
    "BR-CO-10": "Make the sum of the lines (BT-106) the sum of all lines' net amounts.",
    "BR-CO-11": "Make the sum of allowances (BT-107) the sum of the invoice's allowances.",
    "BR-CO-12": "Make the sum of charges (BT-108) the sum of the invoice's charges.",
    "BR-CO-13": "Total without VAT (BT-109) = sum of lines - allowances + charges. Calculate it again.",
    "BR-CO-14": "Make the total VAT (BT-110) the sum of the VAT amounts of the breakdown.",
    "BR-CO-15": "Total with VAT (BT-112) = total without VAT + total VAT, both in the invoice's currency. Calculate it again.",
    "BR-CO-16": "Amount due (BT-115) = total with VAT - amount paid + rounding. Calculate it again.",
    "BR-CO-17": "VAT amount = taxable amount x rate / 100, rounded to two decimals. Calculate it again.",
    "BR-CO-18": "Give at least one VAT breakdown, for each category and rate of the lines.",
    "BR-CO-25": "An amount is due: give a due date (BT-9) or payment terms (BT-20).",
    "BR-CO-26": "Give the legal entity's identifier, registration or VAT id, so that the customer's system knows it.",
    "BR-CO-9": "Start the VAT id with the country's two letters (Greece: EL).",
    "UBL-SR-53": "Give the VAT id (BT-31) or the tax registration (BT-32), or leave out the tax scheme that has none.",
}
_FIELDS: Final = {
    "BR-CL-01": "BT-3",
    "BR-CL-03": "BT-5",
    "BR-CL-04": "BT-5",
    "BR-CL-05": "BT-6",
    "BR-CL-06": "BT-8",
    "BR-CL-07": "BT-18",
    "BR-CL-10": "BT-29 BT-46 BT-60",
    "BR-CL-11": "BT-30 BT-47 BT-61",
    "BR-CL-13": "BT-158",
    "BR-CL-14": "BT-40 BT-55 BT-69 BT-80",
    "BR-CL-15": "BT-159",
    "BR-CL-16": "BT-81",
    "BR-CL-17": "BT-118",
    "BR-CL-18": "BT-95 BT-102 BT-151",
    "BR-CL-19": "BT-98 BT-140",
    "BR-CL-20": "BT-105 BT-145",
    "BR-CL-21": "BT-157",
    "BR-CL-22": "BT-121",
    "BR-CL-23": "BT-130 BT-150",
    "BR-CL-24": "BT-125",
    "BR-CL-25": "BT-34 BT-49",
    "BR-CL-26": "BT-71",
    "UBL-SR-53": "BT-31 BT-32",
}
"""Rules whose text names no number."""
_BY_FAMILY: Final = (
    (r"BR-CL-\d+", "Use a code of the list that the rule names for {field}."),
    (r"BR-DEC-\d+", "Round {field} to two decimals."),
    (
        r"BR-(?:S|Z|E|AE|IC|G|O|IG|IP|B|AF|AG)-\d+",
        "Make VAT category, rate, registrations and exemption agree for {field}.",
    ),
    (r"BR-CO-\d+", "Make {field} agree with each other as the rule says."),
    (
        r"(?:UBL|CII)-(?:CR|SR|DT)-\d+",
        "Leave out or give once only what the rule names; EN 16931 has no further place for it.",
    ),
    (r"BR-DEX?-.+", "Follow the XRechnung rule for {field}, or send the invoice as plain EN 16931."),
    (r"PEPPOL-.+", "Follow the Peppol rule for {field}; the customer's access point refuses the invoice otherwise."),
    (r"BR-\d+", "Fill in {field}."),
    (r"unnamed", "Leave {field} out, or write it as the rule says."),
)


def field_of(rule: str, text: str) -> str:
    """The fields that a rule is about, in our words with the standard's numbers; nothing if neither it nor we know."""
    numbers = list(dict.fromkeys(_NUMBER.findall(text))) or _NUMBER.findall(_FIELDS.get(rule, ""))
    named = [f"{WORDS[number]} ({number})" if number in WORDS else number for number in numbers[:FIELDS_MAX]]
    return ", ".join(named)


def remedy_of(rule: str, field: str) -> str:
    """What to do about ``rule``."""
    if rule in _REMEDIES:
        return _REMEDIES[rule]
    family = next((remedy for form, remedy in _BY_FAMILY if re.fullmatch(form, rule)), None)
    return (family or "Correct {field} as the rule says, and check the document again.").format(field=field)


def rule_in(text: str) -> str | None:
    """The rule's id where it stands in its text only."""
    found = _RULE.search(text)
    return found[1] if found else None


def tidy(text: str) -> str:
    """One line of single spaces."""
    return " ".join(text.split())
