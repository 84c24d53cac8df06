"""What an element is called here: for findings that name an element and no number of the standard's."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Final

from billwright.einvoice import cii, ubl
from billwright.einvoice.mapping import Constant, Leaf, Term

_SYNTAXES: Final = (ubl.INVOICE, ubl.CREDIT_NOTE, cii.INVOICE)


def name_of(element: str) -> str:
    """``lines: quantity (InvoicedQuantity)``; the element alone where it has no term, or terms of several names."""
    terms = _terms().get(element, set())
    return f"{next(iter(terms))} ({element})" if len(terms) == 1 else element


@cache
def _terms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for syntax in _SYNTAXES:
        for element, term in _leaves(syntax.terms, ""):
            found[element].add(term)
    return found


def _leaves(terms: tuple[Term, ...], group: str) -> Iterator[tuple[str, str]]:
    for term in terms:
        if isinstance(term, Constant):
            continue
        name = term.name.replace("_", " ")
        if isinstance(term, Leaf):
            path = term.path if term.inner == "." else term.inner
            element = path.rpartition("/")[2].partition("[")[0].rpartition(":")[2]
            if element not in {".", "ID", "DateTimeString"} and not element.startswith("@"):
                yield element, f"{group}{name}"
        else:
            yield from _leaves(term.terms, f"{name}: ")
