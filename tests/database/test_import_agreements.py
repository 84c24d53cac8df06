"""The real record through the whole spine: milestone by milestone as the independent oracle says, in any order."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from billwright.billing.tables import AllocationRow, BillableItemRow, InvoiceRow
from billwright.canon.tables import ExternalReferenceRow
from billwright.cli.import_command import run_import
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.kernel.settings import read_settings
from billwright.tenancy.database import Database
from billwright.tenancy.directory import list_tenants
from billwright.tenancy.transaction import transaction
from billwright_tenants.blueprint import PartnerBlueprint
from billwright_tenants.partner import apply_partner
from connectors.expected import Outcome, expected_outcome

RECORD = Path(__file__).parents[2].parent / "shared" / "material" / "agreements"
Import = Callable[..., tuple[str, dict[str, Any]]]


@pytest.fixture
def import_folder(migrated_database: Database, tmp_path: Path) -> Import:
    """``import_folder(folder, **options)`` -> (partner, result), each under a partner of its own."""

    def run(folder: Path, **options: Any) -> tuple[str, dict[str, Any]]:
        partner = f"p{new_id().hex[-10:]}"
        apply_partner(migrated_database, PartnerBlueprint(slug=partner, name="Record keepers"), SYSTEM)
        settings = replace(read_settings({"BILLWRIGHT_HOME": str(tmp_path)}), master_key="k" * 32)
        return partner, run_import(migrated_database, settings, folder, partner=partner, **options)

    return run


def outcomes(database: Database, partner: str) -> dict[str, tuple[str, str | None, Decimal | None, str | None]]:
    """Milestone ref -> (state, first reason, billed amount, currency), over all tenants of the partner."""
    found: dict[str, tuple[str, str | None, Decimal | None, str | None]] = {}
    for tenant in list_tenants(database, partner=partner):
        with transaction(database, tenant, SYSTEM, read_only=True) as tx:
            query = (
                select(ExternalReferenceRow.ref, BillableItemRow, AllocationRow.amount_minor, InvoiceRow.number)
                .join(BillableItemRow, BillableItemRow.subject_id == ExternalReferenceRow.object_id)
                .join(AllocationRow, AllocationRow.item_id == BillableItemRow.id, isouter=True)
                .join(InvoiceRow, InvoiceRow.id == AllocationRow.invoice_id, isouter=True)
                .where(ExternalReferenceRow.kind == "milestone")
            )
            for ref, item, minor, number in tx.session.execute(query):
                assert ref not in found, f"{ref} has two items"
                assert (item.state == "billed") == (number is not None)
                amount = Money(minor, item.currency).decimal if minor is not None else None
                reason = item.reasons[0] if item.reasons else None
                found[ref] = (item.state, reason, amount, item.currency if minor is not None else None)
    return found


def as_expected(outcome: Outcome) -> tuple[str, str | None, Decimal | None, str | None]:
    if outcome.state == "billed":
        assert outcome.amount is not None
        return ("billed", None, outcome.amount.quantize(Decimal("0.01")), outcome.currency)
    return ("waiting", outcome.reason, None, None)


def issued(result: dict[str, Any]) -> int:
    """Invoices of the result, whatever became of them after issuing."""
    return sum(count for phase, count in result["invoices"].items() if isinstance(count, int))


@pytest.mark.slow
@pytest.mark.skipif(not RECORD.is_dir(), reason="the real record does not ship with the project")
def test_every_milestone_of_the_record_ends_as_the_oracle_says(
    import_folder: Import, migrated_database: Database
) -> None:
    partner, result = import_folder(RECORD)
    expected = {ref: as_expected(outcome) for ref, outcome in expected_outcome(RECORD).items()}
    found = outcomes(migrated_database, partner)
    assert {ref: found.get(ref) for ref in expected} == expected
    assert result["messages"] == {"total": 2997, "applied": 2997, "held_reasons": {}}
    assert issued(result) == result["milestones"]["billed"] == 318
    assert len(result["refused"]) == 19


@pytest.mark.slow
@pytest.mark.skipif(not RECORD.is_dir(), reason="the real record does not ship with the project")
def test_out_of_order_and_twice_over_the_record_ends_the_same(
    import_folder: Import, migrated_database: Database
) -> None:
    partner, result = import_folder(RECORD, shuffle=20261122, repeat=2)
    expected = {ref: as_expected(outcome) for ref, outcome in expected_outcome(RECORD).items()}
    found = outcomes(migrated_database, partner)
    assert {ref: found.get(ref) for ref in expected} == expected
    assert issued(result) == 318


def write_record(folder: Path) -> None:
    """A record of our own in the same shape: accepted, unaccepted, repriced after acceptance, in bitcoin."""
    contract = {
        "contract_id": "x:one", "title": "One", "supplier": "Firm One", "buyer": "Buyer", "currency": "USD",
        "total_value": 900, "original_total_value": 700, "original_currency": "USD", "proposed_at": "2024-01-01T00:00:00+00:00",
        "signed_at": "2024-01-02T00:00:00+00:00", "signed_title": "One", "amendment_count": 1, "milestone_count": 4,
        "source_repo": "x", "first_commit": "a", "source_commit": "b", "source_path": "p", "status": "accepted",
    }  # fmt: skip
    milestones = [
        {
            "milestone_id": f"x:one/M{n}", "contract_id": "x:one", "number": str(n), "position": n, "name": f"Step {n}",
            "amount": amount, "currency": currency, "currency_stated": True, "deliverable_count": 0, "cost_raw": str(amount),
        }
        for n, amount, currency in ((1, 500, "USD"), (2, 300, "USD"), (3, 1, "BTC"), (4, 100, "USD"))
    ]  # fmt: skip
    amendment = {
        "amendment_id": "x:one/A1", "contract_id": "x:one", "number": 1, "date": "2024-06-01T00:00:00+00:00",
        "kinds": ["price"], "title": "More for step 1", "by": "b", "total_before": 700, "total_after": 900,
        "changes": [{"field": "milestone.1.amount", "before": 300, "after": 500}], "changes_cut": 0, "bulk_commit": False,
        "commit": "c", "path": "p",
    }  # fmt: skip
    evaluations = [
        {
            "evaluation_id": f"e:{n}", "contract_id": "x:one", "match": "application_link", "milestone_numbers": [str(n)],
            "status": status, "status_raw": status, "evaluator": "e", "evaluated_at": f"2024-03-0{n}T00:00:00+00:00",
            "last_changed_at": f"2024-03-0{n}T00:00:00+00:00", "merged_at": f"2024-03-0{n}T00:00:00+00:00", "rounds": 1,
            "status_history": [{"status": status, "date": f"2024-03-0{n}T00:00:00+00:00", "by": "e"}], "items": [],
            "items_not_accepted": 0, "text": "", "commit": "c",
        }
        for n, status in ((1, "accepted"), (3, "accepted"), (4, "rejected"))
    ]  # fmt: skip
    files = {"contracts": [contract], "milestones": milestones, "amendments": [amendment], "evaluations": evaluations}
    for name in ("deliveries", "status_events", "invoice_events", "documents"):
        files[name] = []
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")


@pytest.mark.parametrize("options", [{}, {"shuffle": 3}, {"repeat": 3}, {"shuffle": 5, "repeat": 2}])
def test_a_record_in_the_same_shape_ends_the_same_in_any_order(
    import_folder: Import, migrated_database: Database, tmp_path: Path, options: dict[str, int]
) -> None:
    folder = tmp_path / "record"
    folder.mkdir()
    write_record(folder)
    partner, result = import_folder(folder, **options)
    assert outcomes(migrated_database, partner) == {
        "x:one/M1": ("billed", None, Decimal("300.00"), "USD"),
        "x:one/M2": ("waiting", "no_acceptance", None, None),
        "x:one/M3": ("waiting", "unknown_currency", None, None),
        "x:one/M4": ("waiting", "rejected", None, None),
    }
    assert result["milestones"]["notes"]["price_changed_after_acceptance"] == 1
    assert result["invoices"]["net_by_currency"] == {"USD": "300.00"}
