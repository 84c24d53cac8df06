"""Deciding on reminders: one per customer, legal entity and currency, over the net position at that moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from billwright.audit.record import entry_values, record_many
from billwright.collections import queries
from billwright.collections.position import Plan, in_order, next_moment, next_morning, plan_reminder, step_reached
from billwright.collections.tables import ReminderRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import ReminderStep, read_configuration
from billwright.tenancy.transaction import Tx

REMIND: Final = "collections.remind"
MAIL: Final = "connectors.reminder"


class Debtor(NamedTuple):
    """Whom a reminder goes to and for whom; its currency."""

    legal_entity_id: UUID
    customer_id: UUID
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    reminder_id: UUID
    debtor: Debtor
    step: int
    total_minor: int


def policy_of(tx: Tx) -> tuple[ReminderStep, ...]:
    """The tenant's steps in their order; none when it sends no mail."""
    configuration = read_configuration(tx)
    return in_order(configuration.reminders) if configuration.deliver_by_mail else ()


def timer(debtor: Debtor, run_at: datetime) -> JobSpec:
    entity, customer, currency = debtor
    payload = {"legal_entity_id": entity, "customer_id": customer, "currency": currency}
    return JobSpec(kind=REMIND, key=f"remind:{entity}:{customer}:{currency}", payload=payload, run_at=run_at)


def set_timers(tx: Tx, debtors: Iterable[Debtor]) -> None:
    """A timer for each at its next step; at once when a step has come already: what was sent is not sent again."""
    policy = policy_of(tx)
    if not policy:
        return
    specs = []
    for debtor, zone, due_dates in queries.due_dates(tx, set(debtors)):
        late = any(step_reached(each, policy, zone, tx.now) for each in due_dates)
        at = tx.now if late else next_moment(due_dates, policy, zone, tx.now)
        if at is not None:
            specs.append(timer(Debtor(*debtor), at))
    enqueue(tx, specs)


def remind(tx: Tx, debtors: Iterable[Debtor]) -> list[Decided]:
    """Decide for each debtor whether a reminder goes out now, and set the next timer. Safe to call twice.

    A constant number of statements. The mail itself is a job: it looks once more before it is sent.
    """
    policy = policy_of(tx)
    if not policy:
        return []
    accounts = queries.read_accounts(tx, set(debtors))
    plans: dict[Debtor, Plan] = {}
    for each in accounts:
        plan = plan_reminder(
            each.items, unapplied_minor=each.unapplied_minor, policy=policy, zone=each.zone, now=tx.now
        )
        if plan is not None:
            plans[Debtor(*each.debtor)] = plan
    decided = write_reminders(tx, accounts, plans, policy)
    written = {each.debtor for each in decided}
    timers = []
    for each in accounts:
        debtor = Debtor(*each.debtor)
        at = next_moment((item.due_on for item in each.items), policy, each.zone, tx.now)
        if debtor in plans and debtor not in written:
            # Today's reminder of this step is out; what became due since then is asked for tomorrow.
            morning = next_morning(each.zone, tx.now)
            at = min(at, morning) if at else morning
        if at is not None:
            timers.append(timer(debtor, at))
    enqueue(tx, timers)
    return decided


def write_reminders(
    tx: Tx, accounts: Sequence[queries.Account], plans: Mapping[Debtor, Plan], policy: Sequence[ReminderStep]
) -> list[Decided]:
    """Rows, audit entries and mail jobs of ``plans``; those of which the same went out today are left out."""
    rows = [_row(tx, each, plans[Debtor(*each.debtor)], policy) for each in accounts if Debtor(*each.debtor) in plans]
    if not rows:
        return []
    statement = insert(ReminderRow).values(rows).on_conflict_do_nothing(index_elements=["key"])
    made = set(tx.session.scalars(statement.returning(ReminderRow.id)))
    rows = [row for row in rows if row["id"] in made]
    entries = [
        entry_values(
            tx, "reminder.decided", "reminder", row["id"],
            after={name: row[name] for name in ("customer_id", "currency", "step", "tone", "total_minor")},
        )
        for row in rows
    ]  # fmt: skip
    record_many(tx, entries)
    enqueue(tx, [JobSpec(kind=MAIL, key=f"reminder:{row['id']}", payload={"reminder_id": row["id"]}) for row in rows])
    return [
        Decided(
            reminder_id=row["id"],
            debtor=Debtor(row["legal_entity_id"], row["customer_id"], row["currency"]),
            step=row["step"],
            total_minor=row["total_minor"],
        )
        for row in rows
    ]


def _row(tx: Tx, account: queries.Account, plan: Plan, policy: Sequence[ReminderStep]) -> dict[str, Any]:
    entity, customer, currency = account.debtor
    today = tx.now.astimezone(account.zone).date()
    positions = [
        {
            "receivable_id": str(item.receivable_id),
            "step": item.step,
            "open_minor": item.open_minor,
            "disputed_minor": item.disputed_minor,
            **({"part": item.part.isoformat()} if item.part else {}),
        }
        for item in plan.items
    ]
    return {
        "id": new_id(),
        "key": f"{entity}:{customer}:{currency}:{today.isoformat()}:{plan.step}",
        "legal_entity_id": entity,
        "customer_id": customer,
        "currency": currency,
        "language": account.language,
        "step": plan.step,
        "tone": policy[plan.step - 1].tone,
        "total_minor": plan.total_minor,
        "positions": positions,
        "made_at": tx.now,
    }
