"""Frozen content and stored files against their hashes: what only the hash function itself can tell."""

from collections.abc import Iterator
from typing import Final

import msgspec
from sqlalchemy import select

from billwright.documents.errors import DocumentDamagedError
from billwright.documents.tables import DocumentRow
from billwright.extension.connectors import TransientError
from billwright.insight.invariants_base import Offender, Scope
from billwright.issuing.content import InvoiceContent
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.canonical_json import sha256_hex
from billwright.kernel.ids import show

ROWS_AT_ONCE: Final = 500  # contents are large: never all in memory


def changed_content(scope: Scope) -> Iterator[Offender]:
    """Frozen contents whose hash, computed now, is not the one that was kept."""
    query = select(SnapshotRow.invoice_id, SnapshotRow.content, SnapshotRow.sha256)
    for row in scope.tx.session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        subject = show("inv", row.invoice_id)
        try:
            content = msgspec.convert(row.content, InvoiceContent, strict=False)
        except msgspec.ValidationError as error:
            yield Offender(subject, f"Its frozen content cannot be read: {error}.")
            continue
        if content.invoice_id != subject:
            yield Offender(subject, f"Its frozen content is that of {content.invoice_id}.")
        # Of what is stored, not of what is read from it: fields that came later have defaults there, and hash differently.
        if sha256_hex(row.content) != row.sha256:
            yield Offender(subject, "Its frozen content no longer has the hash that was kept when it was issued.")


def damaged_files(scope: Scope) -> Iterator[Offender]:
    """Documents whose stored file is missing or holds something else; nothing when no store is given."""
    if scope.store is None:
        return
    query = select(DocumentRow.id, DocumentRow.name, DocumentRow.sha256)
    for row in scope.tx.session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        try:
            scope.store.read(scope.tenant.id, row.sha256)
        except (DocumentDamagedError, TransientError) as error:
            yield Offender(show("doc", row.id), f"{row.name}: {error}")
