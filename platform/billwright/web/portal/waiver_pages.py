"""Waivers in the portal: asking and deciding on the invoice page; and trying again what did not leave the house."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.approvals.ask_waiver import ask_waiver
from billwright.approvals.decide_waiver import WaiverDecision, decide_waiver
from billwright.delivery.retry_delivery import retry_delivery
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read
from billwright.posting.retry_posting import retry_posting
from billwright.web.portal.forms import Form, field
from billwright.web.portal.visit import Visit, provide_visit


def waiver_decision_of(text: str) -> WaiverDecision:
    """``text`` as a decision.

    Raises:
        InputInvalidError: it is none.
    """
    if text == "grant":
        return "grant"
    if text == "refuse":
        return "refuse"
    raise InputInvalidError("Decide to let the finding pass or not.", field="decision")


class WaiverController(Controller):
    path = "/t/{slug:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @post("/invoices/{invoice_id:str}/waivers", sync_to_thread=True)
    def ask(self, visit: NamedDependency[Visit], invoice_id: FromPath[str], data: Form) -> Response[str]:
        ask_waiver(
            visit.database,
            visit.here,
            visit.actor,
            read("inv", invoice_id),
            finding_id=read("fnd", field(data, "finding")),
            content_sha256=field(data, "content_sha256"),
            reason=field(data, "reason"),
            evidence=field(data, "evidence"),
            trace_id=visit.trace_id,
        )
        return visit.go(visit.url(f"invoices/{invoice_id}"), "You asked; somebody else decides whether it may pass.")

    @post("/waivers/{waiver_id:str}/decide", sync_to_thread=True)
    def decide(self, visit: NamedDependency[Visit], waiver_id: FromPath[str], data: Form) -> Response[str]:
        decision = waiver_decision_of(field(data, "decision"))
        decide_waiver(
            visit.database,
            visit.here,
            visit.actor,
            read("wvr", waiver_id),
            decision=decision,
            reason=field(data, "reason"),
            trace_id=visit.trace_id,
        )
        said = "The finding may pass; the draft is being checked again."
        if decision == "refuse":
            said = "The finding does not pass; the draft stays held."
        return visit.go(visit.url(f"invoices/{field(data, 'invoice')}"), said)

    @post("/invoices/{invoice_id:str}/postings/{posting_id:str}/retry", sync_to_thread=True)
    def post_again(
        self, visit: NamedDependency[Visit], invoice_id: FromPath[str], posting_id: FromPath[str]
    ) -> Response[str]:
        _, name = retry_posting(
            visit.database, visit.here, visit.actor, read("pst", posting_id), trace_id=visit.trace_id
        )
        return visit.go(visit.url(f"invoices/{invoice_id}"), f"It is being posted to {name} again.")

    @post("/invoices/{invoice_id:str}/deliveries/{delivery_id:str}/retry", sync_to_thread=True)
    def mail_again(
        self, visit: NamedDependency[Visit], invoice_id: FromPath[str], delivery_id: FromPath[str]
    ) -> Response[str]:
        retry_delivery(visit.database, visit.here, visit.actor, read("del", delivery_id), trace_id=visit.trace_id)
        return visit.go(visit.back_to(f"invoices/{invoice_id}"), "It is being mailed again.")
