"""What a campaign consists of, all of it from one seed: sizes, facts in disorder, and the order of the faults."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

KILLS = ("api", "dispatcher", "worker")
FAULTS_BESIDE_KILLS = ("redis flushed", "redis stopped", "postgres restarted", "disk full", "clock step")
START = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Size:
    """``facts`` over all tenants; each is sent ``copies`` times on average. ``papered``: tenants that render and mail."""

    facts: int
    tenants: int
    kills: int
    others: int
    copies: float = 3.0
    papered: int = 1
    redis_away_s: float = 5.0
    disk_full_s: float = 5.0


FULL = Size(facts=10_000, tenants=20, kills=200, others=10, papered=2, redis_away_s=60.0, disk_full_s=20.0)
PART = Size(facts=900, tenants=6, kills=14, others=5, papered=1)


@dataclass(frozen=True)
class Milestone:
    """One thing that must be billed once, or never: ``billable`` is false for what nobody accepted."""

    tenant: int
    ref: str
    amount: str
    billable: bool


def milestones(size: Size, seed: int) -> list[Milestone]:
    """Three facts each (contract, milestone, acceptance), two for those that nobody accepts."""
    dice = random.Random(f"milestones {seed}")
    found = []
    facts = 2 * size.tenants  # two customers each
    number = 0
    while facts < size.facts:
        billable = dice.random() < 0.95
        amount = f"{dice.randrange(1, 9_000)}.{dice.randrange(100):02d}"
        found.append(Milestone(number % size.tenants, f"M{number}", amount, billable))
        facts += 3 if billable else 2
        number += 1
    return found


def events(size: Size, seed: int) -> dict[int, list[bytes]]:
    """Each tenant's messages: every fact at least once, ``copies`` times on average, shuffled."""
    dice = random.Random(f"events {seed}")
    facts: dict[int, list[bytes]] = {tenant: [] for tenant in range(size.tenants)}
    for messages in facts.values():
        address = {"street": "Rue 1", "postal_code": "75001", "city": "Paris", "country": "FR"}
        for ref in ("C0", "C1"):
            customer = {"name": f"Client {ref}", "address": address, "billing_email": f"{ref.lower()}@client.example"}
            messages.append(_event("customer", ref, customer))
    for milestone in milestones(size, seed):
        facts[milestone.tenant] += _facts_of(milestone, f"C{dice.randrange(2)}")
    for tenant, once in facts.items():
        more = dice.choices(once, k=int(len(once) * (size.copies - 1)))
        sent = once + more
        dice.shuffle(sent)
        facts[tenant] = sent
    return facts


def _facts_of(milestone: Milestone, customer: str) -> Iterator[bytes]:
    contract = f"K-{milestone.ref}"
    terms = {"number": contract, "customer": customer, "signed_on": "2026-01-10", "currency": "EUR"}
    yield _event("contract", contract, {**terms, "value": milestone.amount})
    text = {"contract": contract, "number": "1", "name": "Design", "currency": "EUR", "amount": milestone.amount}
    yield _event("milestone", milestone.ref, text)
    if milestone.billable:
        decided = (START + timedelta(hours=1)).isoformat()
        decision = {"contract": contract, "milestones": [milestone.ref], "decision": "accepted", "decided_at": decided}
        yield _event("acceptance", f"A-{milestone.ref}", decision)


def _event(kind: str, ref: str, data: dict[str, Any]) -> bytes:
    body = {
        "specversion": "1.0", "id": f"{kind}-{ref}", "source": "drill", "type": f"billwright.{kind}.v1",
        "time": START.isoformat(), "data": {"ref": ref, **data},
    }  # fmt: skip
    return json.dumps(body).encode()


def schedule(size: Size, seed: int) -> list[str]:
    """The order of the faults; the same seed gives the same one."""
    dice = random.Random(f"schedule {seed}")
    faults = [f"kill {dice.choice(KILLS)}" for _ in range(size.kills)]
    faults += [FAULTS_BESIDE_KILLS[number % len(FAULTS_BESIDE_KILLS)] for number in range(size.others)]
    dice.shuffle(faults)
    return faults


def describe(size: Size, seed: int) -> dict[str, Any]:
    return {"seed": seed, **asdict(size), "schedule": dict(Counter(schedule(size, seed)))}
