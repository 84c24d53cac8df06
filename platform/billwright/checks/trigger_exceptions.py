"""The desk's entry about a contract whose triggers could not all answer: opened once, closed when they can again."""

from collections import defaultdict
from typing import Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import entry_values, record_many
from billwright.billing.events import TriggerFailed, TriggersAsked
from billwright.canon.due import due_after
from billwright.checks.tables import ExceptionRow
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

CODE: Final = "trigger_failed"
REMEDY: Final = (
    "Tell the integration administrator. The contract is looked at again every quarter of an hour, and whenever a fact of "
    "it arrives; this closes by itself."
)


def keep_trigger_exceptions(tx: Tx, event: TriggersAsked) -> None:
    """One statement when all answered, two when some could not, whatever the number of contracts."""
    failed: defaultdict[UUID, list[TriggerFailed]] = defaultdict(list)
    for each in event.failed:
        failed[each.contract_id].append(each)
    answered = [contract_id for contract_id in event.contract_ids if contract_id not in failed]
    closing = (
        update(ExceptionRow)
        .where(ExceptionRow.subject_id.in_(answered), ExceptionRow.code == CODE, ExceptionRow.closed_at.is_(None))
        .values(closed_at=tx.now, closed_how="the triggers answered again")
        .returning(ExceptionRow.subject_id)
    )
    entries = []
    if answered:
        closed = tx.session.scalars(closing, execution_options={"synchronize_session": False})
        entries += [entry_values(tx, "exception.closed", "contract", i, after={"code": CODE}) for i in closed]
    if failed:
        due_at = due_after(tx, read_configuration(tx).exception_hours)
        rows = [
            {
                "id": new_id(),
                "subject_kind": "contract",
                "subject_id": contract_id,
                "code": CODE,
                "title": "A trigger could not run",
                "reason": " ".join(each.sentence for each in failures)[:2_000],
                "remedy": REMEDY,
                "owner_role": "integration_administrator",
                "customer_id": failures[0].customer_id,
                "technical": True,
                "opened_at": tx.now,
                "due_at": due_at,
            }
            for contract_id, failures in failed.items()
        ]
        opening = upsert(ExceptionRow).values(rows).on_conflict_do_nothing().returning(ExceptionRow.subject_id)
        opened = tx.session.scalars(opening)
        entries += [entry_values(tx, "exception.opened", "contract", i, after={"code": CODE}) for i in opened]
    record_many(tx, entries)
