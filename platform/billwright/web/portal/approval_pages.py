"""The approval inbox: what waits for this person, what will happen when they decide, one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from billwright.approvals.decide_step import Decided, Decision, decide_step
from billwright.approvals.pages import Waiting, inbox
from billwright.approvals.waivers import waiting_waivers
from billwright.documents.format import money
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read, show
from billwright.tenancy.configuration import TenantConfiguration, read_configuration
from billwright.web.portal import words
from billwright.web.portal.forms import Form, field, fields
from billwright.web.portal.listing_bulk import Action, RowResult, check_ticks, run_action
from billwright.web.portal.listing_desk import APPROVALS
from billwright.web.portal.listing_page import show_list
from billwright.web.portal.navigation import APPROVE
from billwright.web.portal.queries_invoice import open_findings, plain_lines
from billwright.web.portal.visit import Visit, provide_visit


def consequence(waiting: Waiting, configuration: TenantConfiguration) -> str:
    """What an approval sets off, in one sentence."""
    if not waiting.last:
        return f"Step {waiting.place} of {waiting.steps}: the next one decides after you; nothing is sent yet."
    steps = ["it is issued with the next number and cannot be changed after that"]
    if configuration.deliver_by_mail and waiting.customer_email:
        steps.append(f"e-mailed to {waiting.customer_email}")
    if configuration.erp_connections:
        steps.append(f"posted to {', '.join(configuration.erp_connections)}")
    return f"Step {waiting.place} of {waiting.steps}, the last one: {', '.join(steps)}."


def decision_of(text: str) -> Decision:
    """``text`` as a decision.

    Raises:
        InputInvalidError: it is none.
    """
    if text == "approve":
        return "approve"
    if text == "return":
        return "return"
    raise InputInvalidError("Decide to approve or to return.", field="decision")


def _chosen(found: Sequence[Waiting], wanted: str | None) -> Waiting | None:
    """The draft that is open: the one asked for, else the first that this person may decide."""
    for each in found:
        if wanted and show("inv", each.invoice_id) == wanted:
            return each
    return next((each for each in found if not each.hindrance), found[0] if found else None)


class ApprovalController(Controller):
    path = "/t/{slug:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/approvals", sync_to_thread=True)
    def show(self, visit: NamedDependency[Visit], open: FromQuery[str | None] = None) -> Response[str]:  # noqa: A002 - the word in the address
        return _inbox(visit, wanted=open)

    @post("/approvals", sync_to_thread=True, status_code=200)
    def approve_many(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """Approve each ticked draft by itself; one that is refused harms no other."""
        visit.require(*APPROVE)
        try:
            ticks = check_ticks(fields(data, "draft"))
        except InputInvalidError as error:
            return _inbox(visit, refused=str(error))
        with visit.reading() as tx:
            names = {show("inv", each.invoice_id): _called(each, visit.locale) for each in inbox(tx)}
        return _inbox(visit, results=run_action(APPROVE_EACH, visit, ticks, data, names))

    @post("/invoices/{invoice_id:str}/decide", sync_to_thread=True)
    def decide(self, visit: NamedDependency[Visit], invoice_id: FromPath[str], data: Form) -> Response[str]:
        """Approve or return one draft, then on to the next, or back to the invoice."""
        decision = decision_of(field(data, "decision"))
        decided = _decide(visit, read("inv", invoice_id), decision, data)
        back = f"invoices/{invoice_id}" if field(data, "back") == "invoice" else "approvals"
        return visit.go(visit.url(back), _said(decision, decided, field(data, "label")))


def _decide(visit: Visit, invoice_id: UUID, decision: Decision, form: dict[str, Any]) -> Decided:
    return decide_step(
        visit.database,
        visit.here,
        visit.actor,
        invoice_id,
        decision=decision,
        content_sha256=field(form, "content_sha256"),
        reason=field(form, "reason"),
        trace_id=visit.trace_id,
    )


def _approve(visit: Visit, tick: str, _form: Mapping[str, Any]) -> str:
    """``tick``: the draft, and the hash of the content that the person saw when they ticked it."""
    shown_id, _, content_sha256 = tick.partition(":")
    decided = _decide(visit, read("inv", shown_id), "approve", {"content_sha256": content_sha256})
    return _said("approve", decided, "")


APPROVE_EACH: Final = Action(key="approve", label="Approve the ticked ones", icon="check", needs=APPROVE, run=_approve)


def _called(waiting: Waiting, locale: str) -> tuple[str, str]:
    return label_of(waiting, locale), f"invoices/{show('inv', waiting.invoice_id)}"


def _said(decision: Decision, decided: Decided, label: str) -> str:
    what = label or "The draft"
    if decision == "return":
        return f"{what} was returned to the billing clerk, with your reason."
    if decided.detail == "approved":
        return f"{what} is approved and is being issued."
    step = words.look(words.DETAILS, decided.detail)[0].lower()
    return f"{what} is approved by you and now {step}."


def _inbox(
    visit: Visit, *, wanted: str | None = None, results: Sequence[RowResult] = (), refused: str = ""
) -> Response[str]:
    visit.require(*APPROVE)
    with visit.reading() as tx:
        shown = show_list(visit, tx, APPROVALS, dict(visit.request.query_params), results=results, refused=refused)
        found: Sequence[Waiting] = shown.rows
        chosen = _chosen(found, wanted)
        lines = plain_lines(tx, chosen.invoice_id) if chosen else []
        findings = open_findings(tx, chosen.invoice_id) if chosen else []
        configuration = read_configuration(tx)
        waivers = waiting_waivers(tx)
    place = found.index(chosen) if chosen else 0
    return visit.page(
        "approvals.html",
        room="approvals",
        title="Approvals",
        status=422 if refused else 200,
        shown=shown,
        chosen=chosen,
        next=found[place + 1] if place + 1 < len(found) else None,
        previous=found[place - 1] if place else None,
        lines=lines,
        findings=findings,
        waivers=waivers,
        consequence=consequence(chosen, configuration) if chosen else "",
        label=label_of(chosen, visit.locale) if chosen else "",
    )


def label_of(waiting: Waiting, locale: str) -> str:
    """``INV draft of EUR 12,400.00 to Acme``: what a button is about."""
    return f"Draft of {money(waiting.gross_minor, waiting.currency, locale)} to {waiting.customer}"
