"""Invoices per second and core: the warm renderer beside a plain WeasyPrint script with the same data and looks.

Run: ``make bench NAME=pdf`` (``N=20`` for one size).
One JSON line per size; times are CPU seconds of this process.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import jinja2
import weasyprint

sys.path.insert(0, str(Path(__file__).parents[1]))

from billwright.documents.fetch import FACES
from billwright.documents.page import InvoicePage, invoice_page
from billwright.documents.render import Renderer, palette
from billwright_templates.versions import ROOT
from support.invoice_contents import KESTREL, content, line

GOALS = {20: 1.4, 200: 1.7}
FOLDER = ROOT / "invoice" / "modern"


def page_of(lines: int) -> InvoicePage:
    """Short lines, hours of one person: 200 are about five pages."""
    invoice = content(
        lines=tuple(line(i, short=True, description=f"Site engineering, day {i}") for i in range(1, lines + 1)),
        purchase_order="",
    )
    return invoice_page(invoice, number="NW-2026-0042", brand=KESTREL)


def naive(page: InvoicePage, *, same_css: bool = False) -> bytes:
    """What the manual of WeasyPrint shows: one HTML string with its style and fonts, ``write_pdf()``; all anew each time.

    The looks are the same; the style sheet is as one writes it without measuring: a reset on ``*``, automatic table layout;
    nothing else differs. ``same_css`` leaves the style sheet as ours is: what remains is what keeping things warm saves.
    """
    html_env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    css_env = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT))
    context = {field.name: getattr(page, field.name) for field in fields(page)}
    faces = "".join(
        f'@font-face{{font-family:"{family}";font-weight:{weight};src:url({(ROOT / "fonts" / file).as_uri()})}}'
        for family, weight, file in FACES[page.brand.font]
    )
    css = css_env.get_template("invoice/modern/invoice.css").render(palette(page.brand), texts=page.texts)
    if not same_css:
        css = "*,*::before,*::after{box-sizing:border-box}" + css.replace("table-layout: fixed; ", "")
    html = html_env.get_template("invoice/modern/invoice.html").render(context)
    html = html.replace("</head>", f"<style>{faces}{css}</style></head>")
    pdf = weasyprint.HTML(string=html).write_pdf(pdf_variant="pdf/a-3b")
    assert isinstance(pdf, bytes)
    return pdf


def cpu_s(call: Callable[[], object], times: int) -> float:
    """CPU seconds of one ``call``, over ``times`` of them."""
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def measure(lines: int, pairs: int) -> dict[str, object]:
    page = page_of(lines)
    renderer = Renderer()

    def ours() -> bytes:
        return renderer.render_invoice(page, template_set="modern")

    times = max(1, 40 // lines)
    pages = [weasyprint_pages(call()) for call in (ours, lambda: naive(page))]  # warms both up, too
    calls = (ours, lambda: naive(page), lambda: naive(page, same_css=True))
    runs = [tuple(cpu_s(call, times) for call in calls) for _ in range(pairs)]
    mine, theirs = (statistics.median(run[i] for run in runs) for i in (0, 1))
    return {
        "bench": "pdf",
        "n": lines,
        "pages": pages,
        "ours_per_s": round(1 / mine, 2),
        "ours_cpu_ms": round(mine * 1000),
        "baseline": "plain WeasyPrint: new fonts, style sheet and templates each time",
        "baseline_per_s": round(1 / theirs, 2),
        "baseline_cpu_ms": round(theirs * 1000),
        "ratio": round(statistics.median(run[1] / run[0] for run in runs), 2),
        "ratio_same_css": round(statistics.median(run[2] / run[0] for run in runs), 2),
        "goal": GOALS.get(lines),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "versions": {name: version(name) for name in ("weasyprint", "jinja2")} | {"python": sys.version.split()[0]},
    }


def weasyprint_pages(pdf: bytes) -> int:
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        return len(document)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", nargs="?", default="3,20,80,200", help="comma-separated numbers of lines")
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    for lines in given.lines.split(","):
        print(json.dumps(measure(int(lines), given.pairs)), flush=True)  # noqa: T201 - the bench's one line


if __name__ == "__main__":
    main()
