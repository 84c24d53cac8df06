"""A reminder before its day: what it would say to whom, then the button that sends it."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from sqlalchemy import select

from billwright.canon.tables import CustomerRow
from billwright.collections.queries import documents_of
from billwright.collections.remind import Debtor
from billwright.collections.send_reminder_now import Seen, propose_reminder, send_reminder_now
from billwright.documents import format as fmt
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import read
from billwright.web.portal.forms import Form, whole_number
from billwright.web.portal.visit import Visit, provide_visit

NEEDS = "reminder:send"


class ReminderController(Controller):
    path = "/t/{slug:str}/collections/remind/{entity:str}/{customer:str}/{currency:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def look(
        self,
        visit: NamedDependency[Visit],
        entity: FromPath[str],
        customer: FromPath[str],
        currency: FromPath[str],
    ) -> Response[str]:
        """The reminder as it would go out now: recipient, step, documents and sum. Sends nothing."""
        visit.require(NEEDS)
        debtor = Debtor(read("led", entity), read("cus", customer), currency)
        with visit.reading() as tx:
            row = tx.session.scalars(select(CustomerRow).where(CustomerRow.id == debtor.customer_id)).one_or_none()
            if row is None:
                raise NotFoundError("There is no such customer here.")
            proposed = propose_reminder(tx, debtor)
            documents = documents_of(tx, [item.invoice_id for item in proposed.plan.items])
        return visit.page(
            "remind.html",
            room="collections",
            title=f"Remind {row.name}",
            customer=row,
            proposed=proposed,
            currency=debtor.currency,
            items=[(item, documents[item.invoice_id]) for item in proposed.plan.items],
            action=visit.url(f"collections/remind/{entity}/{customer}/{currency}"),
        )

    @post("/", sync_to_thread=True)
    def send(
        self,
        visit: NamedDependency[Visit],
        entity: FromPath[str],
        customer: FromPath[str],
        currency: FromPath[str],
        data: Form,
    ) -> Response[str]:
        """Send what the person saw, and nothing else."""
        decided = send_reminder_now(
            visit.database,
            visit.here,
            visit.actor,
            legal_entity_id=read("led", entity),
            customer_id=read("cus", customer),
            currency=currency,
            seen=Seen(whole_number(data, "step"), whole_number(data, "total_minor")),
            trace_id=visit.trace_id,
        )
        asked = fmt.money(decided.total_minor, currency, visit.locale)
        return visit.go(
            visit.url("collections"), f"The reminder over {asked} is on its way; its mail shows in the mailbox."
        )
