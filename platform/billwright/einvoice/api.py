"""``/v1/documents/einvoice``: translate, call, translate."""

from typing import Final, Literal

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import RawBody

from billwright.einvoice.check_einvoice import check_einvoice
from billwright.einvoice.checker import Checker
from billwright.einvoice.findings import DOCUMENT_BYTES_MAX, Finding, Report, Verdict
from billwright.einvoice.model import Invoice
from billwright.einvoice.reading import Unreadable
from billwright.kernel.actor import Actor
from billwright.tenancy.answers import refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant


class EinvoiceOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says and what the official rules say of it.

    `verdict` is `valid` only if every check that applies was made without a fatal finding. `invoice` is null if there was
    nothing to read; `not_carried` and `unreadable` name what is missing in it.
    """

    syntax: str | None
    container: Literal["xml", "pdf"] | None
    specification: str | None
    verdict: Verdict
    findings: list[Finding]
    rule_sets: list[str]
    not_checked: list[str]
    invoice: Invoice | None
    not_carried: list[str]
    unreadable: list[Unreadable]

    @classmethod
    def of(cls, report: Report) -> "EinvoiceOut":
        reading = report.reading
        return cls(
            syntax=report.syntax,
            container=report.container,
            specification=report.specification,
            verdict=report.verdict,
            findings=list(report.findings),
            rule_sets=list(report.rule_sets),
            not_checked=list(report.not_checked),
            invoice=reading.invoice if reading else None,
            not_carried=list(reading.not_carried) if reading else [],
            unreadable=list(reading.unreadable) if reading else [],
        )


class _DocumentBody(Operation):
    """The body for the description: the handler takes the bytes."""

    def __post_init__(self) -> None:
        schema = Schema(
            type=OpenAPIType.STRING, description="UBL 2.1, CII D16B, or a PDF that carries one; up to 20 MB."
        )
        media = OpenAPIMediaType(schema=schema)
        self.request_body = RequestBody(content={"application/xml": media, "application/pdf": media}, required=True)


class EinvoiceController(Controller):
    path = "/v1/documents/einvoice"
    tags = ("Documents",)

    @post(
        "/",
        operation_id="checkEinvoice",
        status_code=200,
        summary="Check and read an e-invoice",
        sync_to_thread=True,
        operation_class=_DocumentBody,
        request_max_body_size=DOCUMENT_BYTES_MAX,
        responses=refusals(409, 413, 422),
    )
    def check(
        self,
        body: RawBody,
        database: NamedDependency[Database],
        checker: NamedDependency[Checker],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> EinvoiceOut:
        """Check a UBL or CII document, or the one in a hybrid PDF, by the official rules, and read it.

        Nothing is stored. A document with faults is answered with its findings; only what is no document is refused.
        """
        return EinvoiceOut.of(check_einvoice(database, tenant, actor, body, checker=checker, trace_id=trace_id))


CONTROLLERS: Final[tuple[type[Controller], ...]] = (EinvoiceController,)
