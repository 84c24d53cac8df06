"""Exports of the journal over HTTP."""

from datetime import date, datetime
from typing import Annotated, Final

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.receivables.export_journal import export_journal, list_exports, read_export
from billwright.receivables.tables import JournalExportRow
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Account = Annotated[str, Meta(min_length=1, max_length=60)]


class ExportIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`accounts`: our account to the one of the ledger that reads the file, where they differ."""

    entity: Annotated[str, Meta(min_length=1, max_length=40, description="Code of the legal entity.")]
    last: Annotated[date, Meta(description="Entries up to this day.")]
    accounts: Annotated[dict[Account, Account], Meta(max_length=500)] = {}


class ExportOut(Struct, frozen=True):
    """`number` counts the exports of a legal entity from 1. `sha256` is of the file."""

    id: str
    legal_entity: str
    number: int
    first_on: date
    last_on: date
    entries: int
    sha256: str
    made_at: datetime
    made_by: str

    @classmethod
    def of(cls, row: JournalExportRow) -> "ExportOut":
        return cls(
            show("jex", row.id),
            show("led", row.legal_entity_id),
            row.number,
            row.first_on,
            row.last_on,
            row.entries,
            row.sha256,
            row.made_at,
            row.made_by_name,
        )


class JournalExportController(Controller):
    path = "/v1/journal-exports"
    tags = ("Ledger",)

    @post(
        operation_id="exportJournal",
        summary="Export the journal",
        responses=refusals(404, 409, 422),
        sync_to_thread=True,
    )
    def make(
        self,
        data: JSONBody[ExportIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> ExportOut:
        """Put the entries that no export has yet into the next one: each goes out once."""
        made = export_journal(database, tenant, actor, entity=data.entity, last=data.last, accounts=data.accounts)
        return ExportOut.of(made.row)

    @get(
        operation_id="listJournalExports",
        summary="List exports of the journal",
        responses=refusals(422),
        sync_to_thread=True,
    )
    def list_all(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[ExportOut]:
        """Exports, the latest first."""
        actor.require("report:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = list_exports(tx, limit=limit, cursor=cursor)
        return Page([ExportOut.of(row) for row in found.rows], found.next_cursor)

    @get(
        "/{export_id:str}/file",
        operation_id="getJournalExportFile",
        summary="Get an export's file",
        media_type="text/csv",
        responses=refusals(404, 409),
        sync_to_thread=True,
    )
    def file(
        self,
        export_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> Response[bytes]:
        """The CSV file, the same bytes each time: one row per line of an entry."""
        export = read_export(database, tenant, actor, read("jex", export_id))
        headers = {"Content-Disposition": f'attachment; filename="{export.file_name}"'}
        return Response(export.content, media_type="text/csv", headers=headers)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (JournalExportController,)
