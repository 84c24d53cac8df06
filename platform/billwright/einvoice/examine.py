"""The whole examination of one document: opened, told apart, schema, rules, read. Runs inside the child process."""

from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from billwright.einvoice.findings import Finding, Report, unchecked
from billwright.einvoice.installed import InstalledRules, installed_rules
from billwright.einvoice.opening import NotOpenedError, Opened, open_document
from billwright.einvoice.read import read_invoice
from billwright.einvoice.rule_sets import OfficialRules, official_rules, uncovered
from billwright.einvoice.saxon import RulesBrokenError, Saxon
from billwright.einvoice.schemas import check_schema

_PDF_NOT_CHECKED = (
    "The PDF around the invoice (PDF/A-3, its metadata, what it shows) was not checked, only the invoice in it."
)
_SPECIFICATION = {
    "ubl": "string(*[local-name()='CustomizationID'])",
    "cii": "string(*[local-name()='ExchangedDocumentContext']/*[local-name()='GuidelineSpecifiedDocumentContextParameter']"
    "/*[local-name()='ID'])",
}


def specification_of(opened: Opened) -> str:
    """BT-24 as it stands, or nothing."""
    return str(opened.root.xpath(_SPECIFICATION[opened.syntax])).strip()


def examine(
    body: bytes,
    saxon: Saxon,
    *,
    installed: Sequence[InstalledRules],
    texts: Mapping[str, str],
    read: bool,
    hybrid: bool = False,
) -> Report:
    """Check ``body``, and read it if ``read``. ``texts``: the operator's rules by hash. ``hybrid``: it will be put into a PDF."""
    try:
        opened = open_document(body)
    except NotOpenedError as error:
        return Report(syntax=None, container=error.container, specification=None, findings=(error.finding,))
    specification = specification_of(opened)
    official = official_rules(opened.syntax, specification, in_pdf=hybrid or opened.container == "pdf")
    chosen = installed_rules(installed, opened.syntax, specification)
    findings = check_schema(opened.root, next((each.schema for each in official if each.schema), None))
    findings += _run(opened.root, saxon, official, chosen, texts)
    not_checked = uncovered(official, chosen, specification)
    if opened.container == "pdf":
        not_checked.append(_PDF_NOT_CHECKED)
    return Report(
        syntax=opened.syntax,
        container=opened.container,
        specification=specification or None,
        findings=tuple(findings),
        rule_sets=(*(each.name for each in official), *(each.name for each in chosen)),
        not_checked=tuple(not_checked),
        reading=read_invoice(opened.root) if read else None,
    )


def _run(
    root: Any,
    saxon: Saxon,
    official: Sequence[OfficialRules],
    chosen: Sequence[InstalledRules],
    texts: Mapping[str, str],
) -> list[Finding]:
    """All rule sets; one that breaks says so and does not stop the others."""
    document = etree.tostring(root, encoding="unicode")
    findings: list[Finding] = []
    for carried in official:
        try:
            findings += saxon.run_file(carried.name, carried.file, document)
        except RulesBrokenError as error:
            findings.append(_broken(carried.name, error))
    for added in chosen:
        try:
            findings += saxon.run_text(added.name, added.sha256, texts[added.sha256], document)
        except RulesBrokenError as error:
            findings.append(_broken(added.name, error))
    return findings


def _broken(name: str, error: RulesBrokenError) -> Finding:
    return unchecked(
        "rules-broken",
        f"The rules {name} could not be run on this document: {error}.",
        "Nothing is said about the document by this. An operator looks at the rules: einvoice rules list.",
        rule_set=name,
    )
