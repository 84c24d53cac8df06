"""A line that bills another amount than its price says so in the customer's language."""

import pytest

from billwright.issuing.adjusted_words import adjustment_words
from billwright.kernel.money import Money


@pytest.mark.parametrize(
    ("standard", "net", "by", "language", "words"),
    [
        (600_00, 300_00, "cap:Phase 1", "en", "cap Phase 1 reached: 300.00 EUR of 600.00 EUR written down"),
        (
            600_00,
            300_00,
            "person:goodwill cap:Phase 1",
            "en",
            "cap Phase 1 reached: 300.00 EUR of 600.00 EUR written down",
        ),
        (600_00, 550_50, "person:rework", "de", "49,50 EUR von 600,00 EUR nicht berechnet"),
        (600_00, 650_00, "person:agreed_price", "fr", "50,00 EUR de plus que 600,00 EUR au prix convenu"),
        (-60_00, -20_00, "cap:Phase 1", "en", "cap Phase 1 reached: 40.00 EUR of -60.00 EUR written down"),
        (100_00, 99_99, "", "en", "each entry rounded by itself; 100.00 EUR in all"),
        (100_00, 100_01, "", "xx", "each entry rounded by itself; 100.00 EUR in all"),
        (100_00, 100_00, "cap:Phase 1", "en", ""),
        (None, 100_00, "", "en", ""),
    ],
)
def test_the_words_name_standard_and_difference(
    standard: int | None, net: int, by: str, language: str, words: str
) -> None:
    before = None if standard is None else Money(standard, "EUR")

    assert adjustment_words(before, Money(net, "EUR"), by, language) == words
