"""What must be true afterwards, whatever was done to the platform: each sentence in the answer is something that is not."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.canon.tables import MilestoneRow
from billwright.delivery.tables import DeliveryRow
from billwright.insight.invariants import check_invariants
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from faults.accounting import Accounting
from faults.plan import Milestone, Size, milestones
from faults.world import World

UNCLEAR = "How an earlier attempt ended is not known"


@dataclass(frozen=True)
class Standing:
    """How far the work is."""

    due: int
    dead: int
    issued: int
    posted: int
    delivered: int


def standing(world: World) -> Standing:
    """Counts over all tenants; jobs whose time has not come are left out."""
    with control_transaction(world.database, SYSTEM) as tx:
        query = select(JobRow.state, func.count()).where(
            (JobRow.run_at <= tx.now) | (JobRow.state.in_(("leased", "retry")))
        )
        jobs = {row[0]: row[1] for row in tx.session.execute(query.group_by(JobRow.state))}
    issued = posted = delivered = 0
    for tenant in world.tenants:
        with transaction(world.database, tenant, SYSTEM, read_only=True) as work:
            issued += work.session.scalar(select(func.count()).where(InvoiceRow.number.is_not(None))) or 0
            posted += work.session.scalar(select(func.count()).where(PostingRow.state == "posted")) or 0
            delivered += work.session.scalar(select(func.count()).where(DeliveryRow.state == "sent")) or 0
    due = sum(jobs.get(state, 0) for state in ("queued", "retry", "leased"))
    return Standing(due, jobs.get("dead", 0), issued, posted, delivered)


def expected(size: Size, seed: int) -> dict[int, list[Milestone]]:
    """The milestones that must be billed, by tenant."""
    found: dict[int, list[Milestone]] = {tenant: [] for tenant in range(size.tenants)}
    for milestone in milestones(size, seed):
        if milestone.billable:
            found[milestone.tenant].append(milestone)
    return found


def wrongs(world: World, size: Size, seed: int, accounting: Accounting, mails: Counter[str]) -> Iterator[str]:
    """Everything that is not as it must be."""
    wanted = expected(size, seed)
    for number, tenant in enumerate(world.tenants):
        yield from (f"{tenant.slug}: {text}" for text in _tenant_wrongs(world, tenant, wanted[number], accounting))
        if number < size.papered:
            yield from (f"{tenant.slug}: {text}" for text in _mail_wrongs(world, tenant, len(wanted[number]), mails))


def _tenant_wrongs(world: World, tenant: Tenant, wanted: list[Milestone], accounting: Accounting) -> Iterator[str]:
    for verdict in check_invariants(world.database, tenant):
        if verdict.offenders:
            yield f"invariant {verdict.invariant.name}: {verdict.offenders[:3]}"
    with transaction(world.database, tenant, SYSTEM, read_only=True) as tx:
        query = (
            select(MilestoneRow.ref, func.count(InvoiceLineRow.id), func.min(InvoiceLineRow.net_minor))
            .join(InvoiceLineRow, InvoiceLineRow.milestone_id == MilestoneRow.id)
            .join(InvoiceRow, InvoiceRow.id == InvoiceLineRow.invoice_id)
            .where(InvoiceRow.number.is_not(None))
            .group_by(MilestoneRow.ref)
        )
        billed = {row[0]: (row[1], row[2]) for row in tx.session.execute(query)}
        should = {each.ref: (1, int(each.amount.replace(".", ""))) for each in wanted}
        if billed != should:
            lost, more = set(should) - set(billed), set(billed) - set(should)
            other = {ref for ref in set(billed) & set(should) if billed[ref] != should[ref]}
            yield f"billed is not what was accepted: lost {sorted(lost)[:5]}, unasked {sorted(more)[:5]}, other {sorted(other)[:5]}"
        numbers = sorted(
            row[0] or 0
            for row in tx.session.execute(select(InvoiceRow.sequence_number).where(InvoiceRow.number.is_not(None)))
        )
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"numbers are not contiguous: {len(numbers)} of them, the last is {numbers[-1:]}"
        receivables = tx.session.scalar(select(func.count()).select_from(ReceivableRow))
        if receivables != len(numbers):
            yield f"{receivables} receivables for {len(numbers)} invoices"
        open_messages = tx.session.scalar(select(func.count()).where(SourceMessageRow.state.in_(("received", "held"))))
        if open_messages:
            yield f"{open_messages} messages are not applied"
        invoices = tx.session.execute(
            select(InvoiceRow.id, InvoiceRow.number, InvoiceRow.gross_minor).where(InvoiceRow.number.is_not(None))
        ).all()
    yield from _book_wrongs(invoices, accounting)


def _book_wrongs(invoices: Any, accounting: Accounting) -> Iterator[str]:
    for invoice in invoices:
        held = accounting.held(str(invoice.id))
        if [(each["number"], each["gross_minor"]) for each in held] != [(invoice.number, invoice.gross_minor)]:
            yield f"{invoice.number} is in the books {len(held)} times: {held[:2]}"


def _mail_wrongs(world: World, tenant: Tenant, invoices: int, mails: Counter[str]) -> Iterator[str]:
    with transaction(world.database, tenant, SYSTEM, read_only=True) as tx:
        rows = list(tx.session.scalars(select(DeliveryRow)))
    if len(rows) != invoices or {row.state for row in rows} != {"sent"}:
        yield f"{len(rows)} deliveries for {invoices} invoices, {Counter(row.state for row in rows)}"
    for row in rows:
        came = mails[row.message_ref or ""]
        unclear = UNCLEAR in (row.outcome or "")
        if came == 0 or (came > 1 and not unclear):
            yield f"mail {row.key} came {came} times: {row.outcome}"


def doubled(mails: Counter[str]) -> int:
    """Mails that came more than once: a crash fell between the server's acceptance and the record."""
    return sum(1 for count in mails.values() if count > 1)
