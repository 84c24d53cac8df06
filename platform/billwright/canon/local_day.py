"""What day it is for a legal entity: money falls due, and invoices are dated, in its own time zone."""

from datetime import date

from sqlalchemy import ColumnElement, Date, cast, func

from billwright.canon.tables import LegalEntityRow
from billwright.tenancy.transaction import Tx


def today_of_entity(tx: Tx) -> ColumnElement[date]:
    """The entity's date at ``tx.now``, for queries that join ``LegalEntityRow``."""
    return cast(func.timezone(LegalEntityRow.time_zone, tx.now), Date)
