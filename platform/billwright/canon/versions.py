"""Contract versions: number 1 comes with the contract, each signed change order makes the next. They are only ever added."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from billwright.canon.tables import ContractVersionRow as Version
from billwright.kernel.ids import new_id
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tx


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a version: the contract itself (``origin_id == contract_id``) or a signed change order of it."""

    contract_id: UUID
    origin_id: UUID
    effective_at: datetime | None
    value: Decimal | None
    currency: str | None


class _NewVersion(Origin, frozen=True, kw_only=True):
    id: UUID
    number: int
    made_at: datetime


_COLUMNS: Final = list(table_of(Version).columns)
_ASKED: Final = recordset([table_of(Version).c.contract_id, table_of(Version).c.origin_id], name="asked")
_LOCKED: Final = recordset([table_of(Version).c.contract_id], name="locked")
_LOCK: Final = select(func.pg_advisory_xact_lock(func.uuid_hash_extended(_LOCKED.c.contract_id, 0)))
_KNOWN: Final = select(Version.contract_id, Version.origin_id).join(
    _ASKED, (Version.contract_id == _ASKED.c.contract_id) & (Version.origin_id == _ASKED.c.origin_id)
)
_NUMBERS: Final = (
    select(Version.contract_id, func.max(Version.number))
    .join(_LOCKED, Version.contract_id == _LOCKED.c.contract_id)
    .group_by(Version.contract_id)
)
_NEW: Final = recordset(_COLUMNS)
_ADD: Final = (
    insert(table_of(Version))
    .from_select([each.name for each in _COLUMNS], select(*_NEW.c))
    .on_conflict_do_nothing(index_elements=["contract_id", "origin_id"])
)


def add_versions(tx: Tx, origins: Iterable[Origin]) -> int:
    """Add the versions that do not exist yet; return how many. One statement if none is new, else four.

    The lock on the contract makes numbers of one contract contiguous even when two workers add at once.
    """
    wanted = {(origin.contract_id, origin.origin_id): origin for origin in origins}
    missing = _missing(tx, wanted)
    if not missing:
        return 0
    contracts = parameters(
        {"contract_id": contract_id} for contract_id in sorted({each.contract_id for each in missing})
    )
    tx.session.execute(_LOCK, contracts)
    last: dict[UUID, int] = {row[0]: row[1] for row in tx.session.execute(_NUMBERS, contracts)}
    rows = []
    for origin in missing:
        number = 1
        if origin.origin_id != origin.contract_id:
            number = last[origin.contract_id] = max(1, last.get(origin.contract_id, 1)) + 1
        rows.append(_NewVersion(**msgspec.structs.asdict(origin), id=new_id(), number=number, made_at=tx.now))
    tx.session.execute(_ADD, parameters(rows))
    return len(rows)


def _missing(tx: Tx, wanted: dict[tuple[UUID, UUID], Origin]) -> list[Origin]:
    """Oldest first, so that versions which arrive together are numbered in the order in which they took effect."""
    if not wanted:
        return []
    asked = parameters({"contract_id": contract, "origin_id": origin} for contract, origin in wanted)
    known: Any = {(contract, origin) for contract, origin in tx.session.execute(_KNOWN, asked)}
    found = [origin for pair, origin in wanted.items() if pair not in known]
    return sorted(found, key=lambda each: (each.effective_at is not None, each.effective_at or tx.now, each.origin_id))
