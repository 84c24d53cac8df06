"""The verdicts of the official rules on every collected document, and on the fragments by which CEN tests its rules."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from billwright.einvoice.bundled import facturx
from billwright.einvoice.checker import Checker
from billwright.einvoice.findings import Report
from billwright.einvoice.installed import Syntax
from billwright.einvoice.rule_sets import CEN
from billwright.einvoice.saxon import Saxon
from billwright.einvoice.write import write_ubl
from support.einvoices import MATERIAL, an_invoice, material, needs_material, verdicts

VERDICTS = verdicts()
FRAGMENTS = sorted((MATERIAL / "en16931" / "test").rglob("*.xml"))
PDFS = {
    "ZUGFeRDv1/correct/Intarsys/ZUGFeRD_1p0_COMFORT_Einfach.pdf": ("unchecked", {"syntax-outdated"}),
    "ZUGFeRDv2/correct/intarsys/EN16931/zugferd_2p0_EN16931_Einfach.pdf": ("valid", {"CII-SR-450"}),
    "ZUGFeRDv2/correct/symtrax/Beispiele/EN16931/zugferd_2p1_EN16931_1_Teilrechnung.pdf": (
        "valid",
        {"PEPPOL-EN16931-R008"},
    ),
    # Correct by the profile of their year (2018); the rules in force since mark what they write as not used.
    "ZUGFeRDv2/correct/FNFE-factur-x-examples/Facture_FR_BASICWL.pdf": ("invalid", {"unnamed"}),
    "ZUGFeRDv2/correct/intarsys/MINIMUM/zugferd_2p0_MINIMUM.pdf": ("invalid", {"schema", "unnamed"}),
    "ZUGFeRDv2/fail/FNFE-factur-x-examples/Avoir_FR_type380_MINIMUM.pdf": ("invalid", {"schema", "unnamed"}),
}
NOT_TO_BE_HAD = {
    "peppol-2026.5": "urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    "xrechnung-3.0.2": "urn:xeinkauf.de:kosit:xrechnung_3.0",
}
"""Rule sets in no package: an operator adds them. Their verdicts cannot be given here, and the report says so by name."""


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


def by_severity(report: Report) -> dict[str, list[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for finding in report.findings:
        found[finding.severity].add(finding.rule)
    return {severity: sorted(rules) for severity, rules in found.items()}


@needs_material
@pytest.mark.parametrize("name", VERDICTS)
def test_every_collected_document_has_the_official_verdict(checker: Checker, name: str) -> None:
    expected = VERDICTS[name]
    report = checker.check(material(name))

    assert report.syntax == expected["syntax"]
    assert by_severity(report) == expected["en16931"]
    assert report.verdict == ("invalid" if "fatal" in expected["en16931"] else "valid")
    further = [NOT_TO_BE_HAD[rules] for rules in expected if rules not in {"syntax", "en16931"}]
    for specification in further:
        assert any(specification in sentence for sentence in report.not_checked)


@needs_material
def test_the_verdicts_that_cannot_be_given_are_these_and_no_others() -> None:
    asked = {rules for expected in VERDICTS.values() for rules in expected} - {"syntax", "en16931"}
    assert asked == set(NOT_TO_BE_HAD)


@needs_material
@pytest.mark.parametrize("name", PDFS)
def test_hybrid_pdfs_are_checked_by_their_profile(checker: Checker, name: str) -> None:
    verdict, rules = PDFS[name]
    report = checker.check(material(f"zugferd-corpus/{name}"))

    assert (report.container, report.verdict) == ("pdf", verdict)
    assert {finding.rule for finding in report.findings} == rules


@needs_material
@pytest.mark.parametrize(
    "path", sorted((MATERIAL / "peppol-invoice-response").glob("*.xml")), ids=lambda path: path.stem
)
def test_what_is_no_invoice_is_said_to_be_none(checker: Checker, path: Path) -> None:
    report = checker.check(path.read_bytes())

    assert (report.syntax, report.verdict) == (None, "invalid")
    assert [finding.rule for finding in report.findings] == ["syntax-unknown"]


@pytest.fixture(scope="module")
def saxon() -> Saxon:
    return Saxon()


@needs_material
@pytest.mark.parametrize("syntax", CEN)
def test_rules_say_the_same_when_an_operator_adds_them(saxon: Saxon, syntax: Syntax) -> None:
    """Without files, network and extensions: what a rule set of the real kind needs is still there."""
    rules = CEN[syntax]
    text = rules.file.read_text(encoding="utf-8").partition("?>")[2]
    documents = [material(name) for name, verdict in VERDICTS.items() if verdict["syntax"] == syntax]
    for body in documents:
        document = etree.tostring(etree.fromstring(body), encoding="unicode")
        official = saxon.run_file(rules.name, rules.file, document)
        assert saxon.run_text(rules.name, f"added {syntax}", text, document) == official


FRENCH = ("ubl-2.1/BR-FR-Flux2-Schematron-UBL.xslt", "ubl-2.1/EXTENDED-CTC-FR-UBL.xslt")


@pytest.mark.parametrize("name", FRENCH)
def test_a_country_s_rules_can_be_added(saxon: Saxon, name: str) -> None:
    text = facturx(name).read_text(encoding="utf-8").partition("?>")[2]
    document = write_ubl(an_invoice(process=None)).decode().partition("?>")[2]
    found = saxon.run_text("France", name, text, document)

    assert ("BR-FR-08_BT-23" in {finding.rule for finding in found}) == ("Flux2" in name)


def cases(path: Path) -> Iterator[tuple[Any, set[str], set[str]]]:
    """Document, rules that must fail and rules that must hold, of each test in a file of CEN's."""
    for test in etree.parse(path).getroot().iterfind("{*}test"):
        wanted: dict[str, set[str]] = {
            kind: {str(each.text).strip() for each in test.iterfind(f"{{*}}assert/{{*}}{kind}")}
            for kind in ("error", "warning", "success")
        }
        document = next(each for each in test if etree.QName(each).localname in {"Invoice", "CreditNote"})
        yield document, wanted["error"] | wanted["warning"], wanted["success"]


@needs_material
@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.stem)
def test_cen_s_own_tests_of_its_rules_hold(saxon: Saxon, path: Path) -> None:
    for document, failing, holding in cases(path):
        rules = CEN["ubl"]
        found = saxon.run_file(rules.name, rules.file, etree.tostring(document, encoding="unicode", with_tail=False))
        failed = {finding.rule for finding in found}
        assert failing <= failed
        assert not holding & failed
