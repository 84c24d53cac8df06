"""``/v1/messages/...`` and ``/v1/corrections`` for the desk: rest, propose, decide, take back."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from billwright.intake.decide_correction import decide_correction, withdraw_correction
from billwright.intake.propose_correction import propose_correction
from billwright.intake.queries import corrections_of, get_correction, get_message, list_corrections
from billwright.intake.schemas import (
    CorrectionIn,
    CorrectionOut,
    DecisionIn,
    MessageOut,
    SnoozeMessageIn,
    WithdrawIn,
)
from billwright.intake.snooze_message import snooze_message
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Waiting = Annotated[bool | None, QueryParameter(description="Only those that wait for a decision, or only the others.")]


class HeldMessageController(Controller):
    path = "/v1/messages"
    tags = ("Messages",)

    @post(
        "/{message_id:str}/snooze",
        operation_id="snoozeMessage",
        summary="Let a held message rest",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def snooze(
        self,
        message_id: FromPath[str],
        data: JSONBody[SnoozeMessageIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> MessageOut:
        """Nobody need look at it until then; another try by hand, or whatever mends it, ends that."""
        identifier = read("msg", message_id)
        snooze_message(database, tenant, actor, identifier, until=data.until, reason=data.reason, trace_id=trace_id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            row, content = get_message(tx, identifier)
        return MessageOut.of(row, content)

    @get(
        "/{message_id:str}/corrections",
        operation_id="listCorrectionsOfMessage",
        summary="List the corrections of a message",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def corrections(
        self,
        message_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> list[CorrectionOut]:
        """What was proposed for it and by whom, the newest first, and what became of each."""
        identifier = read("msg", message_id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            get_message(tx, identifier)
            return [CorrectionOut.of(row) for row in corrections_of(tx, identifier)]

    @post(
        "/{message_id:str}/corrections",
        operation_id="proposeCorrection",
        summary="Propose other content for a held message",
        status_code=201,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def propose(
        self,
        message_id: FromPath[str],
        data: JSONBody[CorrectionIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> CorrectionOut:
        """Another person has to approve it before it is applied. The message stays as it came."""
        correction_id = propose_correction(
            database,
            tenant,
            actor,
            read("msg", message_id),
            data=data.data,
            event_type=data.type,
            reason=data.reason,
            trace_id=trace_id,
        )
        return _shown(database, tenant, actor, correction_id)


class CorrectionController(Controller):
    path = "/v1/corrections"
    tags = ("Messages",)

    @get(operation_id="listCorrections", summary="List corrections", sync_to_thread=True, responses=refusals(422))
    def list_all(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        waiting: Waiting = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[CorrectionOut]:
        """Corrections of all messages, newest first."""
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = list_corrections(tx, limit=limit, cursor=cursor, waiting=waiting)
        return Page([CorrectionOut.of(row) for row in found.rows], found.next_cursor)

    @get(
        "/{correction_id:str}",
        operation_id="getCorrection",
        summary="Show a correction",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_correction(
        self,
        correction_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> CorrectionOut:
        """One correction, in whatever state."""
        return _shown(database, tenant, actor, read("cor", correction_id))

    @post(
        "/{correction_id:str}/decide",
        operation_id="decideCorrection",
        summary="Approve or reject a correction",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def decide(
        self,
        correction_id: FromPath[str],
        data: JSONBody[DecisionIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> CorrectionOut:
        """Nobody decides about their own. Approved, it is mapped at once, in the place of the message that it corrects."""
        identifier = read("cor", correction_id)
        decide_correction(
            database, tenant, actor, identifier, decision=data.decision, reason=data.reason, trace_id=trace_id
        )
        return _shown(database, tenant, actor, identifier)

    @post(
        "/{correction_id:str}/withdraw",
        operation_id="withdrawCorrection",
        summary="Take one's own correction back",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def withdraw(
        self,
        correction_id: FromPath[str],
        data: JSONBody[WithdrawIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> CorrectionOut:
        """Before anybody decided about it; then another one may be proposed."""
        identifier = read("cor", correction_id)
        withdraw_correction(database, tenant, actor, identifier, reason=data.reason, trace_id=trace_id)
        return _shown(database, tenant, actor, identifier)


def _shown(database: Database, tenant: Tenant, actor: Actor, correction_id: UUID) -> CorrectionOut:
    with transaction(database, tenant, actor, read_only=True) as tx:
        return CorrectionOut.of(get_correction(tx, correction_id))


CONTROLLERS: Final[tuple[type[Controller], ...]] = (HeldMessageController, CorrectionController)
