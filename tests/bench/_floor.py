"""The floor of the pipeline: the least durable work for the same invoices by plain psycopg, one transaction each."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from bench._record_input import Work

TABLES: Final = """
DROP SCHEMA IF EXISTS floor CASCADE;
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
HISTORY: Final = (
    "INSERT INTO floor.message SELECT gen_random_uuid(), '{}' FROM generate_series(1, %(n)s::int)",
    "INSERT INTO floor.item SELECT gen_random_uuid(), 'milestone:' || n, 100 FROM generate_series(%(from)s::int, %(to)s::int) n",
    "INSERT INTO floor.invoice SELECT gen_random_uuid(), n + 1, 100, jsonb_build_object('rest', repeat('y', 800))"
    " FROM generate_series(%(from)s::int, %(to)s::int) n",
    "INSERT INTO floor.line SELECT gen_random_uuid(), i.id, i.id, 100 FROM floor.invoice i WHERE i.number > %(from)s",
    "INSERT INTO floor.receivable SELECT gen_random_uuid(), id, 100 FROM floor.invoice WHERE number > %(from)s",
    "INSERT INTO floor.journal SELECT gen_random_uuid(), 'receivable', 100 FROM generate_series(1, 2 * %(n)s::int)",
    "INSERT INTO floor.audit SELECT gen_random_uuid(), 'issued', '{}' FROM generate_series(1, %(n)s::int)",
    "UPDATE floor.series SET next = next + %(n)s",
)
CONTENT: Final = {"seller": "Bench", "buyer": "Client", "rest": "y" * 800}


class Floor:
    """One connection, one table of each kind, and all invoices that were made in it so far."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.made = 0

    def empty(self) -> None:
        """Start anew, without any history."""
        self.connection.execute(TABLES)
        self.made = 0

    def fill(self, invoices: int) -> None:
        """Add ``invoices`` that were there before."""
        parameters = {"n": invoices, "from": self.made, "to": self.made + invoices - 1}
        for statement in HISTORY:
            self.connection.execute(statement, parameters)
        self.made += invoices

    def run(self, work: Work) -> float:
        """Seconds for all of it. An acceptance is stored with the first invoice that it brings."""
        start = time.perf_counter()
        for message, prices in zip(work.acceptances, work.prices, strict=True):
            body: str | None = bytes(message).decode()
            for price in prices:
                with self.connection.transaction():
                    self._invoice(self.connection.cursor(), body, price.minor)
                self.made += 1
                body = None
        return time.perf_counter() - start

    def _invoice(self, cursor: psycopg.Cursor[Any], body: str | None, minor: int) -> None:
        if body is not None:
            cursor.execute("INSERT INTO floor.message VALUES (gen_random_uuid(), %s)", (body,))
        item = "INSERT INTO floor.item VALUES (gen_random_uuid(), %s, %s) RETURNING id"
        item_id = _one(cursor.execute(item, (f"milestone:{self.made}", minor)))
        number = _one(cursor.execute("UPDATE floor.series SET next = next + 1 RETURNING next - 1"))
        content = json.dumps({"lines": [{"item": str(item_id), "net": minor}], **CONTENT})
        invoice = "INSERT INTO floor.invoice VALUES (gen_random_uuid(), %s, %s, %s) RETURNING id"
        invoice_id = _one(cursor.execute(invoice, (number, minor, content)))
        cursor.execute("INSERT INTO floor.line VALUES (gen_random_uuid(), %s, %s, %s)", (invoice_id, item_id, minor))
        cursor.execute("INSERT INTO floor.receivable VALUES (gen_random_uuid(), %s, %s)", (invoice_id, minor))
        journal = "INSERT INTO floor.journal VALUES (gen_random_uuid(), %s, %s), (gen_random_uuid(), %s, %s)"
        cursor.execute(journal, ("receivable", minor, "revenue", -minor))
        cursor.execute("INSERT INTO floor.audit VALUES (gen_random_uuid(), 'issued', %s)", (content,))


def _one(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row[0]


@contextmanager
def floor_of(database_url: str) -> Iterator[Floor]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        floor = Floor(connection)
        floor.empty()
        yield floor
