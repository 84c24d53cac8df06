"""What drafts withhold, computed over all of them at once; the balances that they count with stand still until COMMIT.

A draft counts what was issued and what earlier drafts withhold, so that two drafts never use one cap twice, and a draft that
is issued before an earlier one changes nothing of that one.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.billing.holdback import NEVER_WITHHELD, Part, Standing, plain_percent, withhold
from billwright.billing.tables import HoldbackBalanceRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import ChangeOrderRow, ContractRow
from billwright.extension.terms_holdback import HoldbackTerms, Mode, usual_mode
from billwright.kernel.ids import new_id
from billwright.kernel.money import MINOR_UNIT_DIGITS, round_half_up
from billwright.tenancy.transaction import Tx

Key: TypeAlias = tuple[UUID, UUID, str, str]
"""(contract, legal entity, currency, mode)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One amount that a draft bills: net minor units, of a kind, under a tax."""

    contract_id: UUID
    kind: str
    net_minor: int
    tax: Hashable
    rate_basis_points: int
    release: str = ""
    """Of money held back that is billed now: the transaction key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A draft without what it bills. ``terms`` of its contracts that have some; ``country`` is the seller's.

    ``releases`` are the contracts of which it bills money held back.
    """

    invoice_id: UUID
    legal_entity_id: UUID
    country: str
    currency: str
    terms: Mapping[UUID, HoldbackTerms]
    releases: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a draft withholds of one contract, by tax where lines take it off, and what it bills of money held back."""

    contract_id: UUID
    mode: Mode
    percent: str
    base_minor: int
    base_by_tax: Mapping[Hashable, int]
    withheld_by_tax: Mapping[Hashable, int]
    released_minor: int
    releases: tuple[str, ...]
    clause: str
    exceeds: bool
    """It releases more than is outstanding: a credit note took something back meanwhile."""

    def stored(self) -> dict[str, Any]:
        """As the draft keeps it, and as its content hash has it."""
        return {
            "contract_id": str(self.contract_id),
            "mode": self.mode,
            "percent": self.percent,
            "base_minor": self.base_minor,
            "withheld_minor": sum(self.withheld_by_tax.values()),
            "released_minor": self.released_minor,
            "releases": list(self.releases),
            "clause": self.clause,
        }


def mode_of(terms: HoldbackTerms, country: str) -> Mode:
    return terms.mode or usual_mode(country)


class HoldbackReader:
    """What drafts withhold and release. Five statements at most for all of ``heads``, none where no contract has terms.

    ``take`` each draft once, in the order of their identifiers: the later ones count with the earlier ones.
    """

    def __init__(self, tx: Tx, heads: Sequence[Head]) -> None:
        contracts = {contract for head in heads for contract in head.terms}
        keys: set[Key] = {
            (contract, head.legal_entity_id, head.currency, mode_of(terms, head.country))
            for head in heads
            for contract, terms in head.terms.items()
        }
        keys |= {
            (contract, head.legal_entity_id, head.currency, "line") for head in heads for contract in head.releases
        }
        self._balances = lock_balances(tx, keys)
        self._others = _other_documents(tx, contracts, {head.invoice_id for head in heads})
        asks_value = any(each.steps or each.cap_percent is not None for head in heads for each in head.terms.values())
        self._released: defaultdict[Key, int] = defaultdict(int)
        self._values = contract_values(tx, contracts) if asks_value else {}

    def take(self, draft: Head, all_works: Sequence[Work]) -> list[Taken]:
        taken = []
        for contract in sorted({work.contract_id for work in all_works}):
            works = [work for work in all_works if work.contract_id == contract]
            terms = draft.terms.get(contract)
            if terms is None and not any(work.release for work in works):
                continue
            one = self._of_contract(draft, contract, terms, works)
            taken.append(one)
            # The drafts after this one count it, too.
            key = (contract, draft.legal_entity_id, draft.currency, one.mode)
            self._others[key].append((draft.invoice_id, False, one.base_minor, sum(one.withheld_by_tax.values())))
        return taken

    def _of_contract(self, draft: Head, contract: UUID, terms: HoldbackTerms | None, works: Sequence[Work]) -> Taken:
        released = sum(work.net_minor for work in works if work.release)
        mode = mode_of(terms, draft.country) if terms else "line"
        parts = _parts(works)
        key = (contract, draft.legal_entity_id, draft.currency, mode)
        amounts: tuple[int, ...] = (0,) * len(parts)
        if terms is not None:
            found = withhold(
                terms,
                list(parts.values()),
                self._standing(key, draft.invoice_id),
                gross=mode == "receivable" and terms.of == "gross",
                value_minor=self._value(contract, draft.currency),
                currency=draft.currency,
            )
            amounts = found.withheld_minor
        return Taken(
            contract_id=contract,
            mode=mode,
            percent=_percent(terms, parts),
            base_minor=sum(part.net_minor for part in parts.values()),
            base_by_tax={tax: part.net_minor for tax, part in parts.items()},
            withheld_by_tax={tax: amount for tax, amount in zip(parts, amounts, strict=True) if amount},
            released_minor=released,
            releases=tuple(sorted({work.release for work in works if work.release})),
            clause=terms.clause if terms else "",
            exceeds=self._exceeds((*key[:3], "line"), released),
        )

    def _standing(self, key: Key, invoice_id: UUID) -> Standing:
        balance = self._balances[key]
        documents = self._others[key]
        issued_base = sum(base for _, issued, base, _ in documents if issued)
        before = [each for each in documents if each[0] < invoice_id]
        credited = issued_base - balance.billed_minor
        return Standing(
            billed_minor=sum(base for _, _, base, _ in before) - credited,
            withheld_minor=balance.withheld_minor + sum(held for _, issued, _, held in before if not issued),
            closed=balance.closed_at is not None,
        )

    def _exceeds(self, key: Key, minor: int) -> bool:
        if not minor:
            return False
        self._released[key] += minor
        return self._released[key] > self._balances[key].outstanding_minor

    def _value(self, contract: UUID, currency: str) -> int | None:
        value = self._values.get(contract)
        if value is None or value[1] not in (currency, None):
            return None
        return round_half_up(value[0] * 10 ** MINOR_UNIT_DIGITS[currency])


