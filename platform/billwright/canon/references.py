"""Identifiers of objects by the source's key, reserved when anything first names the object."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, Uuid, column, select
from sqlalchemy.dialects.postgresql import insert

from billwright.canon.incoming import Pair
from billwright.canon.tables import ExternalReferenceRow as Reference
from billwright.kernel.ids import new_id
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tx

_KIND, _REF, _ID = (column("kind", Text()), column("ref", Text()), column("object_id", Uuid()))
_WANTED: Final = recordset([_KIND, _REF], name="wanted")
_FIND: Final = select(Reference.kind, Reference.ref, Reference.object_id).join(
    _WANTED, (Reference.kind == _WANTED.c.kind) & (Reference.ref == _WANTED.c.ref)
)
_NEW: Final = recordset([_KIND, _REF, _ID])
_RESERVE: Final = (
    insert(table_of(Reference))
    .from_select(["kind", "ref", "object_id"], select(*_NEW.c))
    .on_conflict_do_nothing(index_elements=["kind", "ref"])
)


def find_ids(tx: Tx, pairs: Iterable[Pair]) -> dict[Pair, UUID]:
    """Identifiers of those ``pairs`` that were ever named. One statement."""
    wanted = [{"kind": kind, "ref": ref} for kind, ref in sorted(set(pairs))]
    if not wanted:
        return {}
    found: Any = tx.session.execute(_FIND, parameters(wanted))
    return {(kind, ref): object_id for kind, ref, object_id in found}


def reserve_ids(tx: Tx, pairs: Iterable[Pair]) -> dict[Pair, UUID]:
    """Identifiers of all ``pairs``, made where they are missing. At most three statements.

    Sorted, so that two workers that name the same objects wait for each other in one direction only.
    """
    wanted = sorted(set(pairs))
    ids = find_ids(tx, wanted)
    missing = [pair for pair in wanted if pair not in ids]
    if missing:
        rows = [{"kind": kind, "ref": ref, "object_id": new_id()} for kind, ref in missing]
        tx.session.execute(_RESERVE, parameters(rows))
        ids |= find_ids(tx, missing)
    return ids
