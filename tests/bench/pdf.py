"""Invoices per second and core: the warm renderer beside a plain WeasyPrint script with the same data and looks.

Run: ``make bench NAME=pdf`` (``N=1,5``: pages). One page: the invoices, as the real record would have had them, of the supplier
with the most milestones billed. More pages: no supplier of the record has that many, so the milestones of several real
contracts, one line each, until the pages are full. One JSON line per size; times are CPU seconds of this process.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from importlib.metadata import version
from pathlib import Path

import jinja2
import weasyprint

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench._record_input import read_input
from bench._record_invoices import BilledLine, billed_lines, invoice_of
from billwright.documents.fetch import FACES
from billwright.documents.layout import Layout, palette
from billwright.documents.page import InvoicePage, invoice_page
from billwright.issuing.content import InvoiceContent
from billwright_templates.versions import ROOT
from support.invoice_contents import KESTREL

GOALS = {1: 1.4, 5: 1.7}
STEP = 5
FOLDER = ROOT / "invoice" / "modern"


def page_of(invoice: InvoiceContent) -> InvoicePage:
    return invoice_page(invoice, number="NW-2026-0042", brand=KESTREL)


def one_pagers(lines: Sequence[BilledLine]) -> list[InvoicePage]:
    """An invoice for each milestone of the supplier with the most of them."""
    slug, _ = Counter(each.seller.slug for each in lines).most_common(1)[0]
    return [page_of(invoice_of([each])) for each in lines if each.seller.slug == slug]


def long_one(lines: Sequence[BilledLine], pages: int, layout: Layout) -> list[InvoicePage]:
    """One invoice of as many lines as it takes to reach ``pages``, all of one currency.

    Raises:
        SystemExit: there are not enough lines.
    """
    currency, _ = Counter(each.currency for each in lines).most_common(1)[0]
    several = [each for each in lines if each.currency == currency]
    for length in range(STEP, len(several) + STEP, STEP):
        page = page_of(invoice_of(several[:length]))
        if pages_of(layout.lay_out(page, "modern")) == pages:
            return [page]
    raise SystemExit(f"{len(several)} lines do not make {pages} pages.")


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


def cpu_s(calls: Sequence[Callable[[], object]]) -> float:
    """CPU seconds of one call, over all of them."""
    start = time.process_time()
    for call in calls:
        call()
    return (time.process_time() - start) / len(calls)


def measure(kind: str, lines: Sequence[BilledLine], pages: int, pairs: int) -> dict[str, object]:
    layout = Layout()
    chosen = one_pagers(lines) if pages == 1 else long_one(lines, pages, layout)
    ways: list[Callable[[InvoicePage], bytes]] = [
        lambda page: layout.lay_out(page, "modern"),
        naive,
        lambda page: naive(page, same_css=True),
    ]
    made = [sorted({pages_of(way(page)) for page in chosen}) for way in ways]  # warms all up, too
    runs = [tuple(cpu_s([partial(way, page) for page in chosen]) for way in ways) for _ in range(pairs)]
    mine, theirs = (statistics.median(run[i] for run in runs) for i in (0, 1))
    return {
        "bench": "pdf",
        "input": kind,
        "n": pages,
        "pages": made,
        "invoices": len(chosen),
        "lines": len(chosen[0].lines),
        "ours_per_s": round(1 / mine, 2),
        "ours_cpu_ms": round(mine * 1000),
        "baseline": "plain WeasyPrint: new fonts, style sheet and templates each time",
        "baseline_per_s": round(1 / theirs, 2),
        "baseline_cpu_ms": round(theirs * 1000),
        "ratio": round(statistics.median(run[1] / run[0] for run in runs), 2),
        "ratio_same_css": round(statistics.median(run[2] / run[0] for run in runs), 2),
        "goal": GOALS.get(pages),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "versions": {name: version(name) for name in ("weasyprint", "jinja2")} | {"python": sys.version.split()[0]},
    }


def pages_of(pdf: bytes) -> int:
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        return len(document)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="?", default="1,5", help="comma-separated numbers of pages")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--synthetic", action="store_true", help="our own input, even where the real record lies")
    given = parser.parse_args()
    record = read_input(synthetic=given.synthetic)
    lines = billed_lines(record)
    for pages in given.pages.split(","):
        figures = measure(record.kind, lines, int(pages), given.pairs)
        print(json.dumps(figures), flush=True)  # noqa: T201 - the bench's one line


if __name__ == "__main__":
    main()
