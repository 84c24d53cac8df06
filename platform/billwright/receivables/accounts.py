"""Ledger accounts of a legal entity: its profile's ``accounts``, else a common small chart."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from billwright.canon.tables import LegalEntityRow
from billwright.tenancy.transaction import Tx


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Account numbers, or names, as the tenant's ledger has them; ``time_zone`` says which day it is there."""

    time_zone: str = "UTC"
    receivable: str = "1200"
    revenue: str = "4000"
    tax: str = "2200"
    bank: str = "1000"
    deposits: str = "2300"
    """Money of customers that no receivable took yet."""

    def today(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.time_zone)).date()


ACCOUNTS: Final = ("receivable", "revenue", "tax", "bank", "deposits")


def books_of(profile: dict[str, Any], time_zone: str) -> Books:
    """The accounts that ``profile`` names; those that it leaves out are the common ones."""
    given = profile.get("accounts") or {}
    return Books(time_zone=time_zone, **{name: str(given[name]) for name in ACCOUNTS if given.get(name)})


def read_books(tx: Tx) -> dict[UUID, Books]:
    """The books of all legal entities of the tenant, in the order of their codes. One statement: they are few."""
    query = select(LegalEntityRow.id, LegalEntityRow.profile, LegalEntityRow.time_zone)
    rows = tx.session.execute(query.order_by(LegalEntityRow.code))
    return {row.id: books_of(row.profile, row.time_zone) for row in rows}
