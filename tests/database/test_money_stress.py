"""Eight workers over few contracts, all kinds of jobs at once, facts in disorder: nothing dies, nothing breaks an invariant."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from billwright.approvals.decide_step import decide_step
from billwright.billing.tables import InvoiceRow
from billwright.checks.submit_draft import submit_draft
from billwright.jobs.claim import claim
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import DomainError
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import control_transaction, transaction
from support.pipeline import AUTOMATIC, Firm, person
from support.races import offenders

SEND_S = 8.0
WORKERS = 5
CONTRACTS = ("K1", "K2", "K3", "K4")
RIGHTS = ("invoice:approve_manager", "invoice:approve_finance", "invoice:submit")
MATRIX = (ApprovalRule(name="large", at_least=500, steps=("manager", "finance")), *AUTOMATIC)  # type: ignore[arg-type] # an int does for a Decimal


class Turmoil:
    """Threads that send, work and decide until told to stop."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.stop = threading.Event()
        self.sent = threading.Lock()
        self.moment = 0

    def event(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        with self.sent:
            self.moment += 1
            event = self.firm.event(kind, data)
            event["time"] = (self.firm.clock.now() + timedelta(seconds=self.moment)).isoformat()
            return event

    def facts(self, dice: random.Random) -> dict[str, Any]:
        data: dict[str, Any]
        contract = dice.choice(CONTRACTS)
        now = self.firm.clock.now().isoformat()
        match dice.randrange(8):
            case 0:
                address = {"city": "Town", "country": dice.choice(["FR", "DE", "US"])}
                return self.event("customer", {"ref": dice.choice(["C1", "C2"]), "name": "Client", "address": address})
            case 1:
                data = {"ref": contract, "number": contract, "customer": dice.choice(["C1", "C1", "C2"])}
                data |= {"project": dice.choice(["P1", "P2"]), "grouping": dice.choice(["immediate", "each"])}
                return self.event(
                    "contract", {**data, "currency": "EUR", "billing": "mixed", "signed_on": "2026-01-10"}
                )
            case 2 | 3:
                ref = f"M{dice.randrange(12)}"
                data = {"ref": ref, "contract": contract, "number": ref, "amount": f"{dice.randrange(1, 999)}.00"}
                return self.event("milestone", {**data, "currency": dice.choice(["EUR", "EUR", "USD"])})
            case 4 | 5:
                ref = f"M{dice.randrange(12)}"
                data = {"ref": f"A{self.moment}", "contract": contract, "milestones": [ref], "decided_at": now}
                return self.event("acceptance", {**data, "decision": dice.choice(["accepted", "accepted", "reopened"])})
            case _:
                data = {"ref": f"T{dice.randrange(30)}", "contract": contract, "person_name": "Jo", "role": "Senior"}
                data |= {"worked_on": f"2026-02-{dice.randrange(1, 28):02d}", "hours": str(dice.randrange(1, 9))}
                return self.event("time_entry", {**data, "status": "approved", "approved_by": "Lead"})

    def send(self, seed: int) -> int:
        dice, sent = random.Random(seed), 0
        while not self.stop.is_set():
            self.firm.store([self.facts(dice) for _ in range(dice.randrange(1, 6))])
            sent += 1
        return sent

    def work(self, seed: int) -> int:
        done = 0
        while not self.stop.is_set():
            for lease in claim(self.firm.database, self.firm.handlers, tenant_id=self.firm.tenant.id, per_tenant=7):
                done += do_lease(self.firm.database, self.firm.handlers, lease.id)
            time.sleep(0.001)
        return done

    def decide(self, seed: int) -> int:
        dice, decided = random.Random(seed), 0
        people = [person(name, *RIGHTS) for name in ("Max Manager", "Fin Ance")]
        database, tenant = self.firm.database, self.firm.tenant
        while not self.stop.is_set():
            time.sleep(0.02)
            for row in self.firm.invoices():
                actor = dice.choice(people)
                try:
                    if row.detail in ("blocked", "returned"):
                        submit_draft(database, tenant, actor, row.id)
                    elif row.detail.startswith("awaiting_"):
                        decision = dice.choice(["approve", "approve", "approve", "return"])
                        decide_step(database, tenant, actor, row.id, decision=decision,  # type: ignore[arg-type] # one of both
                                    content_sha256=row.content_sha256, reason="Look again.")  # fmt: skip
                    decided += 1
                except DomainError:
                    continue
        return decided


def deadlocks(firm: Firm) -> int:
    """How many PostgreSQL had to break in this database so far."""
    query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    with firm.database.owner_engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        return int(connection.execute(query).scalar_one())


@pytest.mark.slow
def test_eight_threads_over_four_contracts_break_nothing(make_firm: Callable[[TenantConfiguration], Firm]) -> None:
    firm = make_firm(TenantConfiguration(approvals=MATRIX, render_documents=False, deliver_by_mail=False))
    firm.customer("C1")
    firm.customer("C2", po_required=True)
    for ref in CONTRACTS:
        firm.contract(ref, project="P1", billing="mixed")
        rates = [{"role": "", "hourly": "100", "effective_from": "2026-01-01"}]
        firm.send("rate_card", ref=f"R-{ref}", contract=ref, currency="EUR", rates=rates)
    for ref in ("P1", "P2"):
        firm.send("project", ref=ref, name=ref, customer="C1")
    turmoil, broken_before = Turmoil(firm), deadlocks(firm)
    threads = [*[turmoil.work] * WORKERS, turmoil.send, turmoil.send, turmoil.decide]
    with ThreadPoolExecutor(len(threads)) as pool:
        futures = [pool.submit(run, seed) for seed, run in enumerate(threads)]
        turmoil.stop.wait(SEND_S)
        turmoil.stop.set()
        counts = [future.result() for future in futures]
    firm.drain()
    firm.clock.moment += timedelta(hours=2)  # what backed off: a fact may move in the very moment of an evaluation
    firm.drain()
    with control_transaction(firm.database, SYSTEM) as tx:
        query = select(JobRow.kind, JobRow.state, JobRow.error_class, JobRow.error).where(
            JobRow.tenant_id == firm.tenant.id,
            JobRow.state.in_(("dead", "leased")) | (JobRow.error_class != "transient"),
        )
        failed = [tuple(row) for row in tx.session.execute(query)]
    assert failed == []
    assert offenders(firm) == []
    assert deadlocks(firm) == broken_before
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        issued = tx.session.scalar(select(func.count()).where(InvoiceRow.issued_at.is_not(None)))
    # A turmoil in which nothing happens proves nothing.
    assert issued is not None
    assert min(issued, *counts) > 0, counts
