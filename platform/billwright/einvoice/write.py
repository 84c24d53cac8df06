"""Writing: a document of either syntax from the model, by the same table by which it is read."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from lxml import etree

from billwright.einvoice import cii, ubl
from billwright.einvoice.mapping import Constant, Group, Kind, Leaf, Syntax, Term
from billwright.einvoice.model import Amount, Identifier, Invoice
from billwright.einvoice.order import Children, Order, cii_order, ubl_order
from billwright.einvoice.settle import is_credit_note, to_cii, to_ubl
from billwright.einvoice.values import show

_STEP: Final = re.compile(r"(?P<name>@?[\w:.]+)(?P<predicates>(?:\[[^\[\]]*\])*)(?:/|$)")
_CONDITION: Final = re.compile(r"(?P<path>[@\w:/]+)=(?:'(?P<text>[^']*)'|\$(?P<variable>\w+))")


@dataclass(slots=True, eq=False)
class _Node:
    """An element that is being made. ``steps``: its children by the step that made or found them."""

    name: str
    text: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    children: "list[_Node]" = field(default_factory=list)
    steps: "dict[str, _Node]" = field(default_factory=dict)

    def add(self, step: str, name: str) -> "_Node":
        made = _Node(name)
        self.children.append(made)
        self.steps.setdefault(step, made)
        return made


@dataclass(frozen=True, slots=True)
class _Step:
    text: str
    name: str
    conditions: tuple[tuple[str, str | None, str | None], ...]


@cache
def _steps(path: str) -> tuple[_Step, ...]:
    found = []
    for step in _STEP.finditer(path):
        conditions = []
        for predicate in re.findall(r"\[([^\[\]]*)\]", step["predicates"]):
            if "not(" in predicate or "!=" in predicate:
                continue
            for each in predicate.split(" or ")[0].split(" and "):
                condition = _CONDITION.fullmatch(each)
                assert condition is not None, f"{each} in {path} cannot be written"
                conditions.append((condition["path"], condition["text"], condition["variable"]))
        found.append(_Step(step[0].removesuffix("/"), step["name"], tuple(conditions)))
    return tuple(found)


def write_ubl(invoice: Invoice) -> bytes:
    """A UBL Invoice, or CreditNote where the type code says so, in UTF-8."""
    credit = is_credit_note(invoice)
    syntax, name = (ubl.CREDIT_NOTE, "CreditNote") if credit else (ubl.INVOICE, "Invoice")
    return _write(to_ubl(invoice), syntax, ubl_order(name))


def write_cii(invoice: Invoice) -> bytes:
    """A CII document in UTF-8."""
    return _write(to_cii(invoice), cii.INVOICE, cii_order())


def _write(invoice: Invoice, syntax: Syntax, order: Order) -> bytes:
    writer = _Writer(syntax, invoice)
    root = _Node(syntax.root)
    writer.group(root, invoice, syntax.terms)
    nsmap: dict[str | None, str] = {prefix or None: uri for prefix, uri in syntax.namespaces.items()}
    element = etree.Element(root.name, nsmap=nsmap)
    _build(element, root, order, order.root(root.name))
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _build(element: Any, node: _Node, order: Order, children: Children) -> None:
    element.text = node.text
    for name, value in node.attributes.items():
        element.set(name, value)
    for child in sorted(node.children, key=lambda each: children[each.name][0]):
        _build(etree.SubElement(element, child.name), child, order, order.below(children, child.name))


class _Writer:
    def __init__(self, syntax: Syntax, invoice: Invoice) -> None:
        self.syntax = syntax
        self.currencies = {"currency": invoice.currency, "tax_currency": invoice.tax_currency}

    def group(self, node: _Node, values: Any, terms: tuple[Term, ...]) -> None:
        for term in terms:
            if isinstance(term, Constant):
                if term.beside is None or getattr(values, term.beside) is not None:
                    self.place(node, term.path).text = term.text
                continue
            value = getattr(values, term.name)
            if isinstance(term, Leaf) and term.read_only:
                continue
            for one in value if term.many else (value,):
                if one is not None:
                    self.term(node, term, one)

    def term(self, node: _Node, term: Leaf | Group, value: Any) -> None:
        if isinstance(term, Group):
            self.group(node if term.path == "." else self.place(node, term.path, again=term.many), value, term.terms)
        elif term.only is None or term.only(value):
            self.leaf(node, term, value)

    def leaf(self, node: _Node, term: Leaf, value: Any) -> None:
        if isinstance(value, Identifier):
            element = self.place(node, term.path, again=term.many)
            self.put(element, term.inner, value.value)
            self.put(element, term.beside(term.scheme), value.scheme)
            self.put(element, term.beside(term.version) if term.version else None, value.scheme_version)
            return
        currency = self.currencies["currency"]
        if isinstance(value, Amount):
            value, currency = value.amount, value.currency or currency
        self.put(node, term.path, show(term.kind, value))
        marked = self.syntax.marks_amounts and term.kind in {Kind.AMOUNT, Kind.PRICE}
        if (marked or term.kind is Kind.MARKED_AMOUNT) and currency:
            self.place(node, term.path).attributes["currencyID"] = currency

    def put(self, node: _Node, path: str | None, text: str | None) -> None:
        if path is None or text is None:
            return
        before, _, last = path.rpartition("/")
        if last.startswith("@"):
            (self.place(node, before) if before else node).attributes[last[1:]] = text
        else:
            self.place(node, path).text = text

    def place(self, node: _Node, path: str, *, again: bool = False) -> _Node:
        """The element at ``path``, made where it is missing; ``again``: a new last one in any case."""
        if path == ".":
            return node
        steps = _steps(path)
        for step in steps:
            known = None if again and step is steps[-1] else node.steps.get(step.text)
            node = known or self.make(node, step)
        return node

    def make(self, node: _Node, step: _Step) -> _Node:
        made = node.add(step.text, self.qualified(step.name))
        for path, text, variable in step.conditions:
            self.put(made, path, text if variable is None else self.currencies[variable])
        return made

    def qualified(self, name: str) -> str:
        prefix, _, local = name.rpartition(":")
        return f"{{{self.syntax.namespaces[prefix]}}}{local}"
