"""Accepted milestones (as source messages) to issued, receivable-open invoices through all jobs, without PDF.

Run: ``make bench NAME=pipeline`` (``N=2000``: invoices per run). Baseline, on the same server in alternating runs: a psycopg
script that writes the least durable rows of the same invoice in one transaction each, on one connection.
"""

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from sqlalchemy import func, select

from bench._harness import make_partner, make_tenant, median, processes, servers, tell, wait_for
from billwright.billing.tables import InvoiceRow
from billwright.intake.store_messages import store_messages
from billwright.jobs.drain import drain
from billwright.kernel.actor import SYSTEM
from billwright.kernel.settings import Settings
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from billwright.web.composition import spine_handlers

PAIRS = 5


def event(kind: str, ref: str, data: dict[str, Any]) -> msgspec.Raw:
    now = datetime.now(UTC).isoformat()
    body = {
        "specversion": "1.0", "id": f"{kind}-{ref}", "source": "bench", "type": f"billwright.{kind}.v1", "time": now,
        "data": {"ref": ref, **data},
    }  # fmt: skip
    return msgspec.Raw(json.dumps(body).encode())


def seed(database: Database, tenant: Tenant, n: int) -> None:
    """Customer, contracts and milestones, all but the acceptance."""
    address = {"street": "Rue 1", "postal_code": "75001", "city": "Paris", "country": "FR"}
    events = [event("customer", "C", {"name": "Client SA", "address": address, "tax_id": "FR40303265045"})]
    for i in range(n):
        contract = {
            "number": f"K{i}",
            "customer": "C",
            "signed_on": "2026-01-10",
            "currency": "EUR",
            "value": "5000.00",
        }
        events.append(event("contract", f"K{i}", contract))
        milestone = {"contract": f"K{i}", "number": "1", "name": "Design", "amount": "1000.00", "currency": "EUR"}
        events.append(event("milestone", f"M{i}", milestone))
    for start in range(0, len(events), 500):
        store_messages(database, tenant, SYSTEM, events[start : start + 500], channel="api")
    drain(database, spine_handlers(), tenant_id=tenant.id)


def receivables(database: Database, tenant: Tenant) -> int:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        issued = tx.session.scalar(select(func.count()).select_from(InvoiceRow).where(InvoiceRow.number.is_not(None)))
        return min(issued or 0, tx.session.scalar(select(func.count()).select_from(ReceivableRow)) or 0)


def ours(database: Database, tenant: Tenant, n: int, batch: int) -> float:
    """Invoices per second, from the first message stored to the last receivable open. Workers run beside."""
    seed(database, tenant, n)
    decided = datetime.now(UTC).isoformat()
    events = [
        event(
            "acceptance",
            f"A{i}",
            {"contract": f"K{i}", "milestones": [f"M{i}"], "decision": "accepted", "decided_at": decided},
        )
        for i in range(n)
    ]
    start = time.perf_counter()
    for at in range(0, n, batch):
        store_messages(database, tenant, SYSTEM, events[at : at + batch], channel="api")
    wait_for(lambda: receivables(database, tenant) == n, what="issuing")
    return n / (time.perf_counter() - start)


FLOOR = """
CREATE SCHEMA floor;
CREATE TABLE floor.message (id uuid PRIMARY KEY, body jsonb NOT NULL);
CREATE TABLE floor.item (id uuid PRIMARY KEY, key text UNIQUE NOT NULL, amount bigint NOT NULL);
CREATE TABLE floor.series (name text PRIMARY KEY, next bigint NOT NULL);
CREATE TABLE floor.invoice (id uuid PRIMARY KEY, number bigint UNIQUE NOT NULL, net bigint NOT NULL, content jsonb NOT NULL);
CREATE TABLE floor.line (id uuid PRIMARY KEY, invoice uuid NOT NULL, item uuid NOT NULL, amount bigint NOT NULL);
CREATE TABLE floor.receivable (id uuid PRIMARY KEY, invoice uuid NOT NULL, open bigint NOT NULL);
CREATE TABLE floor.journal (id uuid PRIMARY KEY, account text NOT NULL, amount bigint NOT NULL);
CREATE TABLE floor.audit (id uuid PRIMARY KEY, what text NOT NULL, body jsonb NOT NULL);
INSERT INTO floor.series VALUES ('invoice', 1);
"""


