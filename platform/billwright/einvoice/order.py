"""In which order a schema wants its elements: read off the schema itself, so that the writer never gets it wrong."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

from lxml import etree

from billwright.einvoice.bundled import CII_SCHEMA, facturx, ubl_schema

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
Children = dict[str, tuple[int, str]]
"""Child element to its position and its type."""


class Order:
    """The sequences of one schema. Names are ``{namespace}local``; types of other files likewise."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._types: dict[str, Children] = {}
        self._elements: dict[str, str] = {}
        trees = [etree.parse(file, etree.XMLParser(resolve_entities=False, no_network=True)) for file in files]
        for tree in trees:
            root = tree.getroot()
            target = f"{{{root.get('targetNamespace')}}}"
            for element in root.iterfind(f"{_XS}element"):
                self._elements[target + str(element.get("name"))] = _qualified(element, str(element.get("type")))
        for tree in trees:
            root = tree.getroot()
            target = f"{{{root.get('targetNamespace')}}}"
            for kind in root.iterfind(f"{_XS}complexType"):
                self._types[target + str(kind.get("name"))] = self._children(kind, target)

    def _children(self, kind: Any, target: str) -> Children:
        found: Children = {}
        for position, element in enumerate(kind.iter(f"{_XS}element")):
            reference = element.get("ref")
            if reference:
                name = _qualified(element, reference)
                found[name] = (position, self._elements.get(name, ""))
            else:
                found[target + element.get("name")] = (position, _qualified(element, element.get("type", "")))
        return found

    def root(self, name: str) -> Children:
        """Children of the document's root element."""
        return self._types[self._elements[name]]

    def below(self, children: Children, name: str) -> Children:
        """Children of ``name`` among ``children``; none of a simple one."""
        assert name in children, f"{name} is not one of {sorted(children)}"
        return self._types.get(children[name][1], {})


def _qualified(element: Any, name: str) -> str:
    prefix, _, local = name.rpartition(":")
    namespace = element.nsmap.get(prefix or None, "")
    return f"{{{namespace}}}{local}"


@cache
def cii_order() -> Order:
    """Of a CII document."""
    return Order(sorted(CII_SCHEMA.parent.glob("CrossIndustryInvoice_100pD22B*.xsd")))


@cache
def ubl_order(root: str) -> Order:
    """Of a UBL ``Invoice`` or ``CreditNote``."""
    common = facturx("ubl-2.1/common")
    return Order(
        [
            common / "UBL-CommonBasicComponents-2.1.xsd",
            common / "UBL-CommonAggregateComponents-2.1.xsd",
            ubl_schema(root),
        ]
    )
