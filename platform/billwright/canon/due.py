"""When something is due: hours of the legal entity's business time from now."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billwright.canon.business_time import BusinessTime, business_time
from billwright.canon.tables import LegalEntityRow
from billwright.tenancy.transaction import Tx

_CACHE: Final = "canon.business_times"


def due_after(tx: Tx, hours: int, legal_entity_id: UUID | None = None, *, start: datetime | None = None) -> datetime:
    """``hours`` of business time after ``start`` (default: now), by the calendar of the legal entity or of the default one."""
    begin = tx.now if start is None else start
    entity = business_time_of(tx, legal_entity_id)
    return begin + timedelta(hours=hours) if entity is None else entity.after(begin, timedelta(hours=hours))


def business_time_of(tx: Tx, legal_entity_id: UUID | None = None) -> BusinessTime | None:
    """The legal entity's, else the default entity's; none in a tenant without any. One statement per transaction."""
    if _CACHE not in tx.cache:
        columns = (LegalEntityRow.id, LegalEntityRow.country, LegalEntityRow.time_zone, LegalEntityRow.profile)
        rows = tx.session.execute(select(*columns).order_by(LegalEntityRow.code)).all()
        known: dict[UUID | None, BusinessTime] = {
            row.id: business_time(row.country, row.time_zone, row.profile) for row in rows
        }
        default = next((row.id for row in rows if row.profile.get("default")), rows[0].id if rows else None)
        if default is not None:
            known[None] = known[default]
        tx.cache[_CACHE] = known
    times: dict[UUID | None, BusinessTime] = tx.cache[_CACHE]
    return times.get(legal_entity_id) or times.get(None)
