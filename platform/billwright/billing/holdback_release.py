"""Release of holdback: when each one comes, and what it bills or lets fall due.

Where lines withheld, a release is a billable item of its own, ``holdback:{contract}:{release}``, that waits until its moment.
Where receivables retain, nothing is billed: part of the receivable falls due. After the last release nothing is withheld.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billwright.billing.content import terms_of
from billwright.billing.events import HoldbackReleased
from billwright.billing.holdback import is_withheld
from billwright.billing.holdback_ledger import close_balances, release_receivables
from billwright.billing.holdback_standing import Key, lock_balances, mode_of
from billwright.billing.split import whole_of
from billwright.billing.tables import HoldbackBalanceRow, HoldbackEntryRow
from billwright.canon.tables import ContractRow, CustomerRow, LegalEntityRow, SignalRow
from billwright.extension.terms_holdback import HoldbackRelease, HoldbackTerms
from billwright.extension.views import ContractView, ItemProposal
from billwright.jobs.enqueue import publish
from billwright.kernel.money import Money, is_currency, round_half_up
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

NOT_DUE: Final = "holdback_not_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """``on`` is the day on which the release came, in the legal entity's zone; ``again`` when to look for it."""

    come: bool
    on: date | None = None
    again: datetime | None = None


def moment_of(release: HoldbackRelease, view: ContractView, signals: Sequence[tuple[str, datetime]]) -> Moment:
    """Whether a release has come. ``signals`` are (event, moment) of the contract. Pure."""
    zone = ZoneInfo(view.time_zone)
    today = view.now.astimezone(zone).date()
    if release.on == "day":
        assert release.day is not None
        if release.day <= today:
            return Moment(come=True, on=release.day)
        return Moment(come=False, again=datetime.combine(release.day, time(), tzinfo=zone))
    if release.on == "completion":
        return Moment(come=view.status == "completed", on=view.ended_on or today)
    found = [at for event, at in signals if event == release.event and at <= view.now] if release.on == "event" else []
    if release.on == "milestone":
        decided = [_accepted(each.decisions) for each in view.milestones if each.number == release.milestone]
        found = [at for at in decided if at is not None]
    return Moment(come=bool(found), on=min(found).astimezone(zone).date() if found else None)


def _accepted(decisions: Sequence[Any]) -> datetime | None:
    """When the milestone was accepted as a whole, if that is the last word."""
    last = decisions[-1] if decisions else None
    whole = last is not None and last.decision == "accepted" and getattr(last, "accepted_percent", None) in (None, 100)
    return last.decided_at if last is not None and whole else None


def portion(release: HoldbackRelease, outstanding_minor: int) -> int:
    """What a release lets go of what is outstanding; the last one takes all of it."""
    if release.percent == 100:
        return outstanding_minor
    return round_half_up(Fraction(outstanding_minor) * Fraction(release.percent) / 100)


def propose_releases(
    view: ContractView,
    terms: HoldbackTerms,
    moments: Mapping[str, Moment],
    balances: Sequence[tuple[str, int]],
    billed: Mapping[str, int],
) -> tuple[list[ItemProposal], set[str]]:
    """Items for what lines withheld, and keys of releases that were billed and stay as they are. Pure.

    ``balances`` are (currency, outstanding minor units); ``billed`` are keys of releases that were billed, with what of them
    is still on drafts where several customers share the bill. Together the items never come to more than is outstanding.
    Money withheld after the last release was billed makes another one, with ``:2`` at the end of its key.
    """
    proposals: list[ItemProposal] = []
    settled: set[str] = set()
    for currency, outstanding in balances:
        left = outstanding
        for release in terms.releases:
            key = _key(view, release, currency)
            last = release.percent == 100
            number = 1
            while key in billed:
                settled.add(key)
                left -= billed[key]
                number += 1
                key = f"{_key(view, release, currency)}:{number}"
            minor = portion(release, left)
            if minor <= 0 or (number > 1 and not last):
                continue
            left -= minor
            proposals.append(_proposal(view, terms, release, moments[release.name], key, Money(minor, currency)))
    return proposals, settled


def _billed(known: Mapping[str, AnyRow]) -> dict[str, int]:
    """Releases of which something is billed, with what of them is not billed yet; a shared one by the key of the whole."""
    found: dict[str, int] = {}
    open_parts: dict[str, int] = {}
    for key, row in known.items():
        if not key.startswith("holdback:") or is_withheld(key):
            continue
        whole = whole_of(key) or key
        if row.state == "billed":
            found.setdefault(whole, 0)
        elif row.state in ("waiting", "ready", "drafted"):
            open_parts[whole] = open_parts.get(whole, 0) + (row.amount_minor or 0)
    return {key: open_parts.get(key, 0) for key in found}


def _key(view: ContractView, release: HoldbackRelease, currency: str) -> str:
    own = currency == view.currency or view.currency is None
    return f"holdback:{view.id}:{release.name}" + ("" if own else f":{currency}")


