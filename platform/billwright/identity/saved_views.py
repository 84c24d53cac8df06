"""Use cases: people keep how they look at a list: named views, the columns, and the view that it opens with.

A view is its owner's. ``configuration:write`` may share views with everybody in the tenant, and then it takes the same
permission to change one: what others work with is not changed behind their backs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, delete, func, insert, literal, or_, select, true
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from billwright.audit.record import record
from billwright.identity.tables import ListChoiceRow, SavedViewRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

NAME_CHARS_MAX: Final = 60
VIEWS_MAX: Final = 50
"""Views of one person on one list."""
SHARE: Final = "configuration:write"
NAME_TAKEN: Final = "uq_saved_view_person_id_list_name_name"


@dataclass(frozen=True, slots=True)
class SavedView:
    """A named look at a list. ``filters`` as the list's address has them; ``mine``: the reader made it."""

    id: UUID
    name: str
    shared: bool
    mine: bool
    filters: Mapping[str, str]
    columns: tuple[str, ...]
    order: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept for one person and one list: the chosen columns (none: as it comes), the first view, all views."""

    columns: tuple[str, ...] = ()
    default_id: UUID | None = None
    views: tuple[SavedView, ...] = ()

    def view(self, identifier: UUID | None) -> SavedView | None:
        return next((each for each in self.views if each.id == identifier), None)


def read_kept(tx: Tx, list_name: str) -> Kept:
    """The actor's own and the shared views of a list, by name, with the actor's choice; one statement."""
    person_id = tx.actor.person_id
    one = select(literal(1).label("one")).subquery()
    mine = and_(ListChoiceRow.person_id == person_id, ListChoiceRow.list_name == list_name)
    visible = and_(
        SavedViewRow.list_name == list_name, or_(SavedViewRow.person_id == person_id, SavedViewRow.shared.is_(true()))
    )
    query = (
        select(ListChoiceRow.columns.label("chosen"), ListChoiceRow.view_id, SavedViewRow)
        .select_from(one)
        .outerjoin(ListChoiceRow, mine)
        .outerjoin(SavedViewRow, visible)
        .order_by(func.lower(SavedViewRow.name), SavedViewRow.id)
    )
    rows = tx.session.execute(query).all()
    views = tuple(_view(row.SavedViewRow, person_id) for row in rows if row.SavedViewRow is not None)
    return Kept(tuple(rows[0].chosen or ()), rows[0].view_id, views)


def save_view(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    list_name: str,
    name: str,
    filters: Mapping[str, str],
    columns: Sequence[str],
    order: str,
    shared: bool = False,
    trace_id: str | None = None,
) -> SavedView:
    """Keep a look at a list under a name. The caller has checked that the list has such filters and columns.

    Raises:
        PermissionDeniedError: the actor is no person, or shares without ``configuration:write``.
        InputInvalidError: no name, or one that is too long.
        ConflictError: the person has a view of that name on this list, or as many as one may have.
    """
    person_id = _person(actor)
    if shared:
        actor.require(SHARE)
    row: dict[str, Any] = {
        "id": new_id(), "person_id": person_id, "list_name": list_name, "name": _checked(name), "shared": shared,
        "filters": dict(filters), "columns": list(columns), "sort_order": order,
    }  # fmt: skip
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        query = select(func.count()).where(SavedViewRow.person_id == person_id, SavedViewRow.list_name == list_name)
        if tx.session.scalars(query).one() >= VIEWS_MAX:
            raise ConflictError(f"You have {VIEWS_MAX} views of this list; delete one that you no longer use.")
        with _unique_name(tx, row["name"]):
            tx.session.execute(insert(SavedViewRow), [row | {"created_at": tx.now, "updated_at": tx.now}])
        record(tx, "view.created", "saved_view", row["id"], after=_told(row))
        return _view(tx.session.get_one(SavedViewRow, row["id"]), person_id)


def change_view(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    list_name: str,
    view_id: UUID,
    *,
    name: str | None = None,
    shared: bool | None = None,
    trace_id: str | None = None,
) -> SavedView:
    """Rename a view, share it, or take it back.

    Raises:
        NotFoundError: no such view for this person.
        PermissionDeniedError: it is shared, or is to be, and the actor lacks ``configuration:write``.
        InputInvalidError: no name, or one that is too long.
        ConflictError: its owner has another view of that name.
    """
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = _lock(tx, list_name, view_id)
        if shared is not None and shared != row.shared:
            actor.require(SHARE)
        before = {"name": row.name, "shared": row.shared}
        with _unique_name(tx, name or row.name):
            row.name = _checked(name) if name is not None else row.name
            row.shared = row.shared if shared is None else shared
            tx.session.flush()
        after = {"name": row.name, "shared": row.shared}
        if after != before:
            row.updated_at = tx.now
            record(tx, "view.changed", "saved_view", row.id, before=before, after=after)
        return _view(row, actor.person_id)


def delete_view(
    database: Database, tenant: Tenant, actor: Actor, list_name: str, view_id: UUID, *, trace_id: str | None = None
) -> str:
    """Remove a view for everybody who had it; return its name. Lists that opened with it open as they come.

    Raises:
        NotFoundError: no such view for this person.
        PermissionDeniedError: it is shared, and the actor lacks ``configuration:write``.
    """
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = _lock(tx, list_name, view_id)
        tx.session.execute(delete(SavedViewRow).where(SavedViewRow.id == view_id))
        told = {"list": row.list_name, "name": row.name, "shared": row.shared, "filters": row.filters}
        record(tx, "view.deleted", "saved_view", view_id, before=told)
        return row.name


def choose_columns(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    list_name: str,
    columns: Sequence[str] | None,
    trace_id: str | None = None,
) -> None:
    """Keep which columns the person sees on a list; None: as the list comes. Safe to repeat.

    Raises:
        PermissionDeniedError: the actor is no person.
    """
    chosen = None if columns is None else list(columns)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        _choose(tx, list_name, "columns", chosen)


def choose_first_view(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    list_name: str,
    view_id: UUID | None,
    trace_id: str | None = None,
) -> str:
    """Keep with which view the list opens for this person; None: as it comes. Return the view's name. Safe to repeat.

    Raises:
        NotFoundError: no such view for this person.
        PermissionDeniedError: the actor is no person.
    """
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        name = _find(tx, list_name, view_id).name if view_id else ""
        _choose(tx, list_name, "view_id", view_id)
        return name


def _choose(tx: Tx, list_name: str, column: str, value: object) -> None:
    values = {"person_id": _person(tx.actor), "list_name": list_name, column: value, "updated_at": tx.now}
    statement = upsert(ListChoiceRow).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=[ListChoiceRow.person_id, ListChoiceRow.list_name],
        set_={column: statement.excluded[column], "updated_at": statement.excluded.updated_at},
    )
    tx.session.execute(statement)
    record(tx, "list.arranged", "person", tx.actor.person_id, after={"list": list_name, column: value})


def _find(tx: Tx, list_name: str, view_id: UUID, *, lock: bool = False) -> SavedViewRow:
    """A view that the actor sees: somebody else's own one is not there for them."""
    query = select(SavedViewRow).where(
        SavedViewRow.id == view_id,
        SavedViewRow.list_name == list_name,
        or_(SavedViewRow.person_id == _person(tx.actor), SavedViewRow.shared.is_(true())),
    )
    row = tx.session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFoundError("There is no such view here; it may have been deleted.")
    return row


