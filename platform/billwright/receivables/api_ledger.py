"""The ledger over HTTP: the trial balance and the entries behind it."""

from datetime import date, datetime
from typing import Annotated, Any, Final

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from billwright.kernel.actor import Actor
from billwright.kernel.ids import show
from billwright.kernel.money import Money
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.receivables import ledger
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Entity = Annotated[str, QueryParameter(max_length=40, description="Only of the legal entity with this code.")]
AccountName = Annotated[str, QueryParameter(max_length=60, description="Only entries that touch this account.")]
READ: Final = "report:read"


class SumsOut(Struct, frozen=True):
    """Decimals in major units: what stood before the period, its debits and credits, and what stands after it."""

    opening: str
    debit: str
    credit: str
    closing: str

    @classmethod
    def of(cls, sums: ledger.Sums, currency: str) -> "SumsOut":
        minors = (sums.opening_minor, sums.debit_minor, sums.credit_minor, sums.closing_minor)
        return cls(*(str(Money(minor, currency).decimal) for minor in minors))


class BalanceOut(Struct, frozen=True):
    """One account in one currency. `in_base` is in the legal entity's base currency; `unvalued` lines have no value in it."""

    entity: str
    account: str
    role: str
    currency: str
    sums: SumsOut
    base_currency: str
    in_base: SumsOut
    unvalued: int

    @classmethod
    def of(cls, row: ledger.Balance) -> "BalanceOut":
        return cls(
            row.entity,
            row.account,
            row.role,
            row.currency,
            SumsOut.of(row.sums, row.currency),
            row.base_currency,
            SumsOut.of(row.base, row.base_currency),
            row.unvalued,
        )


class TrialBalanceOut(Struct, frozen=True):
    """`first` is null for everything since the beginning; `last` is the last day that counts."""

    first: date | None
    last: date
    balances: list[BalanceOut]


class EntryLineOut(Struct, frozen=True):
    """A debit is positive, a credit negative. `in_base` is null where the entry has no value in the base currency."""

    account: str
    role: str
    currency: str
    amount: str
    in_base: str | None
    receivable: str | None


class EntryOut(Struct, frozen=True):
    """`subject` is what it books for: an invoice, a payment, ... `rates` are those that it was valued at."""

    id: str
    entity: str
    kind: str
    subject: str
    booked_on: date
    made_at: datetime
    base_currency: str | None
    rates: list[dict[str, Any]]
    lines: list[EntryLineOut]

    @classmethod
    def of(cls, booked: ledger.Booked) -> "EntryOut":
        entry = booked.entry
        lines = [
            EntryLineOut(
                line.account,
                line.role,
                line.currency,
                str(Money(line.amount_minor, line.currency).decimal),
                str(Money(line.base_minor, entry.base_currency).decimal)
                if line.base_minor is not None and entry.base_currency
                else None,
                show("rcv", line.receivable_id) if line.receivable_id else None,
            )
            for line in booked.lines
        ]
        return cls(
            show("jrn", entry.id),
            booked.entity,
            entry.kind,
            _subject(booked),
            entry.booked_on,
            entry.made_at,
            entry.base_currency,
            entry.rates or [],
            lines,
        )


SUBJECTS: Final = {"payment": "pay", "transfer": "pay", "write_off": "wof"}


def _subject(booked: ledger.Booked) -> str:
    """What was paid is applied from deposits, what was credited from the credit note's receivable; a refund has no address."""
    entry = booked.entry
    if entry.kind == "refund":
        return str(entry.subject_id)
    if entry.kind == "application" and any(line.role == "deposits" for line in booked.lines):
        return show("pay", entry.subject_id)
    return show(SUBJECTS.get(entry.kind, "inv"), entry.subject_id)


class TrialBalanceController(Controller):
    path = "/v1/reports/trial-balance"
    tags = ("Ledger",)

    @get(
        operation_id="showTrialBalance",
        summary="Show the trial balance",
        responses=refusals(404, 422),
        sync_to_thread=True,
    )
    def show(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        entity: Entity = "",
        first: FromQuery[date | None] = None,
        last: FromQuery[date | None] = None,
    ) -> TrialBalanceOut:
        """Balances by legal entity, account and currency, and in the base currency; `last` is today if left out."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = ledger.read_trial_balance(tx, entity=entity, first=first, last=last or tx.now.date())
        return TrialBalanceOut(found.first, found.last, [BalanceOut.of(row) for row in found.balances])


class JournalController(Controller):
    path = "/v1/journal-entries"
    tags = ("Ledger",)

    @get(
        operation_id="listJournalEntries", summary="List journal entries", responses=refusals(422), sync_to_thread=True
    )
    def list_entries(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        entity: Entity = "",
        account: AccountName = "",
        first: FromQuery[date | None] = None,
        last: FromQuery[date | None] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[EntryOut]:
        """Entries with their lines, the latest first."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = ledger.list_entries(
                tx, entity=entity, account=account, first=first, last=last, limit=limit, cursor=cursor
            )
        return Page([EntryOut.of(each) for each in found.rows], found.next_cursor)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (TrialBalanceController, JournalController)
