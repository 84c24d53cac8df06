"""A record of agreements of our own making, in the shape of the real one: for machines where that does not lie."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

FIRMS: Final = 60
BUYER: Final = "Meridian Foundation"
CURRENCIES: Final = ("USD", "USD", "USD", "EUR", "CHF", "DAI")
FIRST: Final = ("Arden", "Birch", "Cobalt", "Dunmore", "Elm", "Fenwick", "Granite", "Harbour", "Iris", "Juniper")
SECOND: Final = ("Systems", "Works", "Labs", "Analytics", "Engineering", "Studio")
SUBJECTS: Final = (
    "Ledger reconciliation service", "Field survey tooling", "Permit archive", "Load forecasting model",
    "Supplier onboarding portal", "Bridge inspection records", "Grid balancing simulator", "Contract search",
)  # fmt: skip
SPECIFICATIONS: Final = (
    "The repository carries the agreed licence.",
    "Inline documentation of the code, and a tutorial that shows how a new member of the team sets the system up and runs it.",
    "Core functions are covered by automated tests; the guide describes how to run them and what their results mean.",
    "A container image with which everything delivered in this step can be run.",
    "A report that describes what was done, what was measured, which assumptions did not hold, and what follows for the next "
    "step; with the raw figures and the scripts that made them, so that the buyer's engineers can repeat each one.",
)  # fmt: skip

Row = dict[str, Any]


def write_record(folder: Path, *, firms: int = FIRMS) -> None:
    """The record's files in ``folder``, the same in every run."""
    files: dict[str, list[Row]] = defaultdict(list)
    for number in range(firms):
        for name, row in firm_rows(number, random.Random(number)):
            files[name].append(row)
    for name in (
        "contracts", "milestones", "amendments", "deliveries", "evaluations", "status_events", "invoice_events", "documents",
    ):  # fmt: skip
        text = "".join(json.dumps(row) + "\n" for row in files[name])
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


def firm_rows(number: int, chance: random.Random) -> Iterator[tuple[str, Row]]:
    name = f"{FIRST[number % 10]} {SECOND[number // 10 % 6]}"
    for agreement in range(chance.randint(1, 2)):
        contract_id = f"own:{name.lower().replace(' ', '-')}-{agreement + 1}"
        signed = datetime(2022, 1, 3, 9, tzinfo=UTC) + timedelta(days=chance.randint(0, 900))
        yield from agreement_rows(contract_id, name, signed, chance)


def agreement_rows(contract_id: str, firm: str, signed: datetime, chance: random.Random) -> Iterator[tuple[str, Row]]:
    title, currency = chance.choice(SUBJECTS), chance.choice(CURRENCIES)
    prices = [chance.randrange(2_000, 30_000, 500) for _ in range(chance.randint(1, 4))]
    raised = chance.random() < 0.25
    first = sum(prices)
    if raised:
        prices[-1] += 1_000
    yield "contracts", {
        "contract_id": contract_id, "title": title, "supplier": firm, "supplier_legal_entity": f"{firm} Ltd", "buyer": BUYER,
        "currency": currency, "total_value": sum(prices), "original_total_value": first, "original_currency": currency,
        "total_raw": f"{sum(prices)} {currency}", "proposed_at": signed.isoformat(), "signed_at": signed.isoformat(),
        "signed_title": title, "amendment_count": int(raised), "milestone_count": len(prices), "status": "accepted",
    }  # fmt: skip
    if raised:
        change = {"field": f"milestone.{len(prices)}.amount", "before": prices[-1] - 1_000, "after": prices[-1]}
        yield "amendments", {
            "amendment_id": f"{contract_id}/A1", "contract_id": contract_id, "number": 1, "kinds": ["price"],
            "date": (signed + timedelta(days=20)).isoformat(), "title": "Wider scope of the last step", "by": "J. Ferrant",
            "total_before": first, "total_after": sum(prices), "changes": [change], "changes_cut": 0, "bulk_commit": False,
        }  # fmt: skip
    for position, price in enumerate(prices, start=1):
        done = signed + timedelta(days=40 * position + chance.randint(0, 20))
        yield from milestone_rows(contract_id, position, price, currency, done, chance)


def milestone_rows(
    contract_id: str, position: int, price: int, currency: str, done: datetime, chance: random.Random
) -> Iterator[tuple[str, Row]]:
    number = str(position)
    about = {"contract_id": contract_id, "milestone_numbers": [number]}
    deliverables = [
        {"number": f"{index}", "deliverable": f"Part {index}", "specification": chance.choice(SPECIFICATIONS)}
        for index in range(1, chance.randint(3, 10))
    ]
    yield "milestones", {
        "milestone_id": f"{contract_id}/M{number}", "contract_id": contract_id, "number": number, "position": position,
        "name": f"Step {number}: {chance.choice(SUBJECTS).lower()}", "amount": price, "currency": currency,
        "currency_stated": True, "cost_raw": f"{price} {currency}", "deliverable_count": len(deliverables),
        "deliverables": deliverables,
    }  # fmt: skip
    if chance.random() < 0.2:
        return
    key = f"{contract_id.replace(':', '-')}-{number}"
    links = [f"https://files.example/{key}/{item['number']}" for item in deliverables]
    items = [{**item, "evidence": [link], "accepted": True} for item, link in zip(deliverables, links, strict=True)]
    yield "deliveries", {
        **about, "delivery_id": f"d:{key}", "match": "stated", "submitted_at": done.isoformat(), "submitted_by": "supplier",
        "merged_at": done.isoformat(), "items": items, "text": "Delivered as agreed.",
    }  # fmt: skip
    decided = (done + timedelta(days=9)).isoformat()
    status = "rejected" if chance.random() < 0.1 else "accepted"
    yield "evaluations", {
        **about, "evaluation_id": f"e:{key}", "match": "stated", "status": status, "status_raw": status,
        "evaluator": "R. Hollander", "evaluated_at": decided, "last_changed_at": decided, "merged_at": decided, "rounds": 1,
        "items": items, "items_not_accepted": 0, "text": chance.choice(SPECIFICATIONS),
        "status_history": [
            {"status": "in_progress", "date": done.isoformat(), "by": "R. Hollander"},
            {"status": status, "date": decided, "by": "R. Hollander"},
        ],
    }  # fmt: skip
    yield "status_events", {"contract_id": contract_id, "date": decided, "event": "milestone_done", "commit": key}
    if chance.random() < 0.2:
        yield "invoice_events", {
            **about, "event_id": f"i:{key}", "date": decided[:10], "event": "chased", "quote": "Any news of our invoice?",
        }  # fmt: skip
