"""Is a file archival? What can be checked without a validator: structure, output intent, XMP, fonts, nothing active."""

import io
from typing import Final

import pikepdf

NAMESPACE: Final = "{http://www.aiim.org/pdfa/ns/id/}"
PRODUCER: Final = "{http://ns.adobe.com/pdf/1.3/}Producer"
FORBIDDEN_KEYS: Final = ("/JS", "/JavaScript", "/Launch", "/OpenAction", "/AA")
FONT_FILES: Final = ("/FontFile", "/FontFile2", "/FontFile3")


def archival_problems(pdf: bytes) -> list[str]:
    """What keeps ``pdf`` from being PDF/A-3b, one sentence each; empty when nothing was found.

    This is no validator: it proves the points of ISO 19005-3 that our own rendering could get wrong.
    """
    try:
        document = pikepdf.open(io.BytesIO(pdf))
    except pikepdf.PdfError as error:
        return [f"It cannot be read: {error}."]
    with document:
        problems = [f"The structure is damaged: {warning}." for warning in document.check_pdf_syntax()]
        intents = list(document.Root.get("/OutputIntents", []))
        if not any(intent.get("/S") == "/GTS_PDFA1" and "/DestOutputProfile" in intent for intent in intents):
            problems.append("There is no output intent with a colour profile.")
        with document.open_metadata() as metadata:
            if (metadata.get(f"{NAMESPACE}part"), metadata.get(f"{NAMESPACE}conformance")) != ("3", "B"):
                problems.append("The XMP metadata does not say PDF/A-3, conformance B.")
            if metadata.get(PRODUCER) != str(document.docinfo.get("/Producer")):
                problems.append("The XMP metadata and the document information name different producers.")
        if "/ID" not in document.trailer:
            problems.append("The trailer has no file identifier.")
        return problems + _object_problems(document)


def _object_problems(document: pikepdf.Pdf) -> list[str]:
    problems = []
    for item in document.objects:
        if not isinstance(item, pikepdf.Dictionary):
            continue
        if item.get("/Type") == "/FontDescriptor" and not any(key in item for key in FONT_FILES):
            problems.append(f"The font {item.get('/FontName')} is not embedded.")
        problems += [f"It holds something active ({key})." for key in FORBIDDEN_KEYS if key in item]
    return problems
