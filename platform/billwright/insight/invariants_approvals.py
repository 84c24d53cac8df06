"""Segregation of duties, where the answer needs the approval matrix or the people of the control plane."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select

from billwright.approvals.matrix import route
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


def _emails(scope: Scope, person_ids: set[UUID]) -> dict[UUID, str]:
    if not person_ids:
        return {}
    query = select(PersonRow.id, PersonRow.email).where(PersonRow.id.in_(person_ids))
    with control_transaction(scope.database, SYSTEM) as tx:
        return {row.id: row.email.lower() for row in tx.session.execute(query)}


def steps_left_out(scope: Scope) -> Iterator[Offender]:
    """Issued invoices without all the approvals that the matrix asked for when they were routed.

    At the very moment of a change of the matrix, the old and the new one both count as in force.
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
    """The configuration at ``moment``; several where versions were made at that very moment; the default before any."""
    made_then = [configuration for made_at, configuration in versions if made_at == moment]
    before = [configuration for made_at, configuration in versions if made_at < moment]
    return [*before[-1:], *made_then] or [TenantConfiguration()]
