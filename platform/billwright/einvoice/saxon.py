"""Saxon, inside the child process only: it is native code, and can end the process that it runs in."""

from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import saxonche
from lxml import etree

from billwright.einvoice.findings import SEVERITIES, Finding, Severity
from billwright.einvoice.places import name_of
from billwright.einvoice.words import field_of, remedy_of, rule_in, tidy

COMPILED_MAX: Final = 12
_SVRL: Final = "{http://purl.oclc.org/dsdl/svrl}"
_LOCKED: Final = {
    # Rules of an operator compute; they neither read files nor call out, nor write.
    "http://saxon.sf.net/feature/allowedProtocols": "data",
    "http://saxon.sf.net/feature/allow-external-functions": "false",
}
FINDINGS_MAX: Final = 500
UNNAMED: Final = "unnamed"
"""Rule of a rule set that gives it no id: Factur-X's "marked as not used in the given context"."""


class RulesBrokenError(Exception):
    """A rule set cannot be compiled or stopped while it ran; no verdict comes of it."""


class Saxon:
    """Compiled rule sets, the most used ones kept. The rules we carry may open the code lists that lie beside them."""

    def __init__(self) -> None:
        self._trusting: Any = saxonche.PySaxonProcessor(license=False)
        self._locked: Any = saxonche.PySaxonProcessor(license=False)
        for name, value in _LOCKED.items():
            self._locked.set_configuration_property(name, value)
        self._compiled: OrderedDict[str, tuple[Any, Any]] = OrderedDict()

    def run_file(self, name: str, file: Path, document: str) -> list[Finding]:
        """Findings by rules that this release carries."""
        return self._run(name, str(file), self._trusting, {"stylesheet_file": str(file)}, document)

    def run_text(self, name: str, key: str, text: str, document: str) -> list[Finding]:
        """Findings by rules of an operator; ``key`` tells texts apart."""
        return self._run(name, key, self._locked, {"stylesheet_text": text}, document)

    def compiles(self, text: str) -> None:
        """Raise RulesBrokenError if ``text`` is not a stylesheet."""
        self._compile("", self._locked, {"stylesheet_text": text})

    def _compile(self, key: str, processor: Any, stylesheet: dict[str, str]) -> tuple[Any, Any]:
        if key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]
        try:
            made = (processor, processor.new_xslt30_processor().compile_stylesheet(**stylesheet))
        except saxonche.PySaxonApiError as error:
            raise RulesBrokenError(tidy(str(error))[:400]) from None
        if key:
            self._compiled[key] = made
            if len(self._compiled) > COMPILED_MAX:
                self._compiled.popitem(last=False)
        return made

    def _run(self, name: str, key: str, processor: Any, stylesheet: dict[str, str], document: str) -> list[Finding]:
        processor, executable = self._compile(key, processor, stylesheet)
        try:
            answer = executable.transform_to_string(xdm_node=processor.parse_xml(xml_text=document))
        except saxonche.PySaxonApiError as error:
            raise RulesBrokenError(tidy(str(error))[:400]) from None
        return _findings(name, answer)


def _findings(rule_set: str, svrl: str | None) -> list[Finding]:
    if not svrl:
        raise RulesBrokenError("the rules gave no report")
    try:
        root = etree.fromstring(svrl.encode("utf-8"), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        raise RulesBrokenError("the rules gave something that is not an SVRL report") from None
    if root.tag != f"{_SVRL}schematron-output":
        raise RulesBrokenError("the rules gave something that is not an SVRL report")
    failed = root.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report")
    return [_finding(rule_set, each) for _, each in zip(range(FINDINGS_MAX), failed, strict=False)]


def _finding(rule_set: str, failed: Any) -> Finding:
    text = tidy("".join(failed.itertext()))
    where = _place(failed.get("location") or "")
    rule = failed.get("id") or rule_in(text) or UNNAMED
    severity: Severity = SEVERITIES.get((failed.get("flag") or failed.get("role") or "fatal").lower(), "fatal")
    field = field_of(rule, text) or name_of(where.rpartition("/")[2].partition("[")[0]) or "document"
    return Finding(
        rule=rule,
        severity=severity,
        field=field,
        text=text,
        remedy=remedy_of(rule, field),
        where=where,
        rule_set=rule_set,
    )


def _place(location: str) -> str:
    """``/*:Invoice[namespace-uri()='...'][1]/...`` as ``Invoice/InvoiceLine[2]``."""
    steps = []
    for step in location.replace("*:", "").split("/"):
        name, _, rest = step.partition("[")
        place = rest.rpartition("[")[2] if rest.endswith("]") else ""
        number = place.removesuffix("]")
        name = name.rpartition(":")[2]
        steps.append(f"{name}[{number}]" if number.isdigit() and number != "1" else name)
    return "/".join(step for step in steps if step)
