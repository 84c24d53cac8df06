"""Write-offs over HTTP."""

from datetime import datetime
from typing import Annotated, Final, Literal

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.money import parse_amount
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.receivables import queries_write_offs
from billwright.receivables.api import Amount, amount_out
from billwright.receivables.tables import WriteOffRow
from billwright.receivables.write_off import Reason, WriteOff, ask_write_off, decide_write_off
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

# Named by its mark, because Litestar keeps the parameter name "state" for itself.
WriteOffState = Annotated[
    Literal["asked", "booked", "refused"] | None, QueryParameter(name="state", description="Only in this state.")
]


class WriteOffIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Without `amount`: all that is open. `amount` is gross."""

    reason: Reason
    note: Annotated[str, Meta(min_length=1, max_length=2_000, description="Why, in a sentence.")]
    amount: Amount | None = None


class DecisionIn(Struct, frozen=True, forbid_unknown_fields=True):
    decision: Literal["book", "refuse"]


class WriteOffMade(Struct, frozen=True):
    """`state` is `booked`, `refused`, or `asked` while another person has to decide."""

    id: str
    state: str
    amount: Amount

    @classmethod
    def of(cls, made: WriteOff) -> "WriteOffMade":
        return cls(show("wof", made.id), made.state, amount_out(made.amount.minor, made.amount.currency))


class WriteOffOut(Struct, frozen=True):
    id: str
    receivable: str
    amount: Amount
    state: str
    reason: str
    note: str
    asked_by: str
    asked_at: datetime
    decided_by: str
    decided_at: datetime | None

    @classmethod
    def of(cls, row: WriteOffRow) -> "WriteOffOut":
        return cls(
            show("wof", row.id),
            show("rcv", row.receivable_id),
            amount_out(row.amount_minor, row.currency),
            row.state,
            row.reason,
            row.note,
            row.asked_by_name,
            row.asked_at,
            row.decided_by_name,
            row.decided_at,
        )


class WriteOffsController(Controller):
    path = "/v1"
    tags = ("Ledger",)

    @post(
        "/receivables/{receivable_id:str}/write-offs",
        operation_id="askWriteOff",
        summary="Write off a receivable",
        responses=refusals(404, 409, 422),
        sync_to_thread=True,
    )
    def ask(
        self,
        receivable_id: FromPath[str],
        data: JSONBody[WriteOffIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> WriteOffMade:
        """Give up what is open, or part of it. Within the firm's limit it is booked at once, above it another person decides."""
        amount = parse_amount(data.amount.amount, data.amount.currency) if data.amount else None
        identifier = read("rcv", receivable_id)
        made = ask_write_off(database, tenant, actor, identifier, reason=data.reason, note=data.note, amount=amount)
        return WriteOffMade.of(made)

    @post(
        "/write-offs/{write_off_id:str}/decision",
        operation_id="decideWriteOff",
        summary="Decide about a write-off",
        responses=refusals(404, 409, 422),
        status_code=200,
        sync_to_thread=True,
    )
    def decide(
        self,
        write_off_id: FromPath[str],
        data: JSONBody[DecisionIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> WriteOffMade:
        """Book or refuse what another person asked for."""
        identifier = read("wof", write_off_id)
        return WriteOffMade.of(decide_write_off(database, tenant, actor, identifier, decision=data.decision))

    @get(
        "/write-offs",
        operation_id="listWriteOffs",
        summary="List write-offs",
        responses=refusals(422),
        sync_to_thread=True,
    )
    def list_all(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        which: WriteOffState = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[WriteOffOut]:
        """Write-offs, the latest first; `state=asked`: those that wait for a decision."""
        actor.require("receivable:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = queries_write_offs.list_write_offs(tx, state=which, limit=limit, cursor=cursor)
        return Page([WriteOffOut.of(row) for row in found.rows], found.next_cursor)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (WriteOffsController,)
