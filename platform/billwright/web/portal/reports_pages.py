"""The reports room: four questions about the firm, each with a chart, the table behind it, a file and the documents."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, cast

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from billwright.insight.documents import Document
from billwright.insight.first_passes import documents_of_cause, documents_of_week, read_causes, read_weeks
from billwright.insight.payments import AGES, documents_of_age, read_paid
from billwright.insight.stalls import STAGES, documents_of_stage, read_stalls
from billwright.insight.unbilled import read_unbilled
from billwright.kernel.errors import NotFoundError
from billwright.receivables.ageing import Bucket
from billwright.tenancy.transaction import Tx
from billwright.web.portal.csv_export import csv_response
from billwright.web.portal.reports_build import Words, clean_report, paid_report, stall_report, unbilled_report
from billwright.web.portal.reports_view import Report, csv_of
from billwright.web.portal.visit import Visit, provide_visit

READ: Final = "report:read"
MAKERS: Final[Mapping[str, Callable[[Tx, Words], Report]]] = {
    "stall": lambda tx, words: stall_report(read_stalls(tx), words),
    "unbilled": lambda tx, words: unbilled_report(read_unbilled(tx), words),
    "paid": lambda tx, words: paid_report(read_paid(tx), words),
    "clean": lambda tx, words: clean_report(read_weeks(tx), read_causes(tx), words),
}


class ReportController(Controller):
    path = "/t/{slug:str}/reports"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def overview(self, visit: NamedDependency[Visit]) -> Response[str]:
        """All four questions, each with its answer and chart."""
        visit.require(READ)
        words = Words(visit.locale, visit.base)
        with visit.reading() as tx:
            reports = [make(tx, words) for make in MAKERS.values()]
        return visit.page("reports.html", room="reports", title="Reports", reports=reports)

    @get("/{name:str}", sync_to_thread=True)
    def show(self, visit: NamedDependency[Visit], name: FromPath[str], part: FromQuery[str] = "") -> Response[str]:
        """One question with its tables; with ``part`` the documents that one figure is made of."""
        visit.require(READ)
        with visit.reading() as tx:
            report = _report(tx, visit, name)
            label = report.label_of(part) if part else ""
            documents = _documents(tx, name, part) if label and visit.may("invoice:read") else []
        return visit.page(
            "report.html",
            room="reports",
            title=report.question,
            report=report,
            part=part if label else "",
            label=label,
            documents=documents,
        )

    @get("/{name:str}/csv/{table:int}", sync_to_thread=True)
    def file(self, visit: NamedDependency[Visit], name: FromPath[str], table: FromPath[int]) -> Response[bytes]:
        """A table of the report as a file; ``table`` counts from 1."""
        visit.require(READ)
        with visit.reading() as tx:
            report = _report(tx, visit, name)
        if not 1 <= table <= len(report.tables):
            raise NotFoundError("This report has no such table.")
        header, rows = csv_of(report.tables[table - 1])
        return csv_response(f"{name}-{table}.csv", header, rows)


def _report(tx: Tx, visit: Visit, name: str) -> Report:
    if name not in MAKERS:
        raise NotFoundError("There is no such report here.")
    return MAKERS[name](tx, Words(visit.locale, visit.base))


def _documents(tx: Tx, name: str, part: str) -> list[Document]:
    """What ``part``, which is a row of the report, is made of."""
    if name == "stall" and part in STAGES:
        return documents_of_stage(tx, part)
    if name == "paid":
        currency, _, age = part.partition("-")
        return (
            documents_of_age(tx, currency, cast("Bucket", age)) if age in AGES else []
        )  # the keys of AGES are buckets
    if name == "clean":
        monday = _day(part)
        return documents_of_cause(tx, part) if monday is None else documents_of_week(tx, monday)
    return []


def _day(part: str) -> date | None:
    try:
        return date.fromisoformat(part)
    except ValueError:
        return None
