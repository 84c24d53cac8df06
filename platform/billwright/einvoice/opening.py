"""Bytes of strangers to a parsed document, safely: no DTD, no entities, nothing fetched, bounded depth and size."""

import codecs
import io
import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import pikepdf
from lxml import etree

from billwright.einvoice import cii
from billwright.einvoice.findings import DOCUMENT_BYTES_MAX, Finding, too_large, unchecked
from billwright.einvoice.read import SYNTAXES

ATTACHED: Final = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml", "ZUGFeRD-invoice.xml")
"""Names under which a hybrid PDF carries its invoice: Factur-X, XRechnung, ZUGFeRD 2.0, ZUGFeRD 1.0."""
OLD_ZUGFERD: Final = "CrossIndustryDocument"
_DOCTYPE: Final = re.compile(rb"<!\s*DOCTYPE", re.IGNORECASE)
_NO_MEMORY: Final = (0, etree.ErrorTypes.ERR_NO_MEMORY)
"""libxml2 may not even have the memory to say that it has none."""
_BOMS: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Opened:
    """``root``: the lxml element of the invoice. ``syntax``: ubl or cii."""

    root: Any
    syntax: Literal["ubl", "cii"]
    container: Literal["xml", "pdf"]


class NotOpenedError(Exception):
    """The document has no invoice that could be checked; ``finding`` says why."""

    def __init__(self, finding: Finding, container: Literal["xml", "pdf"] | None) -> None:
        super().__init__(finding.text)
        self.finding = finding
        self.container: Literal["xml", "pdf"] | None = container


def open_document(body: bytes) -> Opened:
    """The invoice in ``body``: XML, or a PDF that carries XML.

    Raises:
        NotOpenedError: there is none that can be read; its finding names the place and the remedy.
    """
    if len(body) > DOCUMENT_BYTES_MAX:
        raise NotOpenedError(too_large(len(body)), None)
    if body.lstrip()[:5] == b"%PDF-":
        return _opened(_attached(body), "pdf")
    return _opened(body, "xml")


def _refused(
    rule: str, field: str, text: str, remedy: str, container: Literal["xml", "pdf"] | None = "xml"
) -> NotOpenedError:
    finding = Finding(rule=rule, severity="fatal", field=field, text=text, remedy=remedy)
    return NotOpenedError(finding, container)


def _attached(body: bytes) -> bytes:
    """The invoice's XML out of a hybrid PDF."""
    try:
        with pikepdf.open(io.BytesIO(body), attempt_recovery=False, suppress_warnings=True) as pdf:
            names = [name for name in ATTACHED if name in pdf.attachments]
            names += [name for name in pdf.attachments if name.lower() in {each.lower() for each in ATTACHED}]
            if not names:
                raise _refused(
                    "pdf-without-invoice",
                    "document",
                    "The PDF carries no structured invoice, only what it shows.",
                    f"Export it as Factur-X, ZUGFeRD or XRechnung: with the attachment {ATTACHED[0]}.",
                    "pdf",
                )
            found: bytes = pdf.attachments[names[0]].get_file().read_bytes()
    except pikepdf.PasswordError:
        raise _refused(
            "pdf-locked", "document", "The PDF is locked by a password.", "Send it without a password.", "pdf"
        ) from None
    except (pikepdf.PdfError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise _refused(
            "pdf-unreadable",
            "document",
            f"The PDF is damaged or cut off: {_first_line(error)}.",
            "Export or transfer it again; compare its size with the sender's.",
            "pdf",
        ) from None
    if len(found) > DOCUMENT_BYTES_MAX:
        raise NotOpenedError(too_large(len(found)), "pdf")
    return found


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"stream <[^>]*>: | \(<string>, line \d+\)", "", line).rstrip(".")[:200]


def _opened(body: bytes, container: Literal["xml", "pdf"]) -> Opened:
    root = parse_xml(body, container)
    if root.tag in SYNTAXES:
        return Opened(root, "cii" if root.tag == cii.INVOICE.root else "ubl", container)
    name = etree.QName(root)
    if name.localname == OLD_ZUGFERD:
        text = "This is ZUGFeRD 1.0 of 2014: older than EN 16931, and no official rules for it are kept."
        raise NotOpenedError(
            unchecked("syntax-outdated", text, "Ask the sender for Factur-X or ZUGFeRD 2 of this invoice."), container
        )
    raise _refused(
        "syntax-unknown",
        "document",
        f"The document is neither a UBL Invoice or CreditNote nor a CII CrossIndustryInvoice, but {name.localname[:80]} "
        f"of {(name.namespace or 'no namespace')[:120]}.",
        "Send UBL 2.1, CII D16B, or a PDF that carries one of them.",
        container,
    )


def parse_xml(body: bytes, container: Literal["xml", "pdf"] = "xml") -> Any:
    """The root element of ``body``.

    Raises:
        NotOpenedError: not well-formed, in another encoding than it says, too deep, or with a DTD.
    """
    wide = body.startswith(_BOMS) or b"\0" in body[:4]
    if _DOCTYPE.search(body.replace(b"\0", b"") if wide else body):
        raise _dtd(container)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        if getattr(error, "code", None) in _NO_MEMORY:
            raise MemoryError from None
        line, column = getattr(error, "position", (0, 0))
        raise _refused(
            "xml-malformed",
            f"line {line}, column {column}",
            f"The XML cannot be read: {_first_line(error)}.",
            "Write it by an XML library, in the encoding that its first line names, best UTF-8.",
            container,
        ) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise _dtd(container)
    return root


def _dtd(container: Literal["xml", "pdf"]) -> NotOpenedError:
    return _refused(
        "xml-dtd",
        "document type declaration",
        "The XML has a DTD, by which entities could blow it up or reach into other files; it was not read.",
        "Leave out <!DOCTYPE ...> and everything it declares: no e-invoice needs it.",
        container,
    )
