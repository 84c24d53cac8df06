"""Canonical objects as rows: which other objects each names, and the values of its columns. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

from billwright.canon.incoming import Incoming, Pair
from billwright.canon.tables import (
    AcceptanceRow,
    BillingScheduleRow,
    ChangeOrderRow,
    ContractRow,
    CustomerRow,
    EvidenceRow,
    ExpenseRow,
    MilestoneRow,
    ProgressReportRow,
    ProjectRow,
    RateCardRow,
    SignalRow,
    TimeEntryRow,
    UsageRecordRow,
)
from billwright.canon.term_references import stored_time_terms, term_references
from billwright.extension.canonical import (
    Acceptance,
    BillingSchedule,
    Canonical,
    ChangeOrder,
    Contract,
    Customer,
    Evidence,
    Expense,
    Milestone,
    Payment,
    ProgressReport,
    Project,
    RateCard,
    Signal,
    TimeEntry,
    UsageRecord,
)
from billwright.tenancy.base import TenantBase

Values = dict[str, Any]
C = TypeVar("C", bound=Canonical)

TABLES: Final[dict[str, type[TenantBase]]] = {
    Customer.kind: CustomerRow,
    Project.kind: ProjectRow,
    Contract.kind: ContractRow,
    ChangeOrder.kind: ChangeOrderRow,
    Milestone.kind: MilestoneRow,
    Acceptance.kind: AcceptanceRow,
    Evidence.kind: EvidenceRow,
    RateCard.kind: RateCardRow,
    TimeEntry.kind: TimeEntryRow,
    Expense.kind: ExpenseRow,
    Signal.kind: SignalRow,
    BillingSchedule.kind: BillingScheduleRow,
    UsageRecord.kind: UsageRecordRow,
    ProgressReport.kind: ProgressReportRow,
}
"""Kind to table, in the order in which batches write them: all workers lock in one direction."""

SOURCED: Final = frozenset(
    {
        "id",
        "ref",
        "message_id",
        "source_time",
        "source_sequence",
        "source_key",
        "made_by",
        "earlier_makers",
        "updated_at",
    }
)
"""Columns that say where a row came from, not what it says."""
_SINGLE: Final = ("contract", "customer", "project", "change_order")


def named(item: Canonical) -> list[Pair]:
    """All objects that ``item`` names, itself first."""
    pairs: list[Pair] = [] if isinstance(item, Payment) else [(item.kind, item.ref)]
    for kind in _SINGLE:
        ref = getattr(item, kind, None)
        if ref is not None:
            pairs.append((kind, ref))
    pairs.extend(("milestone", ref) for ref in getattr(item, "milestones", ()))
    pairs.extend(term_references(item))
    if isinstance(item, TimeEntry) and item.corrects is not None:
        pairs.append((TimeEntry.kind, item.corrects))
    if isinstance(item, Contract):
        pairs.extend(("customer", each.customer) for each in item.bill_to)
    if isinstance(item, Milestone):
        pairs.extend(("milestone", ref) for ref in item.depends_on)
    if isinstance(item, UsageRecord | ProgressReport):
        pairs.append((BillingSchedule.kind, item.schedule))
    return pairs


class Ids:
    """Reserved identifiers, asked for by kind and ref."""

    def __init__(self, by_pair: Mapping[Pair, UUID]) -> None:
        self._by_pair = by_pair

    def one(self, kind: str, ref: str) -> UUID:
        return self._by_pair[(kind, ref)]

    def maybe(self, kind: str, ref: str | None) -> UUID | None:
        return None if ref is None else self._by_pair[(kind, ref)]

    def milestones(self, refs: tuple[str, ...]) -> list[UUID]:
        return [self._by_pair[("milestone", ref)] for ref in refs]


def values_of(item: Incoming, ids: Ids, now: datetime) -> Values:
    """The row of one object. Values are what msgspec encodes to JSON; nested parts stay structs."""
    canonical = item.object
    sourced = {
        "id": ids.one(canonical.kind, canonical.ref),
        "ref": canonical.ref,
        "message_id": item.message_id,
        "source_time": item.order.time,
        "source_sequence": item.order.sequence,
        "source_key": item.key,
        "made_by": item.person_id,
        "updated_at": now,
    }
    return sourced | _BUILDERS[canonical.kind](canonical, ids)


def _plain(item: Canonical, *names: str) -> Values:
    return {name: getattr(item, name) for name in names}


def _customer(item: Customer, _: Ids) -> Values:
    return _plain(
        item, "name", "legal_name", "tax_id", "address", "billing_email", "contacts", "language", "currency",
        "po_required", "payment_terms_days", "tax_category", "einvoice", "tax",
    )  # fmt: skip


def _project(item: Project, ids: Ids) -> Values:
    return _plain(item, "name", "code", "manager_email", "cost_centre") | {
        "customer_id": ids.one("customer", item.customer)
    }


def _contract(item: Contract, ids: Ids) -> Values:
    order = item.purchase_order
    return _plain(
        item, "number", "title", "legal_entity", "signed_on", "currency", "value", "value_raw", "billing", "grouping",
        "acceptance_required", "payment_terms_days", "acceptance_settles_after_days", "clauses", "status",
        "ended_on", "expense_terms", "holdback", "billing_policy",
    ) | {
        "time_terms": stored_time_terms(item.time_terms, ids.maybe),
        "customer_id": ids.one("customer", item.customer),
        "project_id": ids.maybe("project", item.project),
        "po_number": order.number if order else "",
        "po_value": order.value if order else None,
        "po_valid_until": order.valid_until if order else None,
        "bill_to": [
            {"customer_id": ids.one("customer", each.customer), "weight": each.weight} for each in item.bill_to
        ]
        or None,
        "bill_to_ids": [ids.one("customer", each.customer) for each in item.bill_to],
    }  # fmt: skip


def _change_order(item: ChangeOrder, ids: Ids) -> Values:
    return _plain(item, "number", "title", "signed_at", "signed_by", "value_after", "currency_after", "changes") | {
        "contract_id": ids.one("contract", item.contract)
    }


def _milestone(item: Milestone, ids: Ids) -> Values:
    return _plain(
        item, "number", "name", "basis", "amount", "percent", "currency", "amount_raw", "acceptance_required",
        "due_on", "clause", "removed", "draw_down_percent", "service_line",
    ) | {
        "contract_id": ids.one("contract", item.contract),
        "depends_on_ids": ids.milestones(item.depends_on),
        "change_order_id": ids.maybe("change_order", item.change_order),
    }  # fmt: skip


def _acceptance(item: Acceptance, ids: Ids) -> Values:
    return _plain(item, "decision", "decided_at", "decided_by", "note", "items", "accepted_percent") | {
        "contract_id": ids.one("contract", item.contract),
        "milestone_ids": ids.milestones(item.milestones),
        "milestone_refs": item.milestones,
    }


def _evidence(item: Evidence, ids: Ids) -> Values:
    return _plain(item, "title", "uri", "sha256", "media_type", "submitted_at", "submitted_by") | {
        "contract_id": ids.one("contract", item.contract),
        "milestone_ids": ids.milestones(item.milestones),
    }


def _rate_card(item: RateCard, ids: Ids) -> Values:
    """A rate's identifier is made of what it says: the same price keeps it, another price is another rate version."""
    card_id = ids.one("rate_card", item.ref)
    rates = []
    for rate in item.rates:
        price = rate.hourly if rate.hourly is not None else rate.daily
        assert price is not None, "a rate has one of both"
        hourly = format(price.normalize(), "f")
        said = [rate.role, rate.person_email or "", rate.effective_from.isoformat(), hourly, item.currency]
        more = {
            "unit": "DAY" if rate.daily is not None else None,
            "work_kind": rate.work_kind or None,
            "project_id": ids.maybe("project", rate.project),
            "currency": rate.currency if rate.currency != item.currency else None,
        }
        more = {name: value for name, value in more.items() if value is not None}
        said.extend(f"{name}={value}" for name, value in more.items())
        rates.append(
            {
                "id": uuid5(card_id, "\n".join(said)),
                "role": rate.role,
                "person_email": rate.person_email,
                "hourly": hourly,
                "effective_from": rate.effective_from,
                **more,
            }
        )
    return {"contract_id": ids.one("contract", item.contract), "currency": item.currency, "rates": rates}


