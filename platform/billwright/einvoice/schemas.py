"""The XML schemas, run by libxml2 inside the child process."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from lxml import etree

from billwright.einvoice.bundled import CII_SCHEMA, ubl_schema
from billwright.einvoice.findings import Finding
from billwright.einvoice.places import name_of
from billwright.einvoice.words import tidy

FINDINGS_MAX: Final = 20
_NAMESPACE: Final = re.compile(r"\{[^}]*\}")
_REMEDY: Final = (
    "Write the element as the schema has it: its name, its place among the others, and the form of its value."
)


@cache
def _schema(file: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(file, etree.XMLParser(no_network=True, resolve_entities=False)))


def check_schema(root: Any, profile: Path | None = None) -> list[Finding]:
    """Where the document is not what its schema asks for; ``profile``: a narrower schema than the syntax's own."""
    name = etree.QName(root).localname
    schema = _schema(profile or (CII_SCHEMA if name == "CrossIndustryInvoice" else ubl_schema(name)))
    if schema.validate(root):
        return []
    return [_finding(error, name) for _, error in zip(range(FINDINGS_MAX), schema.error_log, strict=False)]


def _finding(error: Any, name: str) -> Finding:
    text = tidy(_NAMESPACE.sub("", error.message))
    if len(text) > 400:
        text = f"{text[:400]}..."
    found = re.match(r"Element '([^']+)'(?:, attribute '([^']+)')?", text)
    field = " @".join(part for part in (name_of(found[1]), found[2]) if part) if found else name
    return Finding(
        rule="schema",
        severity="fatal",
        field=field,
        text=text,
        remedy=_REMEDY,
        where=f"line {error.line}",
        rule_set=f"schema of {name}",
    )
