"""Rule sets of the operator, as checks need them."""

from sqlalchemy import select

from billwright.einvoice.checker import Rules
from billwright.einvoice.installed import InstalledRules
from billwright.einvoice.tables import EinvoiceRuleSetRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction


def list_rule_sets(database: Database) -> list[AnyRow]:
    """Rule sets in force, oldest first, without their content."""
    row = EinvoiceRuleSetRow
    columns = (row.id, row.name, row.applies_to, row.syntax, row.sha256, row.added_at)
    query = select(*columns).where(row.removed_at.is_(None)).order_by(row.id)
    with control_transaction(database, SYSTEM) as tx:
        return list(tx.session.execute(query).all())


def rules_of(database: Database) -> Rules:
    """Rule sets in force. One query; one more for each text that the checking process does not have yet."""
    installed = tuple(
        InstalledRules(name=row.name, applies_to=row.applies_to, syntax=row.syntax, sha256=row.sha256)
        for row in list_rule_sets(database)
    )
    return Rules(installed, lambda sha256: _text(database, sha256))


def _text(database: Database, sha256: str) -> str:
    query = select(EinvoiceRuleSetRow.content).where(EinvoiceRuleSetRow.sha256 == sha256).limit(1)
    with control_transaction(database, SYSTEM) as tx:
        return tx.session.scalars(query).one()
