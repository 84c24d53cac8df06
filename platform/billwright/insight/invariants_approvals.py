"""Segregation of duties, where the answer needs the approval matrix or the people of the control plane."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import exists, select

from billwright.approvals.matrix import route
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import ContributorRow, InvoiceRow
from billwright.checks.tables import FindingRow, WaiverRow
from billwright.identity.tables import PersonRow
from billwright.insight import queries
from billwright.insight.invariants_base import Offender, Scope
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.tables import ConfigurationRow
from billwright.tenancy.transaction import control_transaction

CLOCKS_DIFFER: Final = timedelta(minutes=2)


def approved_own_work(scope: Scope) -> Iterator[Offender]:
    """Approvals by somebody who made or changed what the invoice bills, told by identifier or by e-mail."""
    rows = list(scope.tx.session.execute(queries.OWN_WORK))
    emails = _emails(scope, {row.decided_by for row in rows if row.decided_by is not None})
    for row in rows:
        if row.identity in (str(row.decided_by), emails.get(row.decided_by)):
            yield Offender(
                show("stp", row.subject),
                f"{row.decided_by_name} approved {show('inv', row.invoice)}, but {row.why} that it bills.",
            )


def waived_own_work(scope: Scope) -> Iterator[Offender]:
    """Waivers granted by whoever asked for them, made or changed what the invoice bills, or approved the invoice, too."""
    granted = select(
        WaiverRow.id,
        WaiverRow.invoice_id,
        WaiverRow.asked_by,
        WaiverRow.decided_by,
        WaiverRow.decided_by_name,
        WaiverRow.decided_by_email,
        ContributorRow.identity,
        ContributorRow.why,
        ApprovalStepRow.decided_by.label("approver"),
        ApprovalStepRow.decided_by_name.label("approver_name"),
    )
    granted = granted.outerjoin(ContributorRow, ContributorRow.invoice_id == WaiverRow.invoice_id)
    step = (ApprovalStepRow.invoice_id == WaiverRow.invoice_id) & (ApprovalStepRow.state == "approved")
    granted = granted.outerjoin(ApprovalStepRow, step).where(WaiverRow.state == "granted").order_by(WaiverRow.id)
    said: set[tuple[UUID, str]] = set()
    for row in scope.tx.session.execute(granted):
        invoice = show("inv", row.invoice_id)
        sentences = []
        if row.decided_by is None or row.decided_by == row.asked_by:
            sentences.append(f"Was granted by nobody else than who asked for it, on {invoice}.")
        if row.identity is not None and row.identity in (str(row.decided_by), row.decided_by_email):
            sentences.append(f"{row.decided_by_name} granted it on {invoice}, but {row.why} that it bills.")
        if row.approver is not None and row.approver in (row.asked_by, row.decided_by):
            sentences.append(f"{row.approver_name} had a hand in it and approved {invoice}, too.")
        for sentence in sentences:
            if (row.id, sentence) not in said:
                said.add((row.id, sentence))
                yield Offender(show("wvr", row.id), sentence)


def issued_past_findings(scope: Scope) -> Iterator[Offender]:
    """Issued invoices that a blocking finding held, with no waiver of it for the content that was issued."""
    waived = exists().where(
        WaiverRow.finding_id == FindingRow.id,
        WaiverRow.state == "granted",
        WaiverRow.content_sha256 == InvoiceRow.content_sha256,
    )
    query = (
        select(InvoiceRow.id, InvoiceRow.number, FindingRow.code)
        .join(FindingRow, FindingRow.invoice_id == InvoiceRow.id)
        .where(
            InvoiceRow.issued_at.is_not(None),
            FindingRow.resolved_at.is_(None),
            FindingRow.severity == "blocking",
            ~waived,
        )
        .order_by(InvoiceRow.id, FindingRow.id)
    )
    for row in scope.tx.session.execute(query):
        yield Offender(
            show("inv", row.id), f"Was issued as {row.number} past the finding {row.code}, which is not waived."
        )


def _emails(scope: Scope, person_ids: set[UUID]) -> dict[UUID, str]:
    if not person_ids:
        return {}
    query = select(PersonRow.id, PersonRow.email).where(PersonRow.id.in_(person_ids))
    with control_transaction(scope.database, SYSTEM) as tx:
        return {row.id: row.email.lower() for row in tx.session.execute(query)}


def steps_left_out(scope: Scope) -> Iterator[Offender]:
    """Issued invoices without all the approvals that the matrix asked for when they were routed.

    Within two minutes of a change of the matrix, the old and the new one both count as in force: hosts' clocks differ.
    """
    versions = _versions(scope)
    for row in scope.tx.session.execute(queries.ROUTES):
        if row.routed_at is None:
            yield Offender(show("inv", row.subject), "Was issued, but the approval matrix was never asked about it.")
            continue
        wanted = [_steps(configuration, row) for configuration in _in_force(versions, row.routed_at)]
        if not any(steps <= set(row.approved) for steps in wanted):
            missing = ", ".join(sorted(min(wanted, key=len) - set(row.approved)))
            yield Offender(show("inv", row.subject), f"Was issued as {row.number} without the approval of: {missing}.")


def _steps(configuration: TenantConfiguration, row: AnyRow) -> set[str]:
    net = Money(row.net_minor, row.currency)
    way = route(
        configuration.approvals, legal_entity=row.code, customer=row.ref, customer_name=row.customer_name, net=net
    )
    return set(way.steps)


def _versions(scope: Scope) -> list[tuple[datetime, TenantConfiguration]]:
    query = select(ConfigurationRow.made_at, ConfigurationRow.content).order_by(ConfigurationRow.version)
    rows = scope.tx.session.execute(query)
    return [(row.made_at, msgspec.convert(row.content, TenantConfiguration, strict=False)) for row in rows]


def _in_force(versions: list[tuple[datetime, TenantConfiguration]], moment: datetime) -> list[TenantConfiguration]:
    """The configuration at ``moment``; several where versions were made about then, for hosts' clocks differ; the default
    before any.
    """
    made_then = [configuration for made_at, configuration in versions if abs(made_at - moment) <= CLOCKS_DIFFER]
    before = [configuration for made_at, configuration in versions if made_at < moment - CLOCKS_DIFFER]
    return [*before[-1:], *made_then] or [TenantConfiguration()]
