"""From the record's acceptances to issued invoices, through all jobs: what the pipeline and the growth bench have in common."""

import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from msgspec.structs import replace
from sqlalchemy import func, select

from bench._harness import MASTER_KEY, wait_for
from bench._record_input import CONNECTOR, RecordInput, Work
from billwright.billing.tables import InvoiceRow
from billwright.cli.import_command import import_blueprint
from billwright.cli.importing import find_connection
from billwright.intake.store_messages import Connection, store_messages
from billwright.issuing.tables import NumberSeriesRow
from billwright.jobs.drain import drain
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.composition import spine_handlers
from billwright_tenants.apply import apply_blueprint

FACTS_BATCH: Final = 500
LOOK_S: Final = 0.02  # looking more often would take the time of what is looked at
OPEN: Final = ("queued", "retry", "leased")


@dataclass(frozen=True, slots=True)
class Firm:
    """A tenant as the import makes it (its rules, its connection), but with the real clock and all suppliers in one."""

    database: Database
    tenant: Tenant
    connection: Connection
    expected: dict[str, Decimal] = field(default_factory=dict)
    """Net by currency of all that it was given to issue, as the oracle says."""

    @classmethod
    def make(cls, database: Database, partner: str, record: RecordInput) -> "Firm":
        imported = import_blueprint(f"b-{new_id().hex[-12:]}", record.folder.tenants[0], CONNECTOR)
        blueprint = replace(imported, tenant=replace(imported.tenant, sandbox=False))
        tenant = apply_blueprint(database, partner, blueprint, SYSTEM, master_key=MASTER_KEY).tenant
        return cls(database, tenant, find_connection(database, tenant, CONNECTOR))

    def learn(self, work: Work) -> None:
        """All that is known before the acceptances; returns when nothing is under way any more."""
        for at in range(0, len(work.facts), FACTS_BATCH):
            self._store(work, "facts", at, FACTS_BATCH)
        drain(self.database, spine_handlers(), tenant_id=self.tenant.id)
        self.wait_until_quiet()

    def issue(self, work: Work, batch: int, *, within_s: float = 600) -> float:
        """Seconds from the first acceptance stored to the last receivable open. The workers run beside.

        Returns when nothing is under way behind it; ends the bench where the result is not the oracle's.
        """
        wanted = self.numbered() + work.invoices
        start = time.perf_counter()
        for at in range(0, len(work.acceptances), batch):
            self._store(work, "acceptances", at, batch)
        wait_for(lambda: self.numbered() >= wanted, what="issuing", within_s=within_s, pause_s=LOOK_S)
        seconds = time.perf_counter() - start
        for code, total in work.totals.items():
            self.expected[code] = self.expected.get(code, Decimal(0)) + total
        self.wait_until_quiet()
        self._check(wanted)
        return seconds

    def _store(self, work: Work, which: str, at: int, batch: int) -> None:
        events = (work.facts if which == "facts" else work.acceptances)[at : at + batch]
        results = store_messages(self.database, self.tenant, SYSTEM, events, channel="file", connection=self.connection)
        refused = [result for result in results if result.status != "accepted"]
        assert not refused, refused[0]

    def numbered(self) -> int:
        """Invoices issued so far, by the counter: one row, however many there are. Its receivables commit with it."""
        with transaction(self.database, self.tenant, SYSTEM, read_only=True) as tx:
            return tx.session.scalar(select(func.sum(NumberSeriesRow.next_number - 1))) or 0

    def wait_until_quiet(self) -> None:
        wait_for(lambda: not self._under_way(), what="the end of all jobs", pause_s=0.05)

    def _under_way(self) -> int:
        with control_transaction(self.database, SYSTEM) as tx:
            due = (JobRow.tenant_id == self.tenant.id, JobRow.state.in_(OPEN), JobRow.run_at <= tx.now)
            return tx.session.scalar(select(func.count()).select_from(JobRow).where(*due)) or 0

    def _check(self, wanted: int) -> None:
        """End the bench unless all invoices so far are those that the oracle expects, each with its receivable.

        Raises:
            SystemExit: a number or a total differs.
        """
        with transaction(self.database, self.tenant, SYSTEM, read_only=True) as tx:
            sums = select(InvoiceRow.currency, func.sum(InvoiceRow.net_minor)).where(InvoiceRow.number.is_not(None))
            rows = tx.session.execute(sums.group_by(InvoiceRow.currency)).all()
            receivables = tx.session.scalar(select(func.count()).select_from(ReceivableRow))
        found = {code: Money(int(net), code).decimal for code, net in rows}
        if found != self.expected or receivables != wanted or self.numbered() != wanted:
            raise SystemExit(
                f"Wrong: {self.numbered()} invoices, {receivables} receivables, {found}; expected {wanted}, {self.expected}."
            )