def _parts(works: Sequence[Work]) -> dict[Hashable, Part]:
    """By tax, in the order in which the taxes stand on the draft."""
    nets: dict[Hashable, dict[str, int]] = {}
    rates: dict[Hashable, int] = {}
    for work in works:
        by_kind = nets.setdefault(work.tax, {})
        by_kind[work.kind] = by_kind.get(work.kind, 0) + work.net_minor
        rates[work.tax] = work.rate_basis_points
    return {tax: Part(net_by_kind=by_kind, rate_basis_points=rates[tax]) for tax, by_kind in nets.items()}


def _percent(terms: HoldbackTerms | None, parts: Mapping[Hashable, Part]) -> str:
    """The one percentage that holds for all of it; empty where steps or kinds of work mix several."""
    if terms is None or terms.steps:
        return ""
    kinds = {kind for part in parts.values() for kind in part.net_by_kind}
    chosen = {terms.percent_of(kind) for kind in kinds - NEVER_WITHHELD}
    return plain_percent(chosen.pop()) if len(chosen) == 1 else ""


def lock_balances(tx: Tx, keys: set[Key]) -> dict[Key, HoldbackBalanceRow]:
    """The balances of ``keys``, made where they are missing, locked in one order. Two statements."""
    if not keys:
        return {}
    ordered = sorted(keys, key=str)
    columns = ("contract_id", "legal_entity_id", "currency", "mode")
    rows = [{"id": new_id(), **dict(zip(columns, key, strict=True))} for key in ordered]
    tx.session.execute(upsert(HoldbackBalanceRow).values(rows).on_conflict_do_nothing())
    contracts = {key[0] for key in ordered}
    query = select(HoldbackBalanceRow).where(HoldbackBalanceRow.contract_id.in_(contracts))
    query = query.order_by(HoldbackBalanceRow.id).with_for_update().execution_options(populate_existing=True)
    found = {(row.contract_id, row.legal_entity_id, row.currency, row.mode): row for row in tx.session.scalars(query)}
    return {key: found[key] for key in ordered}


Document: TypeAlias = tuple[UUID, bool, int, int]
"""(identifier, issued, base, withheld)."""


def _other_documents(tx: Tx, contracts: set[UUID], own: set[UUID]) -> defaultdict[Key, list[Document]]:
    """What other drafts and invoices of these contracts say that they withhold."""
    found: defaultdict[Key, list[Document]] = defaultdict(list)
    if not contracts:
        return found
    having = select(InvoiceLineRow.invoice_id).where(InvoiceLineRow.contract_id.in_(contracts))
    query = select(
        InvoiceRow.id, InvoiceRow.legal_entity_id, InvoiceRow.currency, InvoiceRow.issued_at, InvoiceRow.holdback
    ).where(
        InvoiceRow.id.in_(having),
        InvoiceRow.id.not_in(own),
        InvoiceRow.phase != "void",
        InvoiceRow.holdback.is_not(None),
    )
    for row in tx.session.execute(query):
        for each in row.holdback:
            key = (UUID(each["contract_id"]), row.legal_entity_id, row.currency, each["mode"])
            found[key].append((row.id, row.issued_at is not None, each["base_minor"], each["withheld_minor"]))
    return found


def contract_values(tx: Tx, contracts: set[UUID]) -> dict[UUID, tuple[Decimal, str | None]]:
    """Value and currency in force: as signed, or after the latest signed change order that set one. Two statements."""
    query = select(ContractRow.id, ContractRow.value, ContractRow.currency).where(ContractRow.id.in_(contracts))
    values = {row.id: (row.value, row.currency) for row in tx.session.execute(query) if row.value is not None}
    orders = (
        select(ChangeOrderRow.contract_id, ChangeOrderRow.value_after, ChangeOrderRow.currency_after)
        .where(
            ChangeOrderRow.contract_id.in_(contracts),
            ChangeOrderRow.signed_at <= tx.now,
            ChangeOrderRow.value_after.is_not(None),
        )
        .order_by(ChangeOrderRow.signed_at, ChangeOrderRow.id)
    )
    for row in tx.session.execute(orders):
        known = values.get(row.contract_id)
        values[row.contract_id] = (row.value_after, row.currency_after or (known[1] if known else None))
    return values
