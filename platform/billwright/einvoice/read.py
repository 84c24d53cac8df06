"""Reading: the terms of the model out of a parsed document, by the table of its syntax."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from lxml import etree

from billwright.einvoice import cii, ubl
from billwright.einvoice.mapping import Constant, Group, Kind, Leaf, Syntax, Term
from billwright.einvoice.model import Amount, Identifier, Invoice
from billwright.einvoice.reading import NOT_CARRIED_MAX, Reading, Unreadable
from billwright.einvoice.settle import settle_cii, settle_ubl
from billwright.einvoice.values import parse

Element = Any
"""An lxml element. Its stubs give XPath results as a union that no reader of paths can narrow."""

_PREDICATE: Final = re.compile(r"\[([^\[\]]*)\]")
_ASKED: Final = re.compile(r"([\w:/]+)(?:/@\w+)?\s*!?=")


SYNTAXES: Final = {syntax.root: syntax for syntax in (ubl.INVOICE, ubl.CREDIT_NOTE, cii.INVOICE)}


def read_invoice(root: Element) -> Reading:
    """Everything that the document at ``root`` says in EN 16931's terms.

    ``root`` is one of ``SYNTAXES``; whoever calls has told them apart.
    """
    syntax = SYNTAXES[root.tag]
    reader = _Reader(root, syntax)
    invoice = reader.group(root, Invoice, syntax.terms) or Invoice()
    settled = settle_cii(invoice) if syntax is cii.INVOICE else settle_ubl(invoice)
    return Reading(settled, tuple(reader.not_carried()), tuple(reader.unreadable))


@cache
def _compiled(path: str, syntax_root: str) -> etree.XPath:
    namespaces = {prefix: uri for prefix, uri in SYNTAXES[syntax_root].namespaces.items() if prefix}
    return etree.XPath(path, namespaces=namespaces)


@cache
def _asked(path: str) -> tuple[str, ...]:
    """The elements that predicates of ``path`` look at: they are read as well."""
    found = []
    for predicate in _PREDICATE.finditer(path):
        before = _PREDICATE.sub("", path[: predicate.start()])
        found += [f"{before}/{asked}" for asked in _ASKED.findall(predicate[1]) if not asked.startswith("@")]
    return tuple(found)


class _Reader:
    """One document: what was read of it, and what was not."""

    def __init__(self, root: Element, syntax: Syntax) -> None:
        self.syntax = syntax
        self.root = root
        self.elements = list(root.iter(etree.Element))  # held, so that each stays the same object
        self.seen: set[Element] = set()
        self.unreadable: list[Unreadable] = []
        self.currencies = {"currency": "", "tax_currency": ""}
        for term in syntax.terms:
            if isinstance(term, Leaf) and term.name in self.currencies:
                self.currencies[term.name] = self.leaf(root, term) or ""

    def find(self, element: Element, path: str) -> list[Any]:
        found = _compiled(path, self.syntax.root)(element, **self.currencies)
        assert isinstance(found, list), path
        return found

    def group(self, element: Element, model: type[Any], terms: tuple[Term, ...]) -> Any:
        """The group, or None if nothing is said of it."""
        values: dict[str, Any] = {}
        for term in terms:
            if isinstance(term, Constant):
                self.seen.update(self.find(element, term.path))
                continue
            for asked in _asked(term.path):
                self.seen.update(self.find(element, asked))
            if term.many:
                values[term.name] = values.get(term.name, ()) + tuple(self.each(element, term))
            elif (found := self.single(element, term)) is not None:
                values.setdefault(term.name, found)
        return model(**values) if any(value is not None and value != () for value in values.values()) else None

    def each(self, element: Element, term: Leaf | Group) -> Iterator[Any]:
        for one in self.find(element, term.path):
            for asked in _asked(f"./x{term.path[term.path.find('[') :]}" if "[" in term.path else ""):
                self.seen.update(self.find(one, asked.removeprefix("./x/")))
            value = self.identifier(one, term) if isinstance(term, Leaf) else self.group(one, term.model, term.terms)
            if value is not None:
                yield value

    def single(self, element: Element, term: Leaf | Group) -> Any:
        if isinstance(term, Leaf):
            return self.leaf(element, term)
        found = [element] if term.path == "." else self.find(element, term.path)
        return self.group(found[0], term.model, term.terms) if found else None

    def leaf(self, element: Element, term: Leaf) -> Any:
        found = self.find(element, term.path)
        if not found:
            return None
        if term.kind is Kind.IDENTIFIER:
            return self.identifier(found[0], term)
        if term.kind is Kind.LINES:
            self.seen.update(found)
            texts = [text for one in found if (text := _text(one)).strip()]
            return "\n".join(texts) or None
        return self.value(found, term)

    def value(self, found: list[Any], term: Leaf) -> Any:
        """The first of ``found``; others that say the same count as read."""
        text = _text(found[0]).strip()
        self.seen.update(one for one in found if not isinstance(one, str) and _text(one).strip() == text)
        if not text:
            return None
        try:
            value = parse(term.kind, text)
        except ValueError as problem:
            self.unreadable.append(Unreadable(self.where(found[0]), text[:100], str(problem)))
            return None
        if term.kind in {Kind.AMOUNT, Kind.MARKED_AMOUNT}:
            return Amount(amount=value, currency=found[0].get("currencyID") or self.currencies["currency"] or None)
        return value

    def identifier(self, element: Element, term: Leaf) -> Identifier | None:
        def text_at(path: str | None) -> str | None:
            found = self.find(element, path) if path else []
            self.seen.update(one for one in found[:1] if not isinstance(one, str))
            return (_text(found[0]).strip() or None) if found else None

        value = text_at(term.inner)
        version = term.beside(term.version) if term.version else None
        if value is None:
            return None
        return Identifier(value=value, scheme=text_at(term.beside(term.scheme)), scheme_version=text_at(version))

    def where(self, found: Any) -> str:
        element = found if etree.iselement(found) else found.getparent()  # the text of an attribute
        return _place(element)

    def not_carried(self) -> Iterator[str]:
        unread = (one for one in self.elements if one not in self.seen and (one.text or "").strip())
        for _, one in zip(range(NOT_CARRIED_MAX), unread, strict=False):
            yield _place(one)


def _text(found: Any) -> str:
    if isinstance(found, str):
        return str(found)
    return found.text or "" if not len(found) else "".join(found.itertext(tag=None))


def _place(element: Element) -> str:
    """Path of local names, which every reader of an invoice can follow."""
    names = [etree.QName(one).localname for one in (element, *element.iterancestors())]
    return "/".join(reversed(names))
