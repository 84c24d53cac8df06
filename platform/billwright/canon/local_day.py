"""What day it is for a legal entity: money falls due, and invoices are dated, in its own time zone."""

from datetime import date, datetime

from sqlalchemy import ColumnElement, Date, cast, func

from billwright.canon.tables import LegalEntityRow
from billwright.tenancy.transaction import Tx


def today_of_entity(tx: Tx) -> ColumnElement[date]:
    """The entity's date at ``tx.now``, for queries that join ``LegalEntityRow``."""
    return today_at(tx.now)


def today_at(now: datetime | ColumnElement[datetime]) -> ColumnElement[date]:
    """The entity's date at ``now``, which may be a parameter of a statement that is made once."""
    return cast(func.timezone(LegalEntityRow.time_zone, now), Date)