def _lock(tx: Tx, list_name: str, view_id: UUID) -> SavedViewRow:
    """The view, to be changed."""
    row = _find(tx, list_name, view_id, lock=True)
    if row.shared:
        tx.actor.require(SHARE)
    return row


@contextmanager
def _unique_name(tx: Tx, name: str) -> Iterator[None]:
    """The index decides, so that of two at once one wins."""
    try:
        with tx.session.begin_nested():
            yield
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) != NAME_TAKEN:
            raise
        raise ConflictError(f"There is a view {name!r} of this list already; choose another name.") from None


def _person(actor: Actor) -> UUID:
    if actor.person_id is None:
        raise PermissionDeniedError("Views belong to people; a program has none.")
    return actor.person_id


def _checked(name: str) -> str:
    text = " ".join(name.split())
    if not text or len(text) > NAME_CHARS_MAX or not text.isprintable():
        raise InputInvalidError(f"Give the view a name of 1 to {NAME_CHARS_MAX} characters.", field="name")
    return text


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"list": row["list_name"], "name": row["name"], "shared": row["shared"], "filters": row["filters"]}


def _view(row: SavedViewRow, person_id: UUID | None) -> SavedView:
    return SavedView(
        id=row.id,
        name=row.name,
        shared=row.shared,
        mine=row.person_id == person_id,
        filters={key: str(value) for key, value in row.filters.items()},
        columns=tuple(row.columns),
        order=row.sort_order,
    )
