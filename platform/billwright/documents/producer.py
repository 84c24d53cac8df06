"""Whose file it is, as its metadata say: the brand's, never that of the software that laid it out."""

from typing import Any, Final
from xml.sax.saxutils import quoteattr

from pydyf import String
from weasyprint import VERSION

OWN: Final = f"WeasyPrint {VERSION}"


def name_producer(pdf: Any, producer: str) -> None:
    """Write ``producer`` where WeasyPrint wrote its own name: the document information and the XMP packet.

    Both say the same, as PDF/A asks (ISO 19005-3, 6.6.3).

    Args:
        pdf: the ``pydyf.PDF`` that WeasyPrint hands to a finisher, complete but for the trailer.
        producer: any text.
    """
    pdf.info["Producer"] = String(producer)
    packet = pdf.objects[int(pdf.catalog["Metadata"].split()[0])]
    (xml,) = packet.stream
    own = f'"{OWN}"'.encode()
    assert xml.count(own) == 1, "WeasyPrint writes its metadata otherwise now; see its pdf/metadata.py"
    packet.stream = [xml.replace(own, quoteattr(producer).encode())]
