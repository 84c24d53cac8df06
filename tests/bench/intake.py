"""Messages per second through POST /v1/messages in batches of 100, beside a bare Litestar endpoint that inserts the same rows.

Run: ``make bench NAME=intake`` (``N=10000``: messages per run). Both servers are processes of their own with the same
server software and settings; four clients post to each in alternating runs.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg

from bench._harness import make_partner, make_tenant, median, processes, servers, tell, wait_for
from billwright.identity.make_token import make_token
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id

PAIRS = 5
BATCH = 100
CLIENTS = 4
PORT, BARE_PORT = 8798, 8799


def bodies(n: int) -> list[bytes]:
    """Batches of accepted milestones, each with identifiers of its own."""
    now = datetime.now(UTC).isoformat()
    made = []
    for _ in range(n // BATCH):
        batch = []
        for i in range(BATCH):
            key = new_id().hex
            data = {
                "ref": key, "contract": f"K{i}", "milestones": [f"M{i}"], "decision": "accepted", "decided_at": now,
                "decided_by": "Client PM",
            }  # fmt: skip
            event = {
                "specversion": "1.0", "id": key, "source": "bench", "type": "billwright.acceptance.v1", "time": now,
                "subject": f"M{i}", "data": data,
            }  # fmt: skip
            batch.append(event)
        made.append(json.dumps(batch).encode())
    return made


def per_s(url: str, token: str, n: int) -> float:
    """Messages per second over all clients."""
    parts = bodies(n)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def post(mine: list[bytes]) -> None:
        with httpx.Client(timeout=60) as client:
            for body in mine:
                client.post(url, content=body, headers=headers).raise_for_status()

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(post, [parts[i::CLIENTS] for i in range(CLIENTS)]))
    return n / (time.perf_counter() - start)


def alive(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with servers() as (settings, database):
        tenant = make_tenant(database, make_partner(database))
        token = make_token(
            database, SYSTEM, partner_id=tenant.partner_id, tenant=tenant, name="bench",
            scopes=frozenset({"message:write"}), days=1,
        ).secret  # fmt: skip
        assert settings.database_url is not None
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE public.bare (id uuid PRIMARY KEY, source text, message_id text, type text, subject text,"
                " time timestamptz, data jsonb, received_at timestamptz, UNIQUE (source, message_id))"
            )
        bare = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("_bare_app.py")), settings.database_url, str(BARE_PORT)]
        )
        try:
            with processes(replace(settings, port=PORT), ["api"]):
                wait_for(lambda: alive(PORT, "/health/live") and alive(BARE_PORT, "/alive"), what="both servers")
                urls = (f"http://127.0.0.1:{PORT}/v1/messages", f"http://127.0.0.1:{BARE_PORT}/messages")
                for url in urls:
                    per_s(url, token, 1_000)
                pairs = [tuple(per_s(url, token, n) for url in urls) for _ in range(PAIRS)]
        finally:
            bare.terminate()
            bare.wait()
    tell(
        "intake",
        n=n,
        batch=BATCH,
        ours_per_s=round(median([pair[0] for pair in pairs])),
        baseline="bare Litestar endpoint, one executemany per batch",
        baseline_per_s=round(median([pair[1] for pair in pairs])),
        ratio=round(median([pair[0] / pair[1] for pair in pairs]), 3),
        goal=0.5,
    )


if __name__ == "__main__":
    main()
