"""Which e-invoice an invoice needs: what the customer asks for, what the law asks for, what the legal entity does by default."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from billwright.einvoice.from_content import is_possible
from billwright.einvoice.from_parties import vat_id
from billwright.einvoice.mandates import Mandate, mandate_for
from billwright.einvoice.profiles import PROFILES, Profile
from billwright.extension.einvoicing import CustomerEinvoice, SellerEinvoice
from billwright.issuing.content import InvoiceContent

NO_MEANS: Final = "Send the customer with the e-invoice format"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What decides. Countries are ISO 3166-1, ``on`` is the issue date."""

    seller_country: str
    buyer_country: str
    buyer_tax_id: str
    currency: str
    on: date
    buyer: CustomerEinvoice
    seller: SellerEinvoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """That an invoice would not comply. ``blocking`` only where the law holds for sure and we write a format that it takes."""

    code: Literal["einvoice_mandate", "einvoice_currency"]
    blocking: bool
    message: str
    remedy: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``profile``: the format to write, or None. ``why`` in words."""

    profile: Profile | None
    why: str
    problem: Problem | None = None


def question_of(content: InvoiceContent) -> Question:
    """The question about frozen content."""
    said = content.einvoice
    return Question(
        seller_country=content.seller.country,
        buyer_country=content.buyer.country,
        buyer_tax_id=content.buyer.tax_id,
        currency=content.currency,
        on=content.issued_on,
        buyer=said.buyer or CustomerEinvoice() if said else CustomerEinvoice(),
        seller=said.seller or SellerEinvoice() if said else SellerEinvoice(),
    )


def wanted(question: Question) -> Wanted:
    """The customer's own wish wins, then the law, then the legal entity's default; what the law misses is said."""
    party = question.buyer.party
    if party is None and vat_id(question.buyer_tax_id, question.buyer_country):
        party = "business"
    mandate = mandate_for(question.seller_country, question.buyer_country, party, question.on)
    chosen, why = _chosen(question, mandate)
    profile = PROFILES.get(chosen)
    if profile is not None and not is_possible(question.currency):
        return Wanted(profile=None, why=why, problem=_impossible(question.currency, profile))
    return Wanted(profile=profile, why=why, problem=_missed(mandate, chosen))


def _chosen(question: Question, mandate: Mandate | None) -> tuple[str, str]:
    if question.buyer.format is not None:
        return question.buyer.format, "the customer asks for it"
    if mandate is not None and mandate.whom == "all" and mandate.ours:
        return mandate.ours[0], f"the law asks for it ({mandate.law})"
    if question.seller.format is not None:
        return question.seller.format, "the legal entity sends it to all"
    return "none", "nobody asks for one"


def _missed(mandate: Mandate | None, chosen: str) -> Problem | None:
    if mandate is None or mandate.whom == "receivers" or chosen in mandate.formats:
        return None
    certain = mandate.whom == "all" and bool(mandate.ours)
    since = f"{mandate.duty} In force since {mandate.since.isoformat()} ({mandate.law})."
    if not mandate.ours:
        formats = ", ".join(mandate.formats)
        remedy = f"{formats} is not written here: enter the invoice at {mandate.channel} as well, by your own means."
    else:
        names = ", ".join(mandate.ours)
        remedy = f"{NO_MEANS} ({names}) or give the legal entity a default; it is sent over: {mandate.channel}."
    message = (
        since if certain or not mandate.ours else f"{since} Whether it holds for this legal entity is for you to say."
    )
    return Problem(code="einvoice_mandate", blocking=certain, message=message, remedy=remedy, source=mandate.source)


def _impossible(currency: str, profile: Profile) -> Problem:
    return Problem(
        code="einvoice_currency",
        blocking=True,
        message=f"{profile.title} cannot carry amounts in {currency}: EN 16931 allows two decimals, {currency} has three "
        "(BR-DEC), and nothing is rounded away.",
        remedy="Send the customer with the e-invoice format none, or bill the contract in another currency.",
    )
