"""Findings about tax: what keeps a draft because its tax is not certain, in words with a remedy."""

from collections.abc import Mapping
from typing import Any, Final

from billwright.extension.views import Finding

WARNINGS: Final = frozenset({"customer_without_vat_id", "vat_id_doubtful", "vat_id_unverified"})
_CUSTOMER: Final = "Correct the customer at its source and send it again; the draft is priced again by itself."
_ENTITY: Final = "the legal entity in the tenant's blueprint, and apply it; then submit the draft again."

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "customer_country_missing": (
        "The country of {customer} is not known, so no rule can say which tax its invoice bears.",
        "Send the customer with the country in its address (or with a tax category and its reason); the draft is priced "
        "again by itself.",
    ),
    "tax_jurisdiction_unknown": (
        "There are no tax rules for {country}, the country of the {party}.",
        "Write a tax category with its reason on the customer's record, or the standard rate for its country on the legal entity.",
    ),
    "customer_territory": (
        "{customer} has its address in {territory}, which has a tax of its own.",
        "Ask your tax adviser, and write the tax category with its reason on the customer's record.",
    ),
    "customer_region_missing": (
        "The tax depends on the province or state of {customer} (and of the legal entity) in {country}, which is not known.",
        "Send the customer with `tax.region`, such as QC; the legal entity has its own in its blueprint.",
    ),
    "provincial_tax_unstated": (
        "Whether {tax} of {region} is due on these services depends on what they are; nobody has stated it.",
        "State the rate under `tax.provincial` (0 for services that are not taxed) of " + _ENTITY,
    ),
    "vat_id_wrong": (
        "The VAT id {tax_id} of {customer} cannot be right: its form or check digits are wrong, and the reverse charge "
        "rests on it.",
        _CUSTOMER,
    ),
    "vat_id_country_differs": (
        "The VAT id {tax_id} of {customer} is of another country than its address ({country}).",
        "Send the customer with the address of the establishment that receives the service, or with its VAT id.",
    ),
    "vat_id_missing": (
        "{customer} is a business in another member state, but its VAT id is not known: reverse charge needs it.",
        "Send the customer with its VAT id; if it has none, send its `tax.status` as private_person or public_body.",
    ),
    "vat_id_refused": (
        "The VAT id {tax_id} of {customer} is not registered, says the register of its country.",
        "Ask the customer for its valid VAT id, and send it; an answer that was wrong is asked for again within a day.",
    ),
    "vat_id_doubtful": (
        "The tax number {tax_id} of {customer} has a wrong form or check digit; the tax does not rest on it.",
        _CUSTOMER,
    ),
    "vat_id_unverified": (
        "The VAT id {tax_id} of {customer} has not been confirmed by the register of its country yet.",
        "Nothing is to be done: it is asked for again by itself, and the answer is kept as evidence.",
    ),
    "customer_without_vat_id": (
        "{customer} has no VAT id, so it is taxed as a consumer in another member state, with the seller's tax.",
        "If it is a business, send its VAT id; if not, send its `tax.status`, and this goes away.",
    ),
    "exemption_reason_missing": (
        "The record of {customer} says that it is exempt, but not why; the law wants the reason on the invoice.",
        "Send the customer with `tax.exemption_code` (VATEX) or `tax.exemption_reason`.",
    ),
    "seller_reason_missing": (
        "The legal entity charges no tax as a small business, but for {country} no sentence is known that says so.",
        "Write `tax.scheme_reason` for " + _ENTITY,
    ),
    "oss_missing": (
        "An electronic service to a consumer in {country} bears the tax of that country; the legal entity is not in the "
        "one-stop shop.",
        "Set `tax.oss` of "
        + _ENTITY
        + " Below the yearly threshold, write the tax category S on the customer's record.",
    ),
    "tax_rate_missing": (
        "No rate of {country} is known for a supply on {day}.",
        "Write the standard rate for " + _ENTITY,
    ),
    "tax_rule_missing": (
        "No rule decides the tax of this service ({service}) from {seller} to {buyer}.",
        "Send the customer with its `tax.status`, or with the tax category and its reason.",
    ),
    "service_place_unknown": (
        "The tax of this service ({service}) depends on where it is received, which the rules cannot see.",
        "Write the tax category with its reason on the customer's record.",
    ),
}
CODES: Final = frozenset(_WORDS)


def is_blocking(code: str) -> bool:
    return code not in WARNINGS


def finding_of(problem: Mapping[str, Any], customer: str) -> Finding:
    """The finding of a stored problem (``{"code": ..., "facts": {...}}``)."""
    code, facts = str(problem["code"]), dict(problem.get("facts") or {})
    message, remedy = _WORDS[code]
    return Finding(
        code=code,
        severity="blocking" if is_blocking(code) else "warning",
        subject="draft",
        message=message.format(customer=customer, **facts),
        remedy=remedy,
        evidence=facts,
    )
