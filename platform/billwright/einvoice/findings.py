"""What came of checking a document: findings, the verdict, and what could not be checked."""

from typing import Final, Literal

import msgspec

from billwright.einvoice.reading import Reading

DOCUMENT_BYTES_MAX: Final = 20 * 1024 * 1024
Severity = Literal["fatal", "warning", "info", "unchecked"]
Verdict = Literal["valid", "invalid", "unchecked"]
SEVERITIES: Final[dict[str, Severity]] = {
    "fatal": "fatal",
    "error": "fatal",
    "warning": "warning",
    "warn": "warning",
    "info": "info",
    "information": "info",
}
"""Flags of Schematron rules; a rule without a flag is fatal."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """``field`` in our words with the standard's number, ``text`` as the rule says it, ``remedy`` what to do.

    ``unchecked`` says that a check did not happen: the document is then neither valid nor invalid.
    """

    rule: str
    severity: Severity
    field: str
    text: str
    remedy: str
    where: str = ""
    rule_set: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``rule_sets``: what was run; ``not_checked``: what was not and why, without being a reason for doubt about the rest."""

    syntax: str | None
    container: Literal["xml", "pdf"] | None
    specification: str | None
    findings: tuple[Finding, ...]
    rule_sets: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    reading: Reading | None = None

    @property
    def verdict(self) -> Verdict:
        """Invalid by one fatal finding; valid only if every check that applies was made."""
        severities = {finding.severity for finding in self.findings}
        if "fatal" in severities:
            return "invalid"
        return "unchecked" if "unchecked" in severities else "valid"


def unchecked(rule: str, text: str, remedy: str, *, rule_set: str = "") -> Finding:
    """That something could not be checked."""
    return Finding(rule=rule, severity="unchecked", field="document", text=text, remedy=remedy, rule_set=rule_set)


def too_large(size: int) -> Finding:
    """That a document of ``size`` bytes is not looked at."""
    limit = DOCUMENT_BYTES_MAX // 1024**2
    return Finding(
        rule="document-too-large",
        severity="fatal",
        field="document",
        text=f"The document has {size / 1024**2:.1f} MB; an e-invoice may have {limit} MB.",
        remedy="Send large attachments as links (BT-124) and not inside the invoice.",
    )
