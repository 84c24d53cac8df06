"""What the settings pages read in the tenant. Each function is one query."""

from collections import defaultdict
from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select

from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.issuing.tables import NumberSeriesRow, SnapshotRow
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.tables import ConfigurationRow
from billwright.tenancy.transaction import Tx

VERSIONS: Final = 20


def legal_entities(tx: Tx) -> list[LegalEntityRow]:
    return list(tx.session.scalars(select(LegalEntityRow).order_by(LegalEntityRow.code)))


def number_series(tx: Tx) -> dict[UUID, list[NumberSeriesRow]]:
    """Number series by legal entity, the latest year first."""
    query = select(NumberSeriesRow).order_by(NumberSeriesRow.document_type.desc(), NumberSeriesRow.year.desc())
    found: defaultdict[UUID, list[NumberSeriesRow]] = defaultdict(list)
    for row in tx.session.scalars(query):
        found[row.legal_entity_id].append(row)
    return found


def customers_called(tx: Tx, called: Collection[str]) -> dict[str, CustomerRow]:
    """Customers by the source key or the name under which the approval matrix knows them."""
    query = select(CustomerRow).where(or_(CustomerRow.ref.in_(called), CustomerRow.name.in_(called)))
    found: dict[str, CustomerRow] = {}
    for row in tx.session.scalars(query.order_by(CustomerRow.id)):
        found |= {name: row for name in (row.name, row.ref) if name in called}
    return found


def versions(tx: Tx, *, cursor: str | None = None) -> Slice[ConfigurationRow]:
    """Versions of the configuration, the one in force first.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = select(ConfigurationRow).order_by(ConfigurationRow.version.desc()).limit(VERSIONS + 1)
    if cursor:
        query = query.where(ConfigurationRow.version < read_cursor(cursor, int)[0])
    return cut_page(tx.session.scalars(query).all(), VERSIONS, lambda row: (row.version,))


def version_before(tx: Tx, version: int) -> ConfigurationRow | None:
    """The version that ``version`` changed."""
    query = select(ConfigurationRow).where(ConfigurationRow.version < version)
    return tx.session.scalars(query.order_by(ConfigurationRow.version.desc()).limit(1)).one_or_none()


def last_issued(tx: Tx) -> AnyRow | None:
    """``number`` and frozen ``content`` of the invoice that was issued last: what previews are made of."""
    query = (
        select(InvoiceRow.id, InvoiceRow.number, SnapshotRow.content)
        .join(SnapshotRow, SnapshotRow.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.number.is_not(None))
        .order_by(InvoiceRow.issued_at.desc(), InvoiceRow.id.desc())
        .limit(1)
    )
    return tx.session.execute(query).one_or_none()
