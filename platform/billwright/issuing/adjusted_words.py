"""What a line says when it bills another amount than quantity times price: standard and billed price, and why. Pure."""

from typing import Final

from billwright.kernel.money import Money

CAP: Final = "cap:"
_WORDS: Final = {
    "en": {
        "cap": "cap {cap} reached: {less} of {standard} written down",
        "down": "{less} of {standard} written down",
        "up": "{less} more than {standard} at the agreed price",
        "rounded": "each entry rounded by itself; {standard} in all",
    },
    "de": {
        "cap": "Obergrenze {cap} erreicht: {less} von {standard} nicht berechnet",
        "down": "{less} von {standard} nicht berechnet",
        "up": "{less} mehr als {standard} zum vereinbarten Preis",
        "rounded": "jeder Eintrag für sich gerundet; zusammen {standard}",
    },
    "fr": {
        "cap": "plafond {cap} atteint : {less} sur {standard} non facturés",
        "down": "{less} sur {standard} non facturés",
        "up": "{less} de plus que {standard} au prix convenu",
        "rounded": "chaque saisie arrondie séparément ; {standard} en tout",
    },
}


def adjustment_words(standard: Money | None, net: Money, adjusted_by: str, language: str) -> str:
    """A few words in the customer's language; none where the line bills its price."""
    if standard is None or standard == net:
        return ""
    words = _WORDS.get(language, _WORDS["en"])
    person, _, cap = adjusted_by.partition(CAP)
    less = standard - net if standard.minor >= 0 else net - standard
    way = "up" if less.minor < 0 else ("cap" if cap else "down")
    kind = way if person or cap else "rounded"
    amounts = {
        "less": _spelled(Money(abs(less.minor), net.currency), language),
        "standard": _spelled(standard, language),
    }
    return words[kind].format(cap=cap, **amounts)


def _spelled(money: Money, language: str) -> str:
    figure = str(money.decimal)
    return f"{figure.replace('.', ',') if language in ('de', 'fr') else figure} {money.currency}"
