"""Writing and checking one e-invoice of our own: by schema, official rules, the operator's rules and what we know besides."""

from dataclasses import dataclass

from billwright.einvoice.checker import Checker, Rules
from billwright.einvoice.errors import EinvoiceBusyError
from billwright.einvoice.essentials import lacking
from billwright.einvoice.findings import Finding, unchecked
from billwright.einvoice.from_content import invoice_of
from billwright.einvoice.profiles import Profile
from billwright.einvoice.queries import rules_of
from billwright.einvoice.wanted import question_of, wanted
from billwright.extension.connectors import TransientError
from billwright.issuing.content import InvoiceContent
from billwright.issuing.einvoices import EinvoiceMaker, MadeEinvoice
from billwright.tenancy.database import Database

_REMEDY = "This says nothing about the invoice. Submit the draft to the checks again; if it stays, tell an operator."


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """``rule_sets``: what was run. Without ``xml`` it could not even be written, and the findings say why."""

    xml: bytes
    findings: tuple[Finding, ...]
    rule_sets: tuple[str, ...]

    @property
    def fatal(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.severity == "fatal")

    @property
    def is_unchecked(self) -> bool:
        return any(each.severity == "unchecked" for each in self.findings)


def make(checker: Checker, content: InvoiceContent, number: str, profile: Profile, rules: Rules) -> Made:
    """Write ``content`` by ``profile`` and check it. Outside any transaction: it may take seconds.

    Raises:
        EinvoiceBusyError: too many documents wait.
    """
    invoice = invoice_of(content, number=number, profile=profile)
    xml, failed = checker.try_write(invoice, profile.syntax)
    if failed:
        finding = unchecked("validator-failed", f"It could not be written: {failed}.", _REMEDY)
        return Made(xml=b"", findings=(finding,), rule_sets=())
    report = checker.check(xml, rules, hybrid=profile.hybrid)
    run = {each.rule for each in report.findings}
    ours = tuple(each for each in lacking(invoice, profile.family) if each.rule not in run)
    return Made(xml=xml, findings=(*report.findings, *ours), rule_sets=report.rule_sets)


def maker_of(database: Database, checker: Checker) -> EinvoiceMaker:
    """What documents ask for the e-invoice of an issued invoice."""

    def maker(content: InvoiceContent, number: str, /) -> MadeEinvoice | None:
        profile = wanted(question_of(content)).profile
        if profile is None:
            return None
        try:
            made = make(checker, content, number, profile, rules_of(database))
        except EinvoiceBusyError as error:
            raise TransientError(str(error)) from error
        return MadeEinvoice(
            format=profile.format,
            title=profile.title,
            xml=made.xml,
            hybrid=profile.hybrid,
            faults=tuple(f"{each.text} ({each.rule}) {each.remedy}" for each in made.fatal),
            unchecked=made.is_unchecked,
        )

    return maker
