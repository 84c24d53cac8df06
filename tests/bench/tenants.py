"""What many tenants cost: provisioning one, and the API's p95 with 10 and with 500 of them.

Run: ``make bench NAME=tenants`` (``N=500``: the large number). The API is a process of its own; requests go round the
tenants, so that caches help neither side.
"""

import itertools
import statistics
import sys
import time
from dataclasses import replace

import httpx

from bench._harness import make_partner, make_tenant, median, processes, servers, tell, wait_for
from billwright.identity.make_token import make_token
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

FEW = 10
REQUESTS = 600
PORT = 8797


def token_of(database: Database, tenant: Tenant) -> str:
    scopes = frozenset({"invoice:read", "item:read"})
    made = make_token(
        database, SYSTEM, partner_id=tenant.partner_id, tenant=tenant, name="bench", scopes=scopes, days=1
    )
    return made.secret


def p95_ms(client: httpx.Client, tokens: list[str]) -> float:
    """Of ``REQUESTS`` requests, one after the other, each of another tenant."""
    times = []
    for token in itertools.islice(itertools.cycle(tokens), REQUESTS):
        start = time.perf_counter()
        client.get("/v1/invoices", headers={"Authorization": f"Bearer {token}"}).raise_for_status()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.quantiles(times, n=20)[-1]


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with servers() as (settings, database):
        partner = make_partner(database)
        provisioning, tokens = [], []
        for _ in range(many):
            start = time.perf_counter()
            tenant = make_tenant(database, partner)
            provisioning.append(time.perf_counter() - start)
            tokens.append(token_of(database, tenant))
        here = replace(settings, port=PORT)
        with processes(here, ["api"]), httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=30) as client:
            wait_for(lambda: _alive(client), what="the API")
            p95_ms(client, tokens)  # warm, and every schema touched once
            pairs = [(p95_ms(client, tokens[:FEW]), p95_ms(client, tokens)) for _ in range(5)]
    tell(
        "tenants",
        n=many,
        provisioning_s=round(median(provisioning), 3),
        provisioning_max_s=round(max(provisioning), 3),
        provisioning_last_ten_s=round(median(provisioning[-10:]), 3),
        baseline=f"p95 with {FEW} tenants",
        p95_ms=round(median([pair[1] for pair in pairs]), 1),
        baseline_p95_ms=round(median([pair[0] for pair in pairs]), 1),
        ratio=round(median([pair[1] / pair[0] for pair in pairs]), 2),
        goal=1.2,
    )


def _alive(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