def floor(connection: psycopg.Connection[Any], n: int, offset: int) -> float:
    """The same invoice with the least durable work: one transaction each, one connection."""
    body = json.dumps({"ref": "A", "milestones": ["M"], "decision": "accepted"})
    content = json.dumps(
        {"lines": [{"description": "Design", "net": 100000}], "seller": "Bench", "buyer": "Client"} | {"x": "y" * 800}
    )
    start = time.perf_counter()
    for i in range(n):
        with connection.transaction():
            cursor = connection.cursor()
            cursor.execute("INSERT INTO floor.message VALUES (gen_random_uuid(), %s)", (body,))
            cursor.execute(
                "INSERT INTO floor.item VALUES (gen_random_uuid(), %s, 100000) RETURNING id",
                (f"milestone:{offset + i}",),
            )
            item = cursor.fetchone()
            cursor.execute("UPDATE floor.series SET next = next + 1 RETURNING next - 1")
            number = cursor.fetchone()
            assert item is not None
            assert number is not None
            cursor.execute(
                "INSERT INTO floor.invoice VALUES (gen_random_uuid(), %s, 100000, %s) RETURNING id",
                (number[0], content),
            )
            invoice = cursor.fetchone()
            assert invoice is not None
            cursor.execute("INSERT INTO floor.line VALUES (gen_random_uuid(), %s, %s, 100000)", (invoice[0], item[0]))
            cursor.execute("INSERT INTO floor.receivable VALUES (gen_random_uuid(), %s, 100000)", (invoice[0],))
            cursor.execute(
                "INSERT INTO floor.journal VALUES (gen_random_uuid(), 'receivable', 100000),"
                " (gen_random_uuid(), 'revenue', -100000)"
            )
            cursor.execute("INSERT INTO floor.audit VALUES (gen_random_uuid(), 'issued', %s)", (body,))
    return n / (time.perf_counter() - start)


def measure(settings: Settings, database: Database, n: int, *, workers: int, batch: int) -> None:
    partner = make_partner(database)
    assert settings.database_url is not None
    mine: list[float] = []
    theirs: list[float] = []
    commands = [["dispatcher"], *([["worker", "--threads", "2"]] * workers)]
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS floor CASCADE")
        connection.execute(FLOOR)  # type: ignore[arg-type]  # a constant, not a literal string to the type checker
        with processes(settings, *commands):
            ours(database, make_tenant(database, partner), 50, batch)  # warm
            for pair in range(PAIRS):
                mine.append(ours(database, make_tenant(database, partner), n, batch))
                theirs.append(floor(connection, n, pair * n))
    tell(
        "pipeline",
        n=n,
        workers=workers,
        batch=batch,
        ours_per_s=round(median(mine), 1),
        baseline="one psycopg transaction per invoice, one connection",
        baseline_per_s=round(median(theirs), 1),
        ratio=round(median([a / b for a, b in zip(mine, theirs, strict=True)]), 3),
        goal=0.25 if batch > 1 else 0.10,
        elsewhere_per_s={
            "Tryton milestone invoicing": "0.9-2.3",
            "Odoo": "2.3-5.7",
        },  # on this kind of machine, not run here
    )


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with servers() as (settings, database):
        for batch in [int(each) for each in sys.argv[2:]] or (1, 100):
            for workers in (1, 2):
                measure(settings, database, n, workers=workers, batch=batch)


if __name__ == "__main__":
    main()
