"""What must become of every milestone of the real record: worked out from the raw rows, by another way than the connector.

Slow and simple on purpose, and it imports nothing of the project: it is the judge of the import. Prices are found by undoing,
from the last version, the amendments that came *after* a moment; the connector instead keeps the first price and applies
what follows. Times are compared as UTC moments.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

ISO = {"USD", "EUR", "GBP", "CHF"}
"""The ISO 4217 currencies of the record; a test checks that all others are known crypto-assets."""
CRYPTO = {"BTC", "DAI", "USDT", "USDC"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """``state`` is ``billed`` or ``waiting``; then ``reasons`` says why, the main one first."""

    state: str
    reasons: tuple[str, ...]
    amount: Decimal | None
    currency: str | None
    accepted_at: datetime | None
    price_changed_after_acceptance: bool
    items_open: int
    exceeds_contract_value: bool = False

    @property
    def reason(self) -> str | None:
        return self.reasons[0] if self.reasons else None


def rows(folder: Path, name: str) -> list[Row]:
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines if line.strip()]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def states_of(
    contract_id: str, milestones: list[Row], amendments: list[Row]
) -> list[tuple[datetime | None, dict[str, Row]]]:
    """Milestones after each amendment, oldest first; the first entry is the agreement as signed (moment none)."""
    mine = sorted((row for row in amendments if row["contract_id"] == contract_id), key=lambda row: row["number"])
    state = {
        row["number"]: {
            "amount": row.get("amount"),
            "currency": row.get("currency"),
            "struck_out": "~~" in row.get("cost_raw", ""),
        }
        for row in milestones
        if row["contract_id"] == contract_id
    }
    states = []
    for row in reversed(mine):
        states.append((moment(row["date"]), {number: dict(terms) for number, terms in state.items()}))
        for change in row["changes"]:
            parts = change["field"].split(".")
            if parts[0] != "milestone":
                continue
            if len(parts) == 2 and change["before"] is None:
                del state[parts[1]]
            elif len(parts) == 2:
                state[parts[1]] = {**change["before"], "struck_out": False}
            elif len(parts) == 3 and parts[2] in ("amount", "currency"):
                state[parts[1]][parts[2]] = change["before"]
                state[parts[1]]["struck_out"] = False
    return [(None, state), *reversed(states)]


def price_at(states: list[tuple[datetime | None, dict[str, Row]]], number: str, at: datetime | None) -> Row:
    """The price in force at ``at`` (at the end if none); of a milestone not yet or no longer there, the nearest it had."""
    index = max(i for i, (since, _) in enumerate(states) if since is None or at is None or since <= at)
    order = [index, *range(index - 1, -1, -1), *range(index + 1, len(states))]
    return next(states[i][1][number] for i in order if number in states[i][1])


def entries_of(evaluation: Row) -> list[tuple[datetime, str]]:
    return sorted((moment(entry["date"]), entry["status"]) for entry in evaluation.get("status_history", []))


def earned(evaluations: list[Row], settles_after: timedelta) -> tuple[datetime | None, Row | None, str]:
    """The first acceptance that stood, with its evaluation; else why there is none.

    An acceptance falls by an unfinished status of the same evaluation, or by anybody's rejection, within the settle time.
    """
    acceptances = sorted(
        (
            (at, evaluation)
            for evaluation in evaluations
            for at, status in entries_of(evaluation)
            if status == "accepted"
        ),
        key=lambda pair: pair[0],
    )
    rejections = [
        at
        for evaluation in evaluations
        for at, status in entries_of(evaluation)
        if status in ("rejected", "needs_work")
    ]
    for at, evaluation in acceptances:
        own = [other for other, status in entries_of(evaluation) if status != "accepted"]
        if not any(at < other < at + settles_after for other in own + rejections):
            return at, evaluation, ""
    if acceptances:
        return None, None, "reopened"
    statuses = sorted(entry for evaluation in evaluations for entry in entries_of(evaluation))
    return None, None, "rejected" if statuses and statuses[-1][1] in ("rejected", "needs_work") else "no_acceptance"


def price_reasons(price: Row) -> list[str]:
    amount, currency = price["amount"], price["currency"]
    reasons = []
    if amount is None or price["struck_out"]:
        reasons.append("no_amount")
    elif amount == 0:
        reasons.append("zero_amount")
    if currency not in ISO:
        assert currency is None or currency in CRYPTO, currency
        reasons.append("unknown_currency")
    elif amount is not None and amount * 100 % 1 != 0:
        reasons.append("amount_too_precise")
    return reasons


def outcome(number: str, states: list[Any], evaluations: list[Row], settles_after: timedelta) -> Outcome:
    at, evaluation, why_not = earned(evaluations, settles_after)
    reasons = [why_not] if why_not else []
    if not any(number in state for _, state in states):
        return Outcome("waiting", ("not_in_agreement", *reasons), None, None, at, False, 0)
    removed = number not in states[-1][1]
    price = price_at(states, number, at)
    last = price_at(states, number, None)
    if removed and at is None:
        reasons.insert(0, "removed_from_agreement")
    reasons += price_reasons(price)
    changed = at is not None and (price["amount"], price["currency"]) != (last["amount"], last["currency"])
    items_open = int(evaluation["items_not_accepted"]) if evaluation else 0
    state = "waiting" if reasons else "billed"
    return Outcome(state, tuple(reasons), price["amount"], price["currency"], at, changed, items_open)


def expected_outcome(folder: Path, settles_after_days: int = 14) -> dict[str, Outcome]:
    """Final outcome per milestone reference (``{contract_id}/M{number}``), long after the record's last event.

    Contains every milestone that any version of an agreement has, and every one that a decision names.
    """
    contracts, milestones = rows(folder, "contracts"), rows(folder, "milestones")
    amendments, evaluations = rows(folder, "amendments"), rows(folder, "evaluations")
    outcomes: dict[str, Outcome] = {}
    for contract in contracts:
        contract_id = contract["contract_id"]
        mine = [row for row in evaluations if row.get("contract_id") == contract_id and row.get("status_history")]
        states = states_of(contract_id, milestones, amendments)
        numbers = {number for _, state in states for number in state}
        numbers |= {number for row in mine for number in row["milestone_numbers"]}
        for number in sorted(numbers):
            decided = [row for row in mine if number in row["milestone_numbers"]]
            found = outcome(number, states, decided, timedelta(days=settles_after_days))
            outcomes[f"{contract_id}/M{number}"] = found
        mark_exceeding(contract, outcomes)
    return outcomes


def mark_exceeding(contract: Row, outcomes: dict[str, Outcome]) -> None:
    """Mark what goes beyond the contract's last value, billed in the order of acceptance and in the contract's currency.

    It is billed all the same unless a tenant blocks it by the rule ``contract_value``.
    """
    value, currency = contract.get("total_value"), contract.get("currency")
    left = value
    refs = [ref for ref in outcomes if ref.rpartition("/M")[0] == contract["contract_id"]]
    billed = sorted((outcomes[ref].accepted_at, ref) for ref in refs if outcomes[ref].state == "billed")
    for _, ref in billed:
        found = outcomes[ref]
        if left is None or found.currency != currency or found.amount is None:
            continue
        if found.amount > left:
            outcomes[ref] = Outcome(**{**found.__dict__, "exceeds_contract_value": True})
        else:
            left -= found.amount
