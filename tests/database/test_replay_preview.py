"""What a replay would change in money, shown before anything changes; then applied by the command, audited."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import BillableItemRow
from billwright.canon.tables import MilestoneRow
from billwright.insight.preview_replay import ReplayPreview, preview_replay
from billwright.jobs.enqueue import enqueue
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import PermissionDeniedError
from billwright.kernel.events import JobSpec
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm


@pytest.fixture
def wrong(firm: Firm) -> Firm:
    """A milestone that waits for its acceptance, at a price that an earlier mapping got wrong by half."""
    firm.customer()
    firm.contract()
    firm.milestone("M1")
    firm.milestone("M2")
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(MilestoneRow).where(MilestoneRow.ref == "M1").values(amount=Decimal("5000.00")))
        contract = tx.session.scalars(select(MilestoneRow.contract_id)).first()
        enqueue(tx, [JobSpec(kind="billing.evaluate", key=f"evaluate:{contract}", payload={"contract_id": contract})])
    firm.drain()
    return firm


def preview(firm: Firm, actor: Actor = SYSTEM) -> ReplayPreview:
    start = firm.clock.now() - timedelta(days=1)
    return preview_replay(firm.database, firm.tenant, actor, start=start, end=start + timedelta(days=2))


def prices(firm: Firm) -> list[int | None]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(BillableItemRow.amount_minor).order_by(BillableItemRow.transaction_key)))


def test_differences_in_facts_and_in_money_per_object_and_nothing_is_kept(wrong: Firm) -> None:
    before, said = prices(wrong), _written(wrong)
    shown = preview(wrong)
    (fact,) = shown.facts.differences
    assert [(each.field, each.difference) for each in fact.fields] == [("amount", Decimal("5000.00"))]
    (money,) = shown.money
    assert money.transaction_key.startswith("milestone:")
    assert money.amount_before is not None
    assert money.amount_after is not None
    assert (money.amount_before.amount, money.amount_after.amount) == ("5000.00", "10000.00")
    assert not money.billed
    assert shown.by_currency == {"EUR": "5000.00"}
    assert prices(wrong) == before
    assert _written(wrong) == said


def _written(firm: Firm) -> tuple[int, int]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        entries = tx.session.scalar(select(func.count()).select_from(AuditEntryRow)) or 0
        return entries, tx.session.scalar(select(func.count()).where(JobRow.tenant_id == firm.tenant.id)) or 0


def test_where_nothing_differs_nothing_is_shown(firm: Firm) -> None:
    firm.customer()
    firm.contract()
    firm.milestone("M1")
    firm.accept("M1")
    shown = preview(firm)
    assert (shown.facts.differences, shown.money, shown.by_currency) == ([], [], {})


def test_who_may_not_replay_sees_nothing(wrong: Firm) -> None:
    with pytest.raises(PermissionDeniedError):
        preview(wrong, Actor(kind="person", name="Joe", permissions=frozenset({"message:read"})))


def test_the_command_shows_asks_and_applies(wrong: Firm, database_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": database_url, "BILLWRIGHT_HOME": str(tmp_path)}

    def run(*options: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "billwright", "replay", "--tenant", wrong.tenant.slug]
        command += ["--from", "2026-03-01", "--to", "2026-03-04", *options]
        return subprocess.run(command, env=environment, input=answer, capture_output=True, text=True, check=False)

    looked = run("--dry-run", "--json")
    assert json.loads(looked.stdout)["by_currency"] == {"EUR": "5000.00"}, looked.stderr
    refused = run(answer="n\n")
    assert refused.returncode == 1
    assert "EUR 5000.00" in refused.stdout
    wrong.drain()
    assert prices(wrong)[0] == 500_000
    assert run("--yes").returncode == 0
    wrong.clock.moment = datetime.now(UTC) + timedelta(minutes=1)  # the command lives by the machine's clock
    wrong.drain()
    assert prices(wrong) == [1_000_000, 1_000_000]
    with transaction(wrong.database, wrong.tenant, SYSTEM) as tx:
        query = select(AuditEntryRow.action).where(AuditEntryRow.action == "messages.replayed")
        assert tx.session.scalars(query).all() == ["messages.replayed"]
    assert run("--from", "yesterday").returncode == 2
