"""What a document may load: the bundled fonts, and the assets that were handed in with it. Nothing else, from nowhere."""

from collections.abc import Mapping
from typing import Final

from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from billwright_templates.versions import ROOT

FACES: Final = {
    "sans": (("Inter", 400, "Inter-Regular.ttf"), ("Inter", 600, "Inter-SemiBold.ttf")),
    "serif": (("Literata", 400, "Literata-Regular.ttf"), ("Literata", 600, "Literata-SemiBold.ttf")),
}
FONT_FILES: Final = frozenset(file for faces in FACES.values() for _, _, file in faces)


class SourceRefusedError(FatalURLFetchingError):  # type: ignore[misc]  # WeasyPrint ships no types
    """A template asked for something outside; rendering stops. Holds the address."""


class ClosedFetcher(URLFetcher):  # type: ignore[misc]  # WeasyPrint ships no types
    """Knows ``font:<file>`` and ``asset:<name>``; any other address, ``http:``, ``file:`` and ``data:`` included, is refused."""

    def __init__(self, assets: Mapping[str, bytes]) -> None:
        super().__init__(allowed_protocols=())
        self._assets = assets
        self.refused = ""
        """The last address that was refused: inside an SVG, WeasyPrint swallows even a fatal error and draws on."""

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse:  # noqa: ARG002 - WeasyPrint's
        scheme, _, name = url.partition(":")
        if scheme == "asset" and name in self._assets:
            kind = {"Content-Type": "image/svg+xml"} if name.endswith(".svg") else {}
            return URLFetcherResponse(url, self._assets[name], kind)
        if scheme == "font" and name in FONT_FILES:
            return URLFetcherResponse(url, (ROOT / "fonts" / name).read_bytes(), {"Content-Type": "font/ttf"})
        self.refused = url[:200]
        raise SourceRefusedError(self.refused)


def font_faces() -> str:
    """The style sheet of the bundled families."""
    rule = '@font-face{{font-family:"{0}";font-weight:{1};src:url(font:{2})}}'
    return "\n".join(rule.format(*face) for faces in FACES.values() for face in faces)
