"""Messages: the list, one with all that is known of it, and the mends: try again, take, rest, correct by two people."""

import difflib
from collections.abc import Mapping
from typing import Any, Final

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.checks.assign_message import assign_message
from billwright.intake.decide_correction import OWN, CorrectionDecision, decide_correction, withdraw_correction
from billwright.intake.propose_correction import propose_correction
from billwright.intake.queries import corrections_of, get_message
from billwright.intake.retry_messages import retry_messages
from billwright.intake.shown_data import shown_text
from billwright.intake.snooze_message import snooze_message
from billwright.intake.store_messages import BATCH_MAX
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.errors import ConflictError, InputInvalidError
from billwright.kernel.ids import read, show
from billwright.web.portal.environment import rebranded, unbranded
from billwright.web.portal.forms import Form, field, fields, moment, person
from billwright.web.portal.listing import asked_of, parse_state
from billwright.web.portal.listing_messages import MESSAGES
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.listing_read import matching_ids
from billwright.web.portal.queries_lists import people_here
from billwright.web.portal.visit import Visit, provide_visit

SHOWN_AGAIN: Final = (InputInvalidError, ConflictError)
"""Refusals that the message's page itself shows, with what was typed; others have their own page."""
RETRY: Final = "message:retry"


class MessageController(Controller):
    path = "/t/{slug:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/messages", sync_to_thread=True)
    def show_messages(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, MESSAGES)

    @get("/messages/{message_id:str}", sync_to_thread=True)
    def show_message(self, visit: NamedDependency[Visit], message_id: FromPath[str]) -> Response[str]:
        return message_page(visit, message_id)

    @post("/messages/retry", sync_to_thread=True)
    def retry(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """Try the named held messages again, or all that the list's filters let through; without either all of them."""
        wanted = [read("msg", text) for text in fields(data, "message")] or None
        if wanted is None and field(data, "state"):
            visit.require(RETRY)
            asked = asked_of(MESSAGES, parse_state(field(data, "state")))
            with visit.reading() as tx:
                wanted = matching_ids(tx, MESSAGES, asked, SourceMessageRow.state == "held", limit=BATCH_MAX)
        held = retry_messages(visit.database, visit.here, visit.actor, message_ids=wanted, trace_id=visit.trace_id)
        said = (
            "1 held message is tried again now."
            if len(held) == 1
            else f"{len(held)} held messages are tried again now."
        )
        back = f"messages/{fields(data, 'message')[0]}" if len(fields(data, "message")) == 1 else "messages"
        return visit.go(visit.back_to(back), said)

    @post("/messages/{message_id:str}/assign", sync_to_thread=True)
    def assign(self, visit: NamedDependency[Visit], message_id: FromPath[str], data: Form) -> Response[str]:
        """Give it to ``person`` (``me``: take it), or back."""
        chosen = person(data, visit.actor.person_id)
        assign_message(
            visit.database, visit.here, visit.actor, read("msg", message_id), person_id=chosen, trace_id=visit.trace_id
        )
        return visit.go(_url(visit, message_id), "It is assigned." if chosen else "Nobody has it now.")

    @post("/messages/{message_id:str}/snooze", sync_to_thread=True)
    def snooze(self, visit: NamedDependency[Visit], message_id: FromPath[str], data: Form) -> Response[str]:
        visit.require(RETRY)
        try:
            until = moment(data, "until")
            snooze_message(
                visit.database, visit.here, visit.actor, read("msg", message_id), until=until,
                reason=field(data, "reason"), trace_id=visit.trace_id,
            )  # fmt: skip
        except SHOWN_AGAIN as refusal:
            return message_page(visit, message_id, refusal=refusal)
        return visit.go(_url(visit, message_id), f"It rests until {until:%Y-%m-%d}. Trying it again ends that.")

    @post("/messages/{message_id:str}/corrections", sync_to_thread=True)
    def propose(self, visit: NamedDependency[Visit], message_id: FromPath[str], data: Form) -> Response[str]:
        """Propose other content; what was typed is shown again when it is refused."""
        visit.require("message:correct")
        try:
            propose_correction(
                visit.database, visit.here, visit.actor, read("msg", message_id), data=field(data, "data"),
                event_type=_meant(visit, message_id, field(data, "type")), reason=field(data, "reason"), trace_id=visit.trace_id,
            )  # fmt: skip
        except SHOWN_AGAIN as refusal:
            return message_page(visit, message_id, refusal=refusal, typed=data)
        said = "Proposed. Somebody else looks at it; until then the message stays held."
        return visit.go(_url(visit, message_id), said)

    @post("/corrections/{correction_id:str}/decide", sync_to_thread=True)
    def decide(self, visit: NamedDependency[Visit], correction_id: FromPath[str], data: Form) -> Response[str]:
        visit.require("message:decide")
        decision = _decision(field(data, "decision"))
        try:
            message_id = decide_correction(
                visit.database, visit.here, visit.actor, read("cor", correction_id), decision=decision,
                reason=field(data, "reason"), trace_id=visit.trace_id,
            )  # fmt: skip
        except SHOWN_AGAIN as refusal:
            return message_page(visit, field(data, "message"), refusal=refusal)
        said = "Approved: the corrected content is mapped now, in the place of what came."
        if decision == "reject":
            said = "Rejected: the message stays held as it came."
        return visit.go(_url(visit, show("msg", message_id)), said)

    @post("/corrections/{correction_id:str}/withdraw", sync_to_thread=True)
    def withdraw(self, visit: NamedDependency[Visit], correction_id: FromPath[str], data: Form) -> Response[str]:
        visit.require("message:correct")
        try:
            message_id = withdraw_correction(
                visit.database, visit.here, visit.actor, read("cor", correction_id), reason=field(data, "reason"),
                trace_id=visit.trace_id,
            )  # fmt: skip
        except SHOWN_AGAIN as refusal:
            return message_page(visit, field(data, "message"), refusal=refusal)
        return visit.go(_url(visit, show("msg", message_id)), "Taken back; another correction may be proposed.")


def message_page(
    visit: Visit, message_id: str, *, refusal: Exception | None = None, typed: Mapping[str, Any] | None = None
) -> Response[str]:
    """One message: why it is held and who mends it, its content without secrets, its corrections, and the mends."""
    visit.require("message:read")
    identifier = read("msg", message_id)
    with visit.reading() as tx:
        row, data = get_message(tx, identifier)
        corrections = corrections_of(tx, identifier)
    came = shown_text(bytes(data).decode())
    texts = {each.id: shown_text(each.content) for each in corrections}
    mapped = next((each for each in corrections if each.id == row.correction_id), None)
    wish = next((each for each in corrections if each.state == "waiting"), None)
    content, event_type = (texts[mapped.id], mapped.type) if mapped else (came, row.type)
    form = dict(typed or {})
    return visit.page(
        "message.html",
        room="messages",
        title=f"Message {row.message_id}",
        status=422 if refusal else 200,
        row=row,
        came=came,
        mapped=mapped,
        content=content,
        corrections=corrections,
        texts=texts,
        wish=wish,
        changes=_changes(unbranded(event_type), content, unbranded(wish.type), texts[wish.id]) if wish else (),
        hindrance=_hindrance(visit, wish),
        own=wish is not None and wish.proposed_by == visit.actor.person_id,
        typed={
            "data": field(form, "data") or content,
            "type": field(form, "type") or unbranded(event_type),
            "reason": field(form, "reason"),
        },
        editing=bool(form),
        people=people_here(visit) if row.state == "held" else {},
        refused=str(refusal) if refusal else "",
        may_mend=row.state == "held" and visit.may(RETRY),
        may_correct=row.state == "held" and wish is None and visit.may("message:correct"),
    )


def _meant(visit: Visit, message_id: str, text: str) -> str:
    """The type's full name; on pages ours stand without the vendor's prefix."""
    with visit.reading() as tx:
        row, _ = get_message(tx, read("msg", message_id))
    return rebranded(text.strip(), row.type)


def _changes(type_before: str, before: str, type_after: str, after: str) -> list[tuple[str, str]]:
    """(sign, line): what is taken out (-), put in (+) and stays, line by line, with the type on top where it changes."""
    old, new = before.splitlines(), after.splitlines()
    if type_before != type_after:
        old, new = [f"type: {type_before}", *old], [f"type: {type_after}", *new]
    return [(line[:1], line[2:]) for line in difflib.ndiff(old, new) if line[:1] in " +-"]


def _hindrance(visit: Visit, wish: Any) -> str:
    """Why this person does not decide about the waiting correction; empty when they may."""
    if wish is None or not visit.may("message:decide"):
        return "" if wish is None else "Somebody who may decide about corrections looks at it next."
    mail = visit.actor.email.lower() if visit.actor.email else None
    return OWN if wish.proposed_by == visit.actor.person_id or (mail and mail == wish.proposed_by_email) else ""


def _decision(text: str) -> CorrectionDecision:
    if text == "approve":
        return "approve"
    if text == "reject":
        return "reject"
    raise InputInvalidError("Decide to approve the correction or to reject it.", field="decision")


def _url(visit: Visit, message_id: str) -> str:
    return visit.url(f"messages/{message_id}")