def _proposal(
    view: ContractView, terms: HoldbackTerms, release: HoldbackRelease, moment: Moment, key: str, amount: Money
) -> ItemProposal:
    return ItemProposal(
        transaction_key=key,
        kind="holdback",
        subject_id=str(uuid5(UUID(view.id), key)),
        ready=moment.come and view.customer_known,
        reasons=() if moment.come and view.customer_known else (NOT_DUE if not moment.come else "customer_unknown",),
        description=f"Release of holdback: {release.name}",
        quantity=Decimal(1),
        unit_price=amount.decimal,
        amount=amount,
        service_to=moment.on if moment.come else None,
        clause=terms.clause,
        contract_version_id=view.version_id,
        look_again_at=moment.again,
    )


class Releases:
    """The releases of the contracts of one evaluation. No statement where no contract withholds anything."""

    def __init__(self, tx: Tx, views: Mapping[UUID, ContractView]) -> None:
        self._tx = tx
        self._views = {each: view for each, view in views.items() if view.holdback is not None}
        self._balances: defaultdict[UUID, list[HoldbackBalanceRow]] = defaultdict(list)
        self._signals: defaultdict[UUID, list[tuple[str, datetime]]] = defaultdict(list)
        self._messages: dict[UUID, UUID | None] = {}
        if not self._views:
            return
        query = select(HoldbackBalanceRow).where(HoldbackBalanceRow.contract_id.in_(list(self._views)))
        for row in tx.session.scalars(query.order_by(HoldbackBalanceRow.currency, HoldbackBalanceRow.id)):
            self._balances[row.contract_id].append(row)
        signals = select(SignalRow.contract_id, SignalRow.event, SignalRow.occurred_at).where(
            SignalRow.contract_id.in_(list(self._views))
        )
        for contract_id, event, at in tx.session.execute(signals.order_by(SignalRow.occurred_at)):
            if contract_id is not None:
                self._signals[contract_id].append((event, at))
        messages = select(ContractRow.id, ContractRow.message_id).where(ContractRow.id.in_(list(self._views)))
        self._messages = {row.id: row.message_id for row in tx.session.execute(messages)}

    def propose(
        self, contract_id: UUID, known: Mapping[str, AnyRow], entity: LegalEntityRow | None
    ) -> tuple[list[ItemProposal], set[str]]:
        """Items of this contract, and keys that stay as they were billed; closes what the last release ended and lets
        receivables fall due."""
        view = self._views.get(contract_id)
        if view is None or view.holdback is None:
            return [], set()
        moments = {each.name: moment_of(each, view, self._signals[contract_id]) for each in view.holdback.releases}
        if entity is not None and is_currency(view.currency) and moments[view.holdback.releases[-1].name].come:
            mode = mode_of(view.holdback, entity.country)
            self._close((contract_id, entity.id, str(view.currency), mode))
        self._retained(view, view.holdback, moments, contract_id)
        lines = [
            (row.currency, row.outstanding_minor)
            for row in self._balances[contract_id]
            if row.mode == "line" and entity is not None and row.legal_entity_id == entity.id
        ]
        proposals, settled = propose_releases(view, view.holdback, moments, lines, _billed(known))
        message = self._messages.get(contract_id)
        return [_from(each, message) for each in proposals], settled

    def _close(self, key: Key) -> None:
        """Nothing is withheld after the last release."""
        open_rows = [row for row in self._balances[key[0]] if _key_of(row) == key]
        if not open_rows or open_rows[0].closed_at is None:
            close_balances(self._tx, lock_balances(self._tx, {key}).values())

    def _retained(
        self, view: ContractView, terms: HoldbackTerms, moments: Mapping[str, Moment], contract_id: UUID
    ) -> None:
        rows = [row for row in self._balances[contract_id] if row.mode == "receivable" and row.outstanding_minor > 0]
        for row in rows:
            left = row.outstanding_minor
            done = _released_names(self._tx, row.id) if any(each.come for each in moments.values()) else set()
            for release in terms.releases:
                moment = moments[release.name]
                again = release.percent == 100 or release.name not in done
                if not moment.come or not again or left <= 0:
                    continue
                minor = portion(release, left)
                left -= minor
                due_on = view.now.astimezone(ZoneInfo(view.time_zone)).date() + self._terms(contract_id)
                ids = release_receivables(self._tx, _key_of(row), minor, release=release.name, due_on=due_on)
                publish(self._tx, HoldbackReleased(invoice_ids=tuple(ids)))

    def _terms(self, contract_id: UUID) -> timedelta:
        query = (
            select(ContractRow.payment_terms_days, CustomerRow.payment_terms_days.label("customer_terms"))
            .join(CustomerRow, CustomerRow.id == ContractRow.customer_id)
            .where(ContractRow.id == contract_id)
        )
        row = self._tx.session.execute(query).one()
        default = read_configuration(self._tx).payment_terms_days
        return timedelta(days=terms_of(row.payment_terms_days, row.customer_terms, default))


def _from(proposal: ItemProposal, message_id: UUID | None) -> ItemProposal:
    """A release rests on the message that agreed it."""
    return replace(proposal, message_id=str(message_id) if message_id else None)


def _key_of(row: HoldbackBalanceRow) -> Key:
    return (row.contract_id, row.legal_entity_id, row.currency, row.mode)


def _released_names(tx: Tx, balance_id: UUID) -> set[str]:
    query = select(HoldbackEntryRow.release).where(
        HoldbackEntryRow.balance_id == balance_id, HoldbackEntryRow.kind == "released"
    )
    return {*tx.session.scalars(query)}
