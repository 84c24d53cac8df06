"""A person sends a reminder without waiting for its day."""

from dataclasses import replace
from uuid import UUID

from billwright.collections import queries
from billwright.collections.errors import NothingToRemindError, ReminderSentError
from billwright.collections.position import Plan, net_items, step_reached
from billwright.collections.remind import Debtor, Decided, policy_of, write_reminders
from billwright.kernel.actor import Actor
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def send_reminder_now(
    database: Database, tenant: Tenant, actor: Actor, *, legal_entity_id: UUID, customer_id: UUID, currency: str
) -> Decided:
    """Decide on a reminder over all that is past its due date, at the highest step that has come, or the first.

    Disputes and money that waits are left out, as always.

    Raises:
        PermissionDeniedError: without ``reminder:send``.
        NothingToRemindError: nothing is overdue, all of it is disputed or covered, or the tenant sends no mail.
        ReminderSentError: the same step went out today.
    """
    actor.require("reminder:send")
    with transaction(database, tenant, actor) as tx:
        policy = policy_of(tx)
        accounts = queries.read_accounts(tx, {(legal_entity_id, customer_id, currency)})
        if not policy or not accounts:
            raise NothingToRemindError("Nothing is open that could be reminded of.")
        account = accounts[0]
        today = tx.now.astimezone(account.zone).date()
        late = (
            replace(item, step=max(1, step_reached(item.due_on, policy, account.zone, tx.now)))
            for item in account.items
            if item.due_on < today
        )
        items = net_items(late, account.unapplied_minor)
        if not items:
            raise NothingToRemindError("Nothing is overdue that is not disputed or covered by money that waits.")
        plan = Plan(step=max(item.step for item in items), items=tuple(items))
        decided = write_reminders(tx, accounts, {Debtor(*account.debtor): plan}, policy)
        if not decided:
            raise ReminderSentError("This reminder went out today; the next one can go tomorrow.")
        return decided[0]
