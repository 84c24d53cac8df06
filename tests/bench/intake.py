"""Messages per second through POST /v1/messages in batches of 100, beside a bare Litestar endpoint that inserts the same rows.

Run: ``make bench NAME=intake`` (``N=10000``: messages per run). The messages are the real record's, in its order, of its
types and sizes, copied until there are enough: once as the record's own (``form`` is ``source``: kept as they came, mapped
later), once as the connector maps them to our own types (``native``: each is checked at the door). Both servers are
processes of their own with the same server software and settings; four clients post to each in alternating runs.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import httpx
import psycopg

from bench._harness import free_port, make_partner, make_tenant, median, parse, processes, servers, tell, wait_for
from bench._record_input import RecordInput, Template, read_input
from billwright.identity.make_token import make_token
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database

BATCH = 100
CLIENTS = 4


def bodies(templates: Sequence[Template], n: int) -> list[bytes]:
    """``n`` messages in batches, with identifiers that no other call gives."""
    run = new_id().hex[-12:]
    endless = (bytes(template.event(f"~{run}.{copy}")) for copy in count() for template in templates)
    messages = list(islice(endless, n))
    return [b"[" + b",".join(messages[at : at + BATCH]) + b"]" for at in range(0, n, BATCH)]


def per_s(url: str, token: str, parts: Sequence[bytes], n: int) -> float:
    """Messages per second over all clients."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def post(mine: Sequence[bytes]) -> None:
        with httpx.Client(timeout=60) as client:
            for body in mine:
                answer = client.post(url, content=body, headers=headers).raise_for_status().json()
                taken = answer.get("stored") or sum(each["status"] == "accepted" for each in answer["results"])
                assert taken == body.count(b'"specversion"'), answer

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(post, [parts[i::CLIENTS] for i in range(CLIENTS)]))
    return n / (time.perf_counter() - start)


def alive(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def both_servers(settings: Settings) -> Iterator[tuple[str, str]]:
    """Ours and the bare one; the URLs to post to."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS public.bare")
        connection.execute(
            "CREATE TABLE public.bare (id uuid PRIMARY KEY, source text, message_id text, type text, subject text,"
            " time timestamptz, data jsonb, received_at timestamptz, UNIQUE (source, message_id))"
        )
    port, bare_port = free_port(), free_port()
    script = str(Path(__file__).with_name("_bare_app.py"))
    bare = subprocess.Popen([sys.executable, script, settings.database_url, str(bare_port)])
    try:
        with processes(replace(settings, port=port), ["api"]):
            wait_for(lambda: alive(port, "/health/live") and alive(bare_port, "/alive"), what="both servers")
            yield f"http://127.0.0.1:{port}/v1/messages", f"http://127.0.0.1:{bare_port}/messages"
    finally:
        bare.terminate()
        bare.wait()


def fresh_token(database: Database, partner: str) -> str:
    """Of a new tenant: nobody works its deliveries off, and the door takes only so many that wait."""
    tenant = make_tenant(database, partner)
    scopes = frozenset({"message:write"})
    made = make_token(
        database, SYSTEM, partner_id=tenant.partner_id, tenant=tenant, name="bench", scopes=scopes, days=1
    )
    return made.secret


def measure(
    urls: tuple[str, str], new_token: Callable[[], str], record: RecordInput, form: str, n: int, *, pairs_run: int
) -> None:
    """Print the line of one form of the messages."""
    templates = record.templates if form == "source" else record.native

    def run(size: int) -> tuple[float, float]:
        token = new_token()
        mine, theirs = (per_s(url, token, bodies(templates, size), size) for url in urls)
        return mine, theirs

    run(min(n, 1_000))  # warm
    pairs = [run(n) for _ in range(pairs_run)]
    tell(
        "intake",
        input=record.kind,
        form=form,
        n=n,
        batch=BATCH,
        message_bytes=sum(len(each.body) for each in templates) // len(templates),
        ours_per_s=round(median([pair[0] for pair in pairs])),
        baseline="bare Litestar endpoint, one executemany per batch",
        baseline_per_s=round(median([pair[1] for pair in pairs])),
        ratio=round(median([pair[0] / pair[1] for pair in pairs]), 3),
        goal=0.5,
    )


def main() -> None:
    given = parse(__doc__, 10_000)
    record = read_input(synthetic=given.synthetic)
    with servers() as (settings, database):
        partner = make_partner(database)
        with both_servers(settings) as urls:
            for form in ("source", "native"):
                measure(urls, lambda: fresh_token(database, partner), record, form, given.n, pairs_run=given.pairs)


if __name__ == "__main__":
    main()
