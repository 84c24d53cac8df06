"""Ledger accounts of a legal entity: its profile's ``accounts``, else a common small chart."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from billwright.canon.tables import LegalEntityRow
from billwright.tenancy.transaction import Tx


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """Account numbers, or names, as the tenant's ledger has them."""

    receivable: str = "1200"
    revenue: str = "4000"
    tax: str = "2200"
    bank: str = "1000"
    deposits: str = "2300"
    """Money of customers that no receivable took yet."""


COMMON: Final = Accounts()


def accounts_of(profile: dict[str, Any]) -> Accounts:
    """The accounts that ``profile`` names; those that it leaves out are the common ones."""
    given = profile.get("accounts") or {}
    return Accounts(**{name: str(given[name]) for name in Accounts.__struct_fields__ if given.get(name)})


def read_accounts(tx: Tx, entity_ids: Iterable[UUID]) -> dict[UUID, Accounts]:
    """Accounts of the entities. One statement."""
    query = select(LegalEntityRow.id, LegalEntityRow.profile).where(LegalEntityRow.id.in_(sorted(set(entity_ids))))
    return {row.id: accounts_of(row.profile) for row in tx.session.execute(query)}
