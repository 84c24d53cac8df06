"""The mandate calendar and the choice of a format: the customer's wish, the law of the day, the legal entity's default."""

from datetime import date, timedelta

import pytest

from billwright.einvoice.mandates import Mandate, calendar, mandate_for
from billwright.einvoice.profiles import PROFILES
from billwright.einvoice.wanted import Question, Wanted, wanted
from billwright.extension.einvoicing import CustomerEinvoice, SellerEinvoice

VAT_IDS = {"BE": "BE0123456749", "DE": "DE123456788", "FR": "FR83404833048", "PL": "PL5260001246", "GB": "GB123456789"}


def asked(
    seller: str,
    buyer: str,
    on: date,
    *,
    tax_id: str | None = None,
    currency: str = "EUR",
    says: CustomerEinvoice | None = None,
    default: SellerEinvoice | None = None,
) -> Wanted:
    return wanted(
        Question(
            seller_country=seller,
            buyer_country=buyer,
            buyer_tax_id=VAT_IDS[buyer] if tax_id is None else tax_id,
            currency=currency,
            on=on,
            buyer=says or CustomerEinvoice(),
            seller=default or SellerEinvoice(),
        )
    )


def format_of(answer: Wanted) -> str:
    return answer.profile.format if answer.profile else "none"


def test_every_entry_has_a_source_and_formats_and_stages_do_not_overlap() -> None:
    mandates = calendar().mandates

    assert len({each.id for each in mandates}) == len(mandates)
    for each in mandates:
        assert each.until is None or each.until > each.since, each.id
        same = [
            other
            for other in mandates
            if (other.seller, other.party) == (each.seller, each.party) and other is not each
        ]
        for other in same:
            assert (each.until or date.max) < other.since or (other.until or date.max) < each.since, (each.id, other.id)


@pytest.mark.parametrize("mandate", calendar().mandates, ids=lambda each: each.id)
def test_a_duty_begins_on_its_day_and_not_before(mandate: Mandate) -> None:
    party = "business" if mandate.party == "any" else mandate.party
    assert mandate_for(mandate.seller, mandate.seller, party, mandate.since) is mandate
    before = mandate_for(mandate.seller, mandate.seller, party, mandate.since - timedelta(days=1))
    assert before is not mandate
    assert mandate_for(mandate.seller, "US", party, mandate.since) is None


@pytest.mark.parametrize(
    ("country", "on", "written"),
    [
        ("BE", date(2025, 12, 31), "none"),
        ("BE", date(2026, 1, 1), "peppol"),
        ("DE", date(2027, 12, 31), "none"),
        ("DE", date(2028, 1, 1), "facturx"),
        ("FR", date(2027, 8, 31), "none"),
        ("FR", date(2027, 9, 1), "facturx"),
        ("PL", date(2026, 4, 1), "none"),
        ("GB", date(2030, 1, 1), "none"),
    ],
)
def test_the_law_of_the_day_decides_where_nobody_else_does(country: str, on: date, written: str) -> None:
    assert format_of(asked(country, country, on)) == written


@pytest.mark.parametrize(
    ("country", "on", "says", "blocking"),
    [
        ("BE", date(2026, 3, 1), "none", True),
        ("BE", date(2026, 3, 1), "facturx", True),
        ("BE", date(2026, 3, 1), "peppol", None),
        ("BE", date(2025, 3, 1), "none", None),
        ("DE", date(2026, 3, 1), "none", None),
        ("DE", date(2027, 3, 1), "none", False),
        ("DE", date(2028, 3, 1), "none", True),
        ("DE", date(2028, 3, 1), "xrechnung_cii", None),
        ("PL", date(2026, 3, 1), "facturx", False),
        ("PL", date(2026, 5, 1), "none", False),
        ("FR", date(2026, 10, 1), "none", False),
        ("FR", date(2027, 10, 1), "peppol", True),
    ],
)  # fmt: skip
def test_an_invoice_that_would_not_comply_is_said_so(country: str, on: date, says: str, blocking: bool | None) -> None:
    """``blocking`` None: nothing is said."""
    answer = asked(country, country, on, says=CustomerEinvoice(format=says))  # type: ignore[arg-type]  # literals from the table

    assert (answer.problem.blocking if answer.problem else None) is blocking
    if answer.problem is not None:
        assert answer.problem.remedy
        assert answer.problem.source.startswith("https://")


def test_the_customer_wins_over_law_and_default_and_the_law_over_the_default() -> None:
    default = SellerEinvoice(format="ubl")
    on = date(2026, 3, 1)

    assert format_of(asked("BE", "BE", on, default=default)) == "peppol"
    assert format_of(asked("BE", "DE", on, default=default)) == "ubl"
    assert format_of(asked("BE", "DE", on, default=default, says=CustomerEinvoice(format="none"))) == "none"
    assert format_of(asked("BE", "DE", on, default=default, says=CustomerEinvoice(format="cii"))) == "cii"


def test_who_is_a_business_follows_from_the_vat_id_unless_it_is_stated() -> None:
    on = date(2026, 3, 1)

    assert format_of(asked("BE", "BE", on, tax_id="")) == "none"
    assert format_of(asked("BE", "BE", on, tax_id="", says=CustomerEinvoice(party="business"))) == "peppol"
    assert format_of(asked("BE", "BE", on, says=CustomerEinvoice(party="private"))) == "none"
    public = asked("DE", "DE", on, says=CustomerEinvoice(party="public"))
    assert public.problem is not None
    assert "XRechnung" in public.problem.message


def test_currencies_with_three_decimals_are_a_problem_of_the_format_and_not_rounded() -> None:
    answer = asked("DE", "DE", date(2026, 3, 1), currency="KWD", says=CustomerEinvoice(format="ubl"))

    assert answer.profile is None
    assert answer.problem is not None
    assert (answer.problem.code, answer.problem.blocking) == ("einvoice_currency", True)
    assert asked("DE", "DE", date(2026, 3, 1), currency="KWD").problem is None


def test_formats_of_the_calendar_are_ours_or_named_as_the_law_names_them() -> None:
    foreign = {name for each in calendar().mandates for name in each.formats} - set(PROFILES)

    assert foreign == {"FA(3)", "FatturaPA", "RO_CIUS", "myDATA"}
