"""Billing's jobs: look at contracts whose facts changed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import or_, select

from billwright.billing import queries
from billwright.billing.drafts import rebuild_drafts
from billwright.billing.evaluate import evaluate_contracts
from billwright.billing.events import ItemsReleased
from billwright.canon.events import ContractsTouched, CustomersTouched
from billwright.canon.tables import ContractRow
from billwright.extension.running import IN_PROCESS, PluginRunner
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.transaction import Tx


def on_contracts_touched(event: ContractsTouched | ItemsReleased) -> list[JobSpec]:
    return [
        JobSpec(kind="billing.evaluate", key=f"evaluate:{contract_id}", payload={"contract_id": contract_id})
        for contract_id in event.contract_ids
    ]


def on_customers_touched(event: CustomersTouched) -> list[JobSpec]:
    return [
        JobSpec(kind="billing.customer", key=f"customer:{customer_id}", payload={"customer_id": customer_id})
        for customer_id in event.customer_ids
    ]


def _evaluate(tx: Tx, jobs: Sequence[Job], *, plugins: PluginRunner) -> None:
    evaluate_contracts(tx, sorted({job.uuid("contract_id") for job in jobs}), plugins=plugins)


def _customers(tx: Tx, jobs: Sequence[Job]) -> None:
    """A customer arrived or changed: price its drafts again (address and tax are content), look at all its contracts."""
    customer_ids = [job.uuid("customer_id") for job in jobs]
    rebuild_drafts(tx, queries.drafts_of_customers(tx, customer_ids))
    pays = ContractRow.bill_to.is_not(None) & ContractRow.bill_to_ids.overlap(customer_ids)
    query = select(ContractRow.id).where(or_(ContractRow.customer_id.in_(customer_ids), pays))
    enqueue(tx, on_contracts_touched(ContractsTouched(contract_ids=tuple(tx.session.scalars(query)))))


def handlers(plugins: PluginRunner = IN_PROCESS) -> list[Handler]:
    evaluate = partial(_evaluate, plugins=plugins)
    return [
        Handler(kind="billing.evaluate", in_transaction=evaluate, batch_max=100, lease_s=120),
        Handler(kind="billing.customer", in_transaction=_customers, batch_max=100),
    ]


SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {
    ContractsTouched: (on_contracts_touched,),
    ItemsReleased: (on_contracts_touched,),
    CustomersTouched: (on_customers_touched,),
}
