"""``POST /v1/items/{id}/adjustment``: a person writes an item down or up, or takes that back."""

from typing import Annotated, Final

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from billwright.billing import reads
from billwright.billing.adjust_item import TEXT_MAX, adjust_item
from billwright.billing.schemas import ItemOut, item_out
from billwright.billing.tables import BillableItemRow
from billwright.canon.reads import one
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read
from billwright.kernel.money import parse_amount
from billwright.tenancy.answers import refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


class AmountGiven(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[str, Meta(max_length=40, description="In major units, such as `500.00`")]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]


class AdjustmentIn(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``amount`` is what is billed instead of the price; without one an earlier adjustment is taken back."""

    amount: AmountGiven | None = None
    reason_code: Annotated[
        str,
        Meta(
            max_length=40,
            description="`goodwill`, `budget_overrun`, `rework`, `training`, `agreed_price`, `correction`",
        ),
    ]
    text: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX, description="Why, for whoever approves")]


class AdjustmentController(Controller):
    path = "/v1/items"
    tags = ("Billing",)

    @post(
        "/{item_id:str}/adjustment",
        operation_id="adjustItem",
        summary="Write a billable item down or up",
        sync_to_thread=True,
        status_code=200,
        responses=refusals(404, 409, 422),
    )
    def adjust(
        self,
        item_id: FromPath[str],
        data: JSONBody[AdjustmentIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> ItemOut:
        """The item with its new amount. Its draft is priced and checked again; whoever does this does not approve it."""
        identifier = read("bil", item_id)
        given = data.amount
        amount = None if given is None else parse_amount(given.amount, given.currency)
        adjust_item(
            database,
            tenant,
            actor,
            identifier,
            amount=amount,
            reason_code=data.reason_code,
            text=data.text,
            trace_id=trace_id,
        )
        query = reads.items().where(BillableItemRow.id == identifier)
        with transaction(database, tenant, actor, read_only=True) as tx:
            return item_out(one(tx, query, f"item {item_id}"))


CONTROLLERS: Final[tuple[type[Controller], ...]] = (AdjustmentController,)