def _time_entry(item: TimeEntry, ids: Ids) -> Values:
    return _plain(
        item,
        "person_name",
        "person_email",
        "role",
        "worked_on",
        "hours",
        "note",
        "status",
        "approved_by",
        "approved_at",
        "work_kind",
    ) | {
        "contract_id": ids.one("contract", item.contract),
        "corrects_id": ids.maybe(TimeEntry.kind, item.corrects),
        "project_id": ids.maybe("project", item.project),
        "change_order_id": ids.maybe("change_order", item.change_order),
    }


def _expense(item: Expense, ids: Ids) -> Values:
    return _plain(
        item, "person_name", "spent_on", "category", "description", "amount", "currency", "status", "approved_by",
        "receipt_uri", "tax_amount", "distance", "distance_unit", "per_diem_country", "day_fraction",
    ) | {
        "contract_id": ids.one("contract", item.contract),
        "project_id": ids.maybe("project", item.project),
    }  # fmt: skip


def _signal(item: Signal, ids: Ids) -> Values:
    return _plain(item, "event", "occurred_at") | {
        "contract_id": ids.maybe("contract", item.contract),
        "milestone_ids": ids.milestones(item.milestones),
        "note": item.text,
    }


def _billing_schedule(item: BillingSchedule, ids: Ids) -> Values:
    return _plain(item, "number", "name", "clause", "service_line", "terms") | {
        "contract_id": ids.one("contract", item.contract),
        "change_order_id": ids.maybe("change_order", item.change_order),
    }


def _reported(item: UsageRecord | ProgressReport, ids: Ids) -> Values:
    return {
        "contract_id": ids.one("contract", item.contract),
        "schedule_id": ids.one(BillingSchedule.kind, item.schedule),
        "schedule_ref": item.schedule,
    }


def _usage_record(item: UsageRecord, ids: Ids) -> Values:
    return _plain(item, "used_on", "quantity", "note", "status", "approved_by") | _reported(item, ids)


def _progress_report(item: ProgressReport, ids: Ids) -> Values:
    return _plain(item, "number", "as_of", "items", "status", "approved_by") | _reported(item, ids)


_BUILDERS: Final[dict[str, Callable[[Any, Ids], Values]]] = {
    Customer.kind: _customer,
    Project.kind: _project,
    Contract.kind: _contract,
    ChangeOrder.kind: _change_order,
    Milestone.kind: _milestone,
    Acceptance.kind: _acceptance,
    Evidence.kind: _evidence,
    RateCard.kind: _rate_card,
    TimeEntry.kind: _time_entry,
    Expense.kind: _expense,
    Signal.kind: _signal,
    BillingSchedule.kind: _billing_schedule,
    UsageRecord.kind: _usage_record,
    ProgressReport.kind: _progress_report,
}
