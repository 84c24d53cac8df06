"""A person sends a reminder without waiting for its day, having seen what it will say."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple
from uuid import UUID

from billwright.collections import queries
from billwright.collections.errors import NothingToRemindError, ReminderChangedError, ReminderSentError
from billwright.collections.position import Plan, net_items, step_reached
from billwright.collections.remind import Debtor, Decided, policy_of, write_reminders
from billwright.kernel.actor import Actor
from billwright.tenancy.configuration import ReminderStep
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction


class Seen(NamedTuple):
    """What the person saw that the reminder would be: its step and what it asks for in minor units."""

    step: int
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """The reminder that would go out now."""

    account: queries.Account
    plan: Plan
    policy: tuple[ReminderStep, ...]

    @property
    def tone(self) -> Literal["friendly", "firm", "final"]:
        return self.policy[self.plan.step - 1].tone

    @property
    def seen(self) -> Seen:
        return Seen(self.plan.step, self.plan.total_minor)


def propose_reminder(tx: Tx, debtor: Debtor) -> Proposed:
    """The reminder over all that is past its due date, at the highest step that has come, or the first.

    Disputes and money that waits are left out, as always. Writes nothing.

    Raises:
        NothingToRemindError: nothing is overdue, all of it is disputed or covered, or the tenant sends no mail.
    """
    policy = policy_of(tx)
    accounts = queries.read_accounts(tx, {debtor})
    if not policy:
        raise NothingToRemindError("The firm sends no mail, or has no steps of reminders; its settings say so.")
    if not accounts:
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
    return Proposed(account=account, plan=plan, policy=policy)


def send_reminder_now(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    legal_entity_id: UUID,
    customer_id: UUID,
    currency: str,
    seen: Seen | None = None,
    trace_id: str | None = None,
) -> Decided:
    """Decide on the reminder that ``propose_reminder`` proposes; its mail is a job.

    Args:
        seen: What the person saw before; without it whatever is true now goes out.

    Raises:
        PermissionDeniedError: without ``reminder:send``.
        NothingToRemindError: as ``propose_reminder``.
        ReminderChangedError: it is not what was ``seen`` any more.
        ReminderSentError: the same step went out today.
    """
    actor.require("reminder:send")
    debtor = Debtor(legal_entity_id, customer_id, currency)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        proposed = propose_reminder(tx, debtor)
        if seen is not None and seen != proposed.seen:
            raise ReminderChangedError(
                "Something was paid, disputed or fell due since you looked; look at the reminder again, then send it."
            )
        decided = write_reminders(tx, [proposed.account], {debtor: proposed.plan}, proposed.policy)
        if not decided:
            raise ReminderSentError("This reminder went out today; the next one can go tomorrow.")
        return decided[0]
