"""Long lists of a firm, and what a list's page and file say."""

import csv
import re
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert

from billwright.audit.record import entry_values, record_many
from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import InvoiceRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm
from support.visitors import Person


def many_invoices(firm: Firm, count: int) -> None:
    """``count`` copies of the firm's first draft; every third has a number, every second a due day, pairs share a moment."""
    like = firm.invoices()[0]
    copied = {column.key: getattr(like, column.key) for column in InvoiceRow.__table__.columns}
    rows: list[dict[str, Any]] = []
    for place in range(count):
        number = f"COPY-{place:04d}" if place % 3 == 0 else None
        rows.append(
            copied
            | {
                "id": new_id(),
                "group_key": f"copy-{place}",
                "gross_minor": place * 100 + 1,
                "phase": "issued" if number else "validation_pending",
                "detail": "issued" if number else "blocked",
                "number": number,
                "issued_at": firm.clock.now() if number else None,
                "issued_on": firm.clock.now().date() if number else None,
                "due_on": firm.clock.now().date() + timedelta(days=place) if place % 2 else None,
                "updated_at": firm.clock.now() + timedelta(minutes=place // 2),
            }
        )
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(insert(InvoiceRow), rows)


def many_entries(firm: Firm, count: int) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        record_many(tx, [entry_values(tx, "item.counted", "item", None, reason=f"entry {n}") for n in range(count)])


def entries(firm: Firm, action: str) -> list[AuditEntryRow]:
    """The audit entries of that action, oldest first."""
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        query = tx.session.query(AuditEntryRow).where(AuditEntryRow.action == action)
        return list(query.order_by(AuditEntryRow.id))


def file_of(person: Person, name: str, **asked: str) -> list[dict[str, str]]:
    """The CSV file of a list: a row is its cells by heading."""
    answer = person.client.get(f"{person.base}/lists/{name}/export.csv?{urlencode(asked)}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8", answer.headers
    return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"), newline="")))


def links(page: str, start: str = "") -> dict[str, str]:
    """Words of each link of the page's content to its address, without what only screen readers hear."""
    found = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', page.partition("<main")[2], flags=re.DOTALL)
    said = {}
    for address, inside in found:
        seen = re.sub(r'<span class="hidden">.*?</span>|<svg.*?</svg>|<[^>]+>', " ", inside, flags=re.DOTALL)
        words = " ".join(unescape(seen).replace("\u00a0", " ").split())
        if words.startswith(start):
            said[words] = unescape(address)
    return said


def walk(person: Person, path: str) -> list[list[str]]:
    """What opens each row, page by page, following the link to the next one."""
    pages = []
    while path:
        status, page = person.get(path)
        assert status == 200, page
        pages.append(re.findall(r'<a class="open" href="([^"]+)"', page))
        found = re.search(r'href="([^"]+)" rel="next"', page)
        path = unescape(found.group(1)).removeprefix(f"{person.base}/") if found else ""
    return pages
