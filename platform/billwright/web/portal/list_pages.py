"""What every list can do, whatever it lists: its CSV file, its columns, views of it, one deed for several rows."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Stream

from billwright.identity import saved_views
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.ids import read, show
from billwright.web.portal.forms import Form, field, fields
from billwright.web.portal.listing import Asked, Listing, asked_of, parse_state, state_of
from billwright.web.portal.listing_bulk import check_ticks, run_action, ticked_ids
from billwright.web.portal.listing_export import export_list
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.listings import LISTS
from billwright.web.portal.visit import Visit, provide_visit

STATE_CHARS_MAX: Final = 4_000


def listing_of(visit: Visit, name: str) -> Listing:
    """The list of that name, for somebody who may read it, with the columns that they may see.

    Raises:
        NotFoundError: there is none.
        PermissionDeniedError: it is not open to this person.
    """
    listing = LISTS.get(name)
    if listing is None:
        raise NotFoundError("There is no such list.")
    visit.require(*listing.needs)
    return listing.offered_to(visit.may)


class ListController(Controller):
    path = "/t/{slug:str}/lists/{name:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/export.csv", sync_to_thread=True)
    def export(self, visit: NamedDependency[Visit], name: FromPath[str]) -> Stream:
        """All rows that the filters of the address let through, in the columns that it names."""
        listing = listing_of(visit, name)
        return export_list(visit, listing, asked_of(listing, dict(visit.request.query_params)))

    @post("/bulk", sync_to_thread=True, status_code=200)
    def act(self, visit: NamedDependency[Visit], name: FromPath[str], data: Form) -> Response[str]:
        """Do one thing to each ticked row by itself, and show the list again with what became of each."""
        listing = listing_of(visit, name)
        action = next((each for each in listing.actions if each.key == field(data, "action")), None)
        if action is None:
            raise InputInvalidError("Say what is to be done with the ticked rows.", field="action")
        visit.require(*action.needs)
        try:
            ticks = check_ticks(fields(data, "tick"))
        except InputInvalidError as error:
            return list_page(visit, listing, parameters=_state(data), refused=str(error))
        results = run_action(action, visit, ticks, data, _names(visit, listing, ticks))
        return list_page(visit, listing, parameters=_state(data), results=results)

    @post("/columns", sync_to_thread=True)
    def choose_columns(self, visit: NamedDependency[Visit], name: FromPath[str], data: Form) -> Response[str]:
        """Keep the ticked columns for this person; ``reset`` takes the list as it comes."""
        listing = listing_of(visit, name)
        chosen = None if field(data, "reset") else listing.known_columns(fields(data, "column"))
        saved_views.choose_columns(
            visit.database, visit.here, visit.actor, list_name=name, columns=chosen, trace_id=visit.trace_id
        )
        return visit.go(_page(visit, listing, _asked(listing, data)), "Your columns of this list are kept.")

    @post("/views", sync_to_thread=True)
    def save_view(self, visit: NamedDependency[Visit], name: FromPath[str], data: Form) -> Response[str]:
        """Keep what the page shows under a name."""
        listing = listing_of(visit, name)
        asked = asked_of(listing, _state(data))
        view = saved_views.save_view(
            visit.database,
            visit.here,
            visit.actor,
            list_name=name,
            name=field(data, "name"),
            filters=asked.filters,
            columns=asked.columns,
            order=asked.order,
            shared=bool(field(data, "shared")),
            trace_id=visit.trace_id,
        )
        said = f"The view “{view.name}” is kept{' for everybody here' if view.shared else ''}."
        return visit.go(_view_page(visit, listing, view.id), said)

    @post("/views/{view_id:str}", sync_to_thread=True)
    def change_view(
        self, visit: NamedDependency[Visit], name: FromPath[str], view_id: FromPath[str], data: Form
    ) -> Response[str]:
        """Rename the view; whoever may share says in the same form whether it is for everybody."""
        listing = listing_of(visit, name)
        sharing = bool(field(data, "shared")) if field(data, "sharing") else None
        view = saved_views.change_view(
            visit.database, visit.here, visit.actor, name, read("viw", view_id),
            name=field(data, "name"), shared=sharing, trace_id=visit.trace_id,
        )  # fmt: skip
        return visit.go(_view_page(visit, listing, view.id), f"The view “{view.name}” is changed.")

    @post("/views/{view_id:str}/first", sync_to_thread=True)
    def choose_first(
        self, visit: NamedDependency[Visit], name: FromPath[str], view_id: FromPath[str], data: Form
    ) -> Response[str]:
        """Open the list with this view from now on, or (``undo``) as it comes."""
        listing = listing_of(visit, name)
        identifier = read("viw", view_id)
        undo = bool(field(data, "undo"))
        called = saved_views.choose_first_view(
            visit.database, visit.here, visit.actor,
            list_name=name, view_id=None if undo else identifier, trace_id=visit.trace_id,
        )  # fmt: skip
        said = (
            f"{listing.title} opens with “{called}” for you now." if called else f"{listing.title} opens as it comes."
        )
        return visit.go(_view_page(visit, listing, identifier), said)

    @post("/views/{view_id:str}/delete", sync_to_thread=True)
    def delete_view(self, visit: NamedDependency[Visit], name: FromPath[str], view_id: FromPath[str]) -> Response[str]:
        listing = listing_of(visit, name)
        called = saved_views.delete_view(
            visit.database, visit.here, visit.actor, name, read("viw", view_id), trace_id=visit.trace_id
        )
        return visit.go(
            visit.url(listing.path), f"The view “{called}” is deleted. No row of the list is touched by that."
        )


def _state(form: Mapping[str, Any]) -> dict[str, str]:
    """What the page showed when the form was sent."""
    return parse_state(field(dict(form), "state")[:STATE_CHARS_MAX])


def _asked(listing: Listing, form: Mapping[str, Any]) -> Asked:
    """The same without its columns: those that are chosen now hold."""
    return asked_of(listing, {key: text for key, text in _state(form).items() if key not in {"columns", "view"}})


def _page(visit: Visit, listing: Listing, asked: Asked) -> str:
    return f"{visit.url(listing.path)}?{state_of(listing, asked)}"


def _view_page(visit: Visit, listing: Listing, view_id: UUID) -> str:
    return f"{visit.url(listing.path)}?view={show('viw', view_id)}"


def _names(visit: Visit, listing: Listing, ticks: list[str]) -> dict[str, tuple[str, str]]:
    """What to call the ticked things, read before anything is done to them: shown identifier to (words, path)."""
    if listing.names is None:
        return {}
    with visit.reading() as tx:
        found = listing.names(tx, ticked_ids(listing.prefix, ticks))
    return {show(listing.prefix, identifier): named for identifier, named in found.items()}
