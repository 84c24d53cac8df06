"""What many tenants cost: provisioning one, and the API's p95 with 10 and with 500 of them.

Run: ``make bench NAME=tenants`` (``N=500``: the large number). The tenants are named and branded after the real record's
suppliers; past the last of them the names come again. They hold no invoices: those of one supplier are more than those of
another, and the figure is to show what the number of tenants costs. The API is a process of its own; requests go round the
tenants, so that caches help neither side.
"""

import hashlib
import itertools
import statistics
import time
from dataclasses import replace

import httpx

from bench._harness import free_port, make_partner, make_tenant, median, parse, processes, servers, tell, wait_for
from bench._record_input import read_input
from billwright.extension.folders import TenantSeed
from billwright.identity.make_token import make_token
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

FEW = 10
REQUESTS = 600


def make_supplier(database: Database, partner: str, seed: TenantSeed) -> Tenant:
    """A tenant with the supplier's names and a brand of its own: name, type and a colour that its name decides."""
    digest = hashlib.sha256(seed.name.encode()).digest()
    slug = f"{seed.slug[:26].strip('-')}-{new_id().hex[-12:]}"
    entity = {
        "code": "MAIN", "name": seed.legal_entity[:120], "country": seed.country or "CH", "currency": "USD", "time_zone": "UTC",
        "default": True, "series": [{"document_type": "invoice", "pattern": "INV-{number:05d}"}],
    }  # fmt: skip
    brand = {
        "name": seed.name, "slug": slug, "font": ("sans", "serif")[digest[3] % 2], "radius_px": digest[4] % 25,
        "primary": "#" + bytes(part // 3 for part in digest[:3]).hex(),  # dark enough to read white text on
    }  # fmt: skip
    return make_tenant(
        database, partner, tenant={"slug": slug, "name": seed.name}, brand=brand, legal_entities=[entity]
    )


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
    given = parse(__doc__, 500)
    many = given.n
    record = read_input(synthetic=given.synthetic)
    with servers() as (settings, database):
        partner = make_partner(database)
        provisioning, tokens = [], []
        for seed in itertools.islice(itertools.cycle(record.folder.tenants), many):
            start = time.perf_counter()
            tenant = make_supplier(database, partner, seed)
            provisioning.append(time.perf_counter() - start)
            tokens.append(token_of(database, tenant))
        here = replace(settings, port=free_port())
        with processes(here, ["api"]), httpx.Client(base_url=f"http://127.0.0.1:{here.port}", timeout=30) as client:
            wait_for(lambda: _alive(client), what="the API")
            p95_ms(client, tokens)  # warm, and every schema touched once
            pairs = [(p95_ms(client, tokens[:FEW]), p95_ms(client, tokens)) for _ in range(given.pairs)]
    tell(
        "tenants",
        input=record.kind,
        n=many,
        suppliers=min(many, len(record.folder.tenants)),
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
