"""Ledger accounts of a legal entity: its profile's ``accounts`` by role, else a common small chart."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from sqlalchemy import select

from billwright.canon.tables import LegalEntityRow
from billwright.tenancy.transaction import Tx

Account = Annotated[str, Meta(min_length=1, max_length=60)]
Role = Literal[
    "receivable",
    "revenue",
    "tax",
    "bank",
    "deposits",
    "holdback",
    "write_off",
    "exchange_gain",
    "exchange_loss",
]
USUAL: Final[Mapping[Role, str]] = {
    "receivable": "1200",
    "revenue": "4000",
    "tax": "2200",
    "bank": "1000",
    "deposits": "2300",
    "holdback": "1250",
    "write_off": "6900",
    "exchange_gain": "4950",
    "exchange_loss": "6950",
}
ANY: Final = "*"


class RevenueAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where revenue of this kind goes. ``kind`` is the first part of a transaction key: milestone, time, expense."""

    account: Account
    kind: Annotated[str, Meta(max_length=40)] = ANY
    tax_category: Annotated[str, Meta(max_length=4)] = ANY


class TaxAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where tax of this category and rate goes. ``rate_basis_points``: 19 % is 1900; left out: every rate."""

    account: Account
    category: Annotated[str, Meta(max_length=4)] = ANY
    rate_basis_points: Annotated[int, Meta(ge=0, le=10_000)] | None = None


class BankAccountOfLedger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ledger account of money in one currency."""

    account: Account
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Account numbers, or names, as the entity's ledger has them; ``time_zone`` says which day it is there.

    ``currency`` is the base currency. Of the rows that narrow a role, the first that fits decides.
    """

    time_zone: str = "UTC"
    currency: str = ""
    receivable: str = USUAL["receivable"]
    revenue: str = USUAL["revenue"]
    tax: str = USUAL["tax"]
    bank: str = USUAL["bank"]
    deposits: str = USUAL["deposits"]
    """Money of customers that no receivable took yet."""
    holdback: str = USUAL["holdback"]
    """What customers retain until it is released."""
    write_off: str = USUAL["write_off"]
    exchange_gain: str = USUAL["exchange_gain"]
    exchange_loss: str = USUAL["exchange_loss"]
    revenue_by: tuple[RevenueAccount, ...] = ()
    tax_by: tuple[TaxAccount, ...] = ()
    bank_by: tuple[BankAccountOfLedger, ...] = ()

    def today(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.time_zone)).date()

    def account(self, role: Role) -> str:
        account: str = getattr(self, role)
        return account

    def revenue_of(self, kind: str, tax_category: str) -> str:
        fitting = (
            row.account
            for row in self.revenue_by
            if row.kind in (ANY, kind) and row.tax_category in (ANY, tax_category)
        )
        return next(fitting, self.revenue)

    def tax_of(self, category: str, rate_basis_points: int) -> str:
        fitting = (
            row.account
            for row in self.tax_by
            if row.category in (ANY, category) and row.rate_basis_points in (None, rate_basis_points)
        )
        return next(fitting, self.tax)

    def bank_of(self, currency: str) -> str:
        return next((row.account for row in self.bank_by if row.currency == currency), self.bank)

    def role_of(self, account: str) -> Role | Literal[""]:
        """What ``account`` is for; empty if it is none of the entity's, or of several roles."""
        listed: Iterable[tuple[Role, str]] = (
            *((role, self.account(role)) for role in USUAL),
            *(("revenue", row.account) for row in self.revenue_by),
            *(("tax", row.account) for row in self.tax_by),
            *(("bank", row.account) for row in self.bank_by),
        )
        roles: set[Role] = {role for role, known in listed if known == account}
        return roles.pop() if len(roles) == 1 else ""


BY: Final = ("revenue_by", "tax_by", "bank_by")


def books_of(profile: Mapping[str, Any], time_zone: str, currency: str) -> Books:
    """The accounts that ``profile`` names; those that it leaves out are the common ones."""
    given = profile.get("accounts") or {}
    named: dict[str, Any] = {role: str(given[role]) for role in USUAL if given.get(role)}
    narrowed = {name: given[name] for name in BY if given.get(name)}
    raw: dict[str, Any] = {"time_zone": time_zone, "currency": currency, **named, **narrowed}
    return msgspec.convert(raw, Books)


def read_books(tx: Tx) -> dict[UUID, Books]:
    """The books of all legal entities of the tenant, in the order of their codes. One statement per transaction: they are
    few."""
    cached = tx.cache.get("books")
    if cached is None:
        query = select(LegalEntityRow.id, LegalEntityRow.profile, LegalEntityRow.time_zone, LegalEntityRow.currency)
        rows = tx.session.execute(query.order_by(LegalEntityRow.code))
        cached = tx.cache["books"] = {row.id: books_of(row.profile, row.time_zone, row.currency) for row in rows}
    assert isinstance(cached, dict)
    return cached
