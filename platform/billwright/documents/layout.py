"""Pages to PDF/A-3b, with fonts, style sheets and templates kept warm: what a process that makes documents does inside."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from importlib.resources import files
from typing import Any, Final

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration

from billwright.documents.fetch import ClosedFetcher, SourceRefusedError, font_faces
from billwright.documents.limits import Limits
from billwright.documents.page import InvoicePage
from billwright.documents.producer import name_producer
from billwright.documents.sets import INVOICE_SETS, environment, fill, refusal
from billwright.kernel.brand import Brand, mix, text_on

FAMILIES: Final = {"sans": '"Inter", sans-serif', "serif": '"Literata", serif'}
STYLESHEETS_MAX: Final = 200  # one per set, brand and language in use; some 100 KB each
LOGO: Final = "logo.svg"
OUTPUT_INTENT: Final = (
    "sRGB"  # any name but WeasyPrint's own "srgb", for which it opens a file each time and leaves it open
)


class SrgbProfile:
    """The sRGB profile that WeasyPrint ships, as WeasyPrint wants to be given one, its bytes just as they lie in the file.

    WeasyPrint's own ``ColorProfile`` writes other bytes from the second document on, and equal input must give equal bytes.
    """

    name: Final = "sRGB2014"
    components: Final = (("r",), ("g",), ("b",))

    def __init__(self) -> None:
        self.content = (files("weasyprint.pdf") / "sRGB2014.icc").read_bytes()
        self.pdf_reference: bytes | None = None  # set by WeasyPrint for the document at hand


class TooManyPagesError(Exception):
    """The document has more pages than it may."""


class Layout:
    """Turns pages into PDF/A-3b. Equal input gives equal bytes. For one thread, without limits of time and memory."""

    def __init__(self, *, pages_max: int = Limits().pages) -> None:
        self._pages_max = pages_max
        self._fonts = FontConfiguration()
        CSS(string=font_faces(), font_config=self._fonts, url_fetcher=ClosedFetcher({}))
        self._profile = SrgbProfile()
        self._html = environment()
        self._css = environment(html=False)
        self._stylesheets: OrderedDict[tuple[object, ...], CSS] = OrderedDict()

    def lay_out(
        self,
        page: InvoicePage,
        template_set: str,
        override: str | None = None,
        assets: Mapping[str, bytes] | None = None,
    ) -> bytes:
        """The PDF of ``page``; arguments as for ``Renderer.render_invoice``.

        Raises:
            InputInvalidError: the tenant's template is malformed, forbidden, or loads something from outside.
            TooManyPagesError: it has more pages than a document may have.
        """
        name = f"invoice/{template_set}/invoice.html"
        context = {field.name: getattr(page, field.name) for field in fields(page)}
        text = (
            self._html.get_template(name).render(context) if override is None else fill(self._html, override, context)
        )
        given = dict(assets or {})
        known = {**given, LOGO: page.brand.logo_svg.encode()} if page.brand.logo_svg else given
        try:
            stylesheet = self._stylesheet(page, template_set)
            return self._write(text, stylesheet, ClosedFetcher(known), producer=page.brand.name)
        except SourceRefusedError as error:
            raise refusal(
                f"The template loads {error}; only asset:<sha256> of an uploaded image can be loaded."
            ) from None

    def warm(self) -> None:
        """Load and parse what every document needs, so that processes forked from this one have it already."""
        for name in INVOICE_SETS:
            self._html.get_template(f"invoice/{name}/invoice.html")
            self._css.get_template(f"invoice/{name}/invoice.css")
        faces = "".join(f"<p style='font-family:{family}'>Ag <b>19,00</b></p>" for family in FAMILIES.values())
        self._write(f"<table><tr><td>{faces}</table>", CSS(string=""), ClosedFetcher({}), producer="")

    def _write(self, text: str, stylesheet: CSS, fetcher: ClosedFetcher, *, producer: str) -> bytes:
        pdf = HTML(string=text, url_fetcher=fetcher).write_pdf(
            font_config=self._fonts,
            stylesheets=[stylesheet],
            pdf_variant="pdf/a-3b",
            output_intent=OUTPUT_INTENT,
            color_profiles={OUTPUT_INTENT: self._profile},
            finisher=partial(self._finish, producer),
        )
        if fetcher.refused:
            raise SourceRefusedError(fetcher.refused)
        assert isinstance(pdf, bytes)  # without a target it is
        return pdf

    def _finish(self, producer: str, document: Any, pdf: Any) -> None:
        if len(document.pages) > self._pages_max:
            raise TooManyPagesError
        name_producer(pdf, producer)

    def _stylesheet(self, page: InvoicePage, template_set: str) -> CSS:
        """The set's parsed style sheet in the brand's colours and the page's language, least recently used dropped."""
        brand = page.brand
        key = (template_set, brand.primary, brand.accent, brand.ink, brand.font, brand.radius_px, page.language)
        if key not in self._stylesheets:
            template = self._css.get_template(f"invoice/{template_set}/invoice.css")
            text = template.render(palette(brand), texts=page.texts)
            self._stylesheets[key] = CSS(string=text, font_config=self._fonts, url_fetcher=ClosedFetcher({}))
            if len(self._stylesheets) > STYLESHEETS_MAX:
                self._stylesheets.popitem(last=False)
        self._stylesheets.move_to_end(key)
        return self._stylesheets[key]


def palette(brand: Brand) -> dict[str, str]:
    """What style sheets and mails use of a brand: colours, tints of them, the family, the radius."""
    return {
        "primary": brand.primary,
        "on_primary": text_on(brand.primary, brand.ink),
        "accent": brand.accent,
        "ink": brand.ink,
        "muted": mix(brand.ink, "#ffffff", 32),
        "rule": mix(brand.ink, "#ffffff", 78),
        "hairline": mix(brand.ink, "#ffffff", 88),
        "tint": mix(brand.primary, "#ffffff", 93),
        "family": FAMILIES[brand.font],
        "radius": f"{brand.radius_px}px",
    }
