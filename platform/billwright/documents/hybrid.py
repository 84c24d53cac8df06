"""The e-invoice inside the PDF (Factur-X, ZUGFeRD): attached, said in the metadata, and read back before it is believed.

Source: Factur-X 1.0 and ISO 19005-3: the file is in the catalogue's /AF and in the name tree, with relationship and date, and the
XMP metadata names it and describes its own schema.
"""

import io
from datetime import date
from typing import Final

from lxml import etree

from billwright.documents.pdfa import archival_problems

FILE_NAME: Final = "factur-x.xml"
LEVEL: Final = "EN 16931"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FX: Final = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES: Final = {
    "DocumentFileName": (FILE_NAME, "The name of the embedded XML document"),
    "DocumentType": ("INVOICE", "The type of the hybrid document in capital letters, e.g. INVOICE or ORDER"),
    "Version": ("1.0", "The actual version of the standard applying to the embedded XML document"),
    "ConformanceLevel": (LEVEL, "The conformance level of the embedded XML document"),
}


def embed_einvoice(pdf: bytes, xml: bytes, *, issued_on: date) -> bytes:
    """``pdf`` (PDF/A-3) with ``xml`` in it. Equal input gives equal bytes.

    Raises:
        AssertionError: what was written cannot be read back as it was put in, or is archival no more (a bug of ours).
    """
    import pikepdf  # noqa: PLC0415 - some megabytes, which most processes never need

    with pikepdf.open(io.BytesIO(pdf)) as document:
        moment = f"D:{issued_on:%Y%m%d}000000Z"
        file = pikepdf.AttachedFileSpec(
            document,
            xml,
            filename=FILE_NAME,
            description="Invoice data",
            mime_type="text/xml",
            creation_date=moment,
            mod_date=moment,
        )
        file.relationship = pikepdf.Name.Alternative
        document.attachments[FILE_NAME] = file
        document.Root.AF = pikepdf.Array([document.attachments[FILE_NAME].obj])
        metadata = document.Root.Metadata
        metadata.write(_with_facturx(metadata.read_bytes()))
        target = io.BytesIO()
        document.save(target, deterministic_id=True)
    made = target.getvalue()
    assert embedded_einvoice(made) == xml, "the e-invoice in the PDF is not the one that was put in"
    problems = archival_problems(made)
    assert not problems, problems
    return made


def embedded_einvoice(pdf: bytes) -> bytes | None:
    """The e-invoice of a hybrid PDF of ours, or None if it carries none."""
    import pikepdf  # noqa: PLC0415 - see above

    with pikepdf.open(io.BytesIO(pdf)) as document:
        if FILE_NAME not in document.attachments:
            return None
        return document.attachments[FILE_NAME].get_file().read_bytes()


def _with_facturx(metadata: bytes) -> bytes:
    root = etree.fromstring(metadata, etree.XMLParser(resolve_entities=False, no_network=True))
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    assert rdf is not None, "the PDF has no XMP metadata"
    rdf.append(etree.fromstring(_values()))
    rdf.append(etree.fromstring(_schema()))
    body = etree.tostring(root, encoding="UTF-8")
    return b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + body + b'<?xpacket end="r"?>'


def _values() -> str:
    values = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, (value, _) in _PROPERTIES.items())
    return f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about="" xmlns:fx="{_FX}">{values}</rdf:Description>'


def _schema() -> str:
    """PDF/A wants every schema that is not its own described (ISO 19005-3, 6.6.2.3)."""
    properties = "".join(
        f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{words}</pdfaProperty:description></rdf:li>"
        for name, (_, words) in _PROPERTIES.items()
    )
    return (
        f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" '
        'xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">'
        '<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{_FX}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>"
        "</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"
    )
