"""Server time of every page of the portal, over loopback, for a tenant with at least 2,000 invoices.

Run: ``make bench NAME=portal`` (``N=2000``: invoices). The pages come from ``billwright api``, a process of its own; one
browser asks for one page at a time. Baseline, in alternating runs: a bare Litestar page in a process of the same server
software that renders the portal's shell and asks nothing of a database.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sqlalchemy import func, select

from bench._harness import make_partner, make_tenant, median, processes, servers, tell, wait_for
from billwright.billing.tables import InvoiceRow
from billwright.identity.act import operator
from billwright.identity.add_person import ensure_person
from billwright.identity.assign_role import give_role
from billwright.identity.passwords import hash_password
from billwright.intake.store_messages import store_messages
from billwright.jobs.drain import drain
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.composition import spine_handlers
from billwright.web.portal.navigation import ROOMS

ROUNDS = 15
BATCH = 500
PORT, BARE_PORT = 8796, 8797
PASSWORD = "correct horse battery"
EMAIL, STAFF = "everything@bench.example", "staff@bench.example"
ROLES = ("manager_approver", "finance_approver", "auditor")
GOAL_MS = 100
APPROVALS = [{"name": "large", "at_least": "2800", "steps": ["manager", "finance"]}, {"name": "automatic", "steps": []}]
"""The largest wait for an approver, so that the inbox is full."""


def event(kind: str, ref: str, data: dict[str, Any]) -> msgspec.Raw:
    body = {
        "specversion": "1.0", "id": f"{kind}-{ref}", "source": "bench", "type": f"billwright.{kind}.v1",
        "time": datetime.now(UTC).isoformat(), "data": {"ref": ref, **data},
    }  # fmt: skip
    return msgspec.Raw(json.dumps(body).encode())


def facts(n: int) -> Iterator[msgspec.Raw]:
    """``n`` accepted milestones; every twelfth is of a customer whose purchase order is missing: its draft is held."""
    address = {"street": "Rue 1", "postal_code": "75001", "city": "Paris", "country": "FR"}
    now = datetime.now(UTC).isoformat()
    for i in range(40):
        yield event("customer", f"C{i}", {"name": f"Client {i}", "address": address, "po_required": i % 12 == 11})
    for i in range(n):
        contract = {
            "number": f"K{i}", "customer": f"C{i % 40}", "signed_on": "2026-01-10", "currency": "EUR", "value": "50000.00",
        }  # fmt: skip
        stone = {"contract": f"K{i}", "number": "1", "name": "Design", "amount": f"{1_000 + i}.00", "currency": "EUR"}
        accepted = {"contract": f"K{i}", "milestones": [f"M{i}"], "decision": "accepted", "decided_at": now}
        yield event("contract", f"K{i}", contract)
        yield event("milestone", f"M{i}", stone)
        yield event("milestone", f"W{i}", {**stone, "number": "2", "name": "Build"})  # waits for its acceptance
        yield event("acceptance", f"A{i}", accepted)


def seed(database: Database, tenant: Tenant, n: int) -> None:
    events = list(facts(n))
    for start in range(0, len(events), BATCH):
        store_messages(database, tenant, SYSTEM, events[start : start + BATCH], channel="api")
    drain(database, spine_handlers(), tenant_id=tenant.id)


def people(database: Database, tenant: Tenant) -> None:
    """Somebody who sees every room, and somebody of the partner."""
    with control_transaction(database, operator()) as tx:
        hashed = hash_password(PASSWORD)
        for email, roles, place in ((EMAIL, ROLES, tenant.id), (STAFF, ("support",), None)):
            row, _ = ensure_person(tx, tenant.partner_id, email=email, name="Bench", password_hash=hashed)
            for role in roles:
                give_role(tx, row.id, role, partner_id=tenant.partner_id, tenant_id=place)


def paths(database: Database, tenant: Tenant) -> dict[str, str]:
    """Name to address: every room of the rail, one invoice, and search."""
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        issued = select(InvoiceRow.id).where(InvoiceRow.number.is_not(None)).order_by(InvoiceRow.id)
        invoice = tx.session.scalars(issued.limit(1)).one()
        count = tx.session.scalar(select(func.count()).select_from(InvoiceRow))
    assert count is not None
    base = f"/t/{tenant.slug}"
    rooms = {room.name: f"{base}/{room.path}" for room in ROOMS}
    return {**rooms, "invoice": f"{base}/invoices/{show('inv', invoice)}", "search": f"{base}/search?q=client"}


@contextmanager
def logged_in(partner: str, email: str) -> Iterator[httpx.Client]:
    """A client with a session; log-in needs the same site, as a browser says it."""
    site = f"http://127.0.0.1:{PORT}"
    with httpx.Client(base_url=site, timeout=30, headers={"accept": "text/html"}) as client:
        answer = client.post(
            f"/p/{partner}/login", data={"email": email, "password": PASSWORD}, headers={"origin": site}
        )
        assert answer.status_code == 303, answer.text
        yield client


def once_ms(client: httpx.Client, path: str) -> float:
    start = time.perf_counter()
    answer = client.get(path)
    taken = (time.perf_counter() - start) * 1000
    assert answer.status_code == 200, (path, answer.status_code, re.sub(r"<[^>]+>", "", answer.text)[:400])
    return taken


def alive(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def measure(pages: Mapping[str, tuple[httpx.Client, str]]) -> dict[str, list[float]]:
    """Milliseconds of each page, in rounds over all pages, so that whatever disturbs disturbs them alike."""
    taken: dict[str, list[float]] = {name: [] for name in pages}
    for turn in range(ROUNDS + 2):
        for name, (client, path) in pages.items():
            if (ms := once_ms(client, path)) and turn >= 2:  # the first two warm up
                taken[name].append(ms)
    return taken


def p95(values: list[float]) -> float:
    return sorted(values)[-(-len(values) * 95 // 100) - 1]


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with servers() as (settings, database):
        partner = make_partner(database)
        tenant = make_tenant(database, partner, approvals=APPROVALS)
        seed(database, tenant, n)
        people(database, tenant)
        bare = subprocess.Popen([sys.executable, str(Path(__file__).with_name("_bare_page.py")), str(BARE_PORT)])
        try:
            with processes(replace(settings, port=PORT), ["api"]):
                wait_for(lambda: alive(PORT, "/health/live") and alive(BARE_PORT, "/alive"), what="both servers")
                with (
                    logged_in(partner, EMAIL) as person,
                    logged_in(partner, STAFF) as staff,
                    httpx.Client(base_url=f"http://127.0.0.1:{BARE_PORT}", timeout=30) as stranger,
                ):
                    pages = {name: (person, path) for name, path in paths(database, tenant).items()}
                    pages |= {"partner": (staff, "/"), "bare shell": (stranger, "/")}
                    taken = measure(pages)
        finally:
            bare.terminate()
            bare.wait()
    base = median(taken.pop("bare shell"))
    figures = {
        name: {"median_ms": round(median(ms), 1), "p95_ms": round(p95(ms), 1)}
        for name, ms in sorted(taken.items(), key=lambda each: -median(each[1]))
    }
    slowest = max(each["median_ms"] for each in figures.values())
    tell(
        "portal",
        n=n,
        input="synthetic",
        pages=figures,
        slowest_median_ms=slowest,
        over_goal=[name for name, each in figures.items() if each["median_ms"] > GOAL_MS],
        goal_ms=GOAL_MS,
        baseline="bare Litestar page that renders the same shell, no query",
        baseline_ms=round(base, 1),
        ratio=round(slowest / base, 1),
    )


if __name__ == "__main__":
    main()
