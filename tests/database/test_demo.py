"""The demo that `billwright up --demo` shows: its blueprints hold, and its twelve weeks end as it promises."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy import select

from billwright.billing.tables import BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import ContractRow, ExternalReferenceRow, ProjectRow
from billwright.cli.demo_input import FIRMS, LAST_DAY, PARTNERS, Calendar, DemoFirm, read_firm, read_partner
from billwright.cli.demo_onboard import Install, onboard_firm, open_door, prepare
from billwright.cli.demo_outcome import Outcome, read_held, read_outcome
from billwright.cli.demo_pace import Pace
from billwright.collections.tables import DisputeRow
from billwright.documents.store import FileStore
from billwright.identity.act import operator
from billwright.insight.invariants import check_invariants
from billwright.intake.drop_folder import take_drops
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import check_brand
from billwright.kernel.clock import SetClock
from billwright.kernel.ids import new_id
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from billwright.web.app import make_app
from billwright.web.composition import all_handlers, controllers, dependencies, subscriptions
from billwright.web.services import Services
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.checks import check_blueprint, check_partner
from billwright_tenants.partner import apply_partner
from support.app import NOON
from support.http import settings_for

MASTER_KEY = "a master key of these tests alone"
WITH_DOCUMENTS = "clerval"
"""The firm whose PDFs are made and mailed here; they take most of the time."""
BY_SLUG = {firm.slug: firm for firm in FIRMS}


Fed = Callable[[str], tuple[Tenant, Blueprint]]


@dataclass(frozen=True, slots=True)
class InProcess:
    """Does the jobs in this process instead of asking for the workers."""

    database: Database
    handlers: Handlers
    folder: Path

    def settle(self, tenant: Tenant) -> None:
        drain(self.database, self.handlers, tenant_id=tenant.id)

    def take(self, tenant: Tenant, written: Sequence[Path]) -> None:
        take_drops(self.database, tenant, self.folder)
        assert [path.name for path in written if path.exists()] == []


@dataclass(frozen=True, slots=True)
class Stage:
    """Firms of the demo under names of their own, so that each test has fresh ones."""

    install: Install
    partner: str
    calendar: Calendar

    def firm(self, slug: str, *, render: bool = False) -> tuple[DemoFirm, Tenant, Blueprint]:
        firm = BY_SLUG[slug]
        blueprint = read_firm(firm)
        named = msgspec.structs.replace(blueprint.tenant, slug=f"{slug}-{new_id().hex[-12:]}")
        users = tuple(
            msgspec.structs.replace(user, email=f"{named.slug}.{user.email}", password=None) for user in blueprint.users
        )
        blueprint = msgspec.structs.replace(blueprint, tenant=named, users=users, hosts=(), render_documents=render)
        return firm, onboard_firm(self.install, self.partner, blueprint, self.calendar), blueprint

    def feed(self, firm: DemoFirm, tenant: Tenant, blueprint: Blueprint) -> Tenant:
        """All weeks."""
        with open_door(self.install, firm, tenant, blueprint) as door:
            return prepare(self.install, firm, tenant, blueprint, self.calendar, door).run(lambda _day: None)

    def outcome(self, tenant: Tenant) -> Outcome:
        return read_outcome(self.install.database, tenant)

    def read(self, tenant: Tenant, *columns: Any) -> list[Any]:
        with transaction(self.install.database, tenant, SYSTEM, read_only=True) as tx:
            return list(tx.session.execute(select(*columns)))


@pytest.fixture(scope="module")
def stage(migrated_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The whole app behind a client, and all handlers; its firms are told apart by their names."""
    settings = settings_for(tmp_path_factory.mktemp("demo"), BILLWRIGHT_MASTER_KEY=MASTER_KEY)
    database = Database(migrated_database.engine, migrated_database.owner_engine, SetClock(NOON)).with_subscriptions(
        subscriptions()
    )
    services = Services(settings=settings, database=database, dependencies=dependencies(settings))
    partner = msgspec.structs.replace(
        read_partner("northwind"), slug=f"partner-{new_id().hex[-12:]}", hosts=(), users=()
    )
    apply_partner(database, partner, operator("test"))
    workers = InProcess(database, all_handlers(settings, database), settings.drop)
    with TestClient(make_app(services, controllers())) as client:
        install = Install(database, settings, client, workers)
        yield Stage(install, partner.slug, Calendar(database.clock.now().date()))


@pytest.fixture(scope="module")
def fed(stage: Stage) -> Fed:
    """``fed(slug)``: a firm after its twelve weeks. Fed once for all tests that only look."""

    @cache
    def feed(slug: str) -> tuple[Tenant, Blueprint]:
        firm, tenant, blueprint = stage.firm(slug, render=slug == WITH_DOCUMENTS)
        return stage.feed(firm, tenant, blueprint), blueprint

    return feed


def test_blueprints_hold_and_look_like_four_firms() -> None:
    firms = [read_firm(firm) for firm in FIRMS]

    assert {firm.tenant.slug: check_blueprint(firm) for firm in firms} == {firm.slug: [] for firm in FIRMS}
    assert {slug: check_partner(read_partner(slug)) for slug in PARTNERS} == {slug: [] for slug in PARTNERS}
    brands = [firm.face for firm in firms]
    assert [check_brand(brand) for brand in brands] == [[], [], [], []]
    assert len({brand.primary for brand in brands}) == len({brand.accent for brand in brands}) == 4
    assert {(brand.font, firm.documents.template_set) for brand, firm in zip(brands, firms, strict=True)} == {
        ("serif", "modern"), ("sans", "modern"), ("sans", "classic"), ("serif", "classic"),
    }  # fmt: skip
    assert all(brand.logo_svg for brand in brands)


@pytest.mark.parametrize("slug", PARTNERS)
def test_no_demo_person_is_in_two_places(slug: str) -> None:
    everybody = [user.email for user in read_partner(slug).users]
    everybody += [user.email for firm in FIRMS if firm.partner == slug for user in read_firm(firm).users]

    assert len(everybody) == len(set(everybody))


def items(stage: Stage, tenant: Tenant) -> dict[str, BillableItemRow]:
    """Billable items by ``kind/key`` of the fact behind each."""
    query = select(ExternalReferenceRow.kind, ExternalReferenceRow.ref, BillableItemRow).join(
        BillableItemRow, BillableItemRow.subject_id == ExternalReferenceRow.object_id
    )
    with transaction(stage.install.database, tenant, SYSTEM, read_only=True) as tx:
        return {f"{kind}/{ref}": item for kind, ref, item in tx.session.execute(query)}


def drafts(stage: Stage, tenant: Tenant) -> dict[str, str]:
    """Where unissued drafts stand, by contract."""
    query = (
        select(ContractRow.ref, InvoiceRow.detail)
        .join(InvoiceLineRow, InvoiceLineRow.contract_id == ContractRow.id)
        .join(InvoiceRow, InvoiceRow.id == InvoiceLineRow.invoice_id)
        .where(InvoiceRow.issued_at.is_(None))
    )
    with transaction(stage.install.database, tenant, SYSTEM, read_only=True) as tx:
        return {row.ref: row.detail for row in tx.session.execute(query)}


def applied(stage: Stage, tenant: Tenant) -> dict[str, list[str]]:
    """How each payment found its receivables; an empty list while it waits."""
    query = select(PaymentRow.ref, PaymentApplicationRow.matched_by).outerjoin(
        PaymentApplicationRow, PaymentApplicationRow.payment_id == PaymentRow.id
    )
    found: dict[str, list[str]] = {}
    with transaction(stage.install.database, tenant, SYSTEM, read_only=True) as tx:
        for ref, how in tx.session.execute(query):
            found.setdefault(ref, []).extend([how] if how else [])
    return found


def test_consultants_show_both_what_is_billed_and_what_is_held(stage: Stage, fed: Fed) -> None:
    tenant, _ = fed("harbour-vale")

    outcome, found = stage.outcome(tenant), items(stage, tenant)
    assert outcome.messages == {"applied": 110, "superseded": 1}
    assert set(outcome.waiting) == {
        "no_acceptance", "change_order_unsigned", "rejected", "time_not_approved", "time_rejected", "expense_not_approved",
    }  # fmt: skip
    assert found["milestone/HV-105/A1"].reasons == ["change_order_unsigned"]
    assert found["milestone/HV-106/M2"].reasons == ["rejected"]
    assert found["milestone/HV-106/M1"].state == "billed", "its acceptance came before it"
    assert (found["milestone/HV-101/M2"].amount_minor, found["milestone/HV-101/M2"].state) == (62_000_00, "billed")
    assert outcome.held == {"purchase_order_missing": 1}
    assert read_held(stage.install.database, tenant) == [
        "6,000.00 GBP: Orlina Foods demands a purchase order, and contract HV-102 has none."
    ]
    assert {"near_duplicate", "acceptance_with_open_items", "purchase_order_nearly_used"} <= set(outcome.warnings)
    assert drafts(stage, tenant)["HV-108"] == "awaiting_manager"
    assert drafts(stage, tenant)["HV-104"] == "awaiting_finance"
    rates = {row for row in stage.read(tenant, InvoiceLineRow.description, InvoiceLineRow.unit_price) if "–" in row[0]}
    prices = {(who, format(price.normalize(), "f")) for who, price in rates}
    assert {
        ("Joss Ainley – Consultant", "140"),
        ("Joss Ainley – Consultant", "148"),
        ("Amara Quist – Consultant", "160"),
    } <= prices
    assert (outcome.paid, outcome.partly_paid, outcome.unapplied) == (4, 1, 1)
    assert sorted(applied(stage, tenant).values()) == [[], ["amount"], ["number"], ["number"], ["number"], ["number"]]
    assert set(outcome.reminders) == {1, 2, 3}
    assert outcome.posted == outcome.issued > 8
    assert outcome.dead_jobs == 0
    assert stage.read(tenant, ProjectRow.name).count(("Operating model office, phase 1",)) == 1


def test_it_firm_sends_signed_webhooks_and_a_forged_one_is_refused(stage: Stage, fed: Fed) -> None:
    tenant, _ = fed("brightloom")

    outcome, found = stage.outcome(tenant), items(stage, tenant)
    forged = [row for row in stage.read(tenant, SourceMessageRow.message_id) if "forged" in row[0]]
    assert forged == []
    assert found["milestone/BL-2001/M3"].reasons == ["reopened"]
    assert outcome.held == {"purchase_order_exceeded": 1}
    small = [
        row for row in stage.read(tenant, InvoiceRow.net_minor, InvoiceRow.number) if row[0] == 1_950_00 and row[1]
    ]
    assert len(small) == 6, "the matrix lets small amounts pass"
    assert (drafts(stage, tenant)["BL-2005"], drafts(stage, tenant)["BL-2006"]) == (
        "awaiting_manager",
        "awaiting_finance",
    )
    assert stage.read(tenant, DisputeRow.amount_minor, DisputeRow.state) == [(306_00, "open")]
    assert ["milestones"] * 4 in applied(stage, tenant).values()
    assert outcome.partly_paid == 1
    assert set(outcome.reminders) == {1, 2, 3}
    assert (outcome.posted, outcome.dead_jobs) == (outcome.issued, 0)


def test_engineers_drop_files_and_the_broken_row_is_told(stage: Stage, fed: Fed) -> None:
    tenant, _ = fed("kessler-rohde")

    outcome, found = stage.outcome(tenant), items(stage, tenant)
    folder = stage.install.settings.drop / tenant.slug / "projektablage"
    answers = "".join(path.read_text(encoding="utf-8-sig") for path in sorted(folder.glob("done/*.result.csv")))
    refused = [line.split(";") for line in answers.splitlines() if ";refused;" in line]
    assert [(line[1], line[3]) for line in refused] == [("refused", "hours")]
    assert outcome.rows_refused == 1
    assert set(outcome.waiting) == {"no_acceptance", "no_rate", "rejected"}
    assert found["milestone/KR-301/LP3"].amount_minor == 44_000_00, "20 % of the value that the change order raised"
    assert found["milestone/KR-304/M0"].amount_minor == 6_800_00
    assert (drafts(stage, tenant)["KR-306"], drafts(stage, tenant)["KR-307"]) == (
        "awaiting_manager",
        "awaiting_finance",
    )
    assert set(outcome.reminders) == {1, 2, 3}
    assert (outcome.posted, outcome.dead_jobs) == (outcome.issued, 0)


def test_lawyers_bill_fixed_fees_and_time(stage: Stage, fed: Fed) -> None:
    tenant, _ = fed("clerval")

    outcome, found = stage.outcome(tenant), items(stage, tenant)
    assert found["milestone/CL-404/E1"].amount_minor == 34_000_00, (
        "raised by a signed change order before the acceptance"
    )
    assert (drafts(stage, tenant)["CL-406"], drafts(stage, tenant)["CL-407"]) == (
        "awaiting_manager",
        "awaiting_finance",
    )
    assert outcome.partly_paid == 1
    assert set(outcome.reminders) == {1, 2, 3}
    assert outcome.documents == outcome.delivered == outcome.posted == outcome.issued > 8
    assert outcome.dead_jobs == 0


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


@pytest.mark.parametrize("firm", FIRMS, ids=lambda firm: firm.slug)
def test_invariants_hold_after_the_demo(stage: Stage, fed: Fed, firm: DemoFirm) -> None:
    tenant, _ = fed(firm.slug)

    verdicts = check_invariants(stage.install.database, tenant, FileStore(stage.install.settings.files))

    assert [offender for verdict in verdicts for offender in verdict.offenders] == []


def test_an_interrupted_demo_goes_on_where_it_was(stage: Stage, fed: Fed) -> None:
    """Interrupted after drafts were left waiting on purpose: whoever starts it again finds them waiting still."""
    firm, tenant, blueprint = stage.firm("brightloom")

    def interrupt(day: int) -> None:
        if day > -6:
            raise Interrupted

    with open_door(stage.install, firm, tenant, blueprint) as door:
        feed = prepare(stage.install, firm, tenant, blueprint, stage.calendar, door)
        with pytest.raises(Interrupted):
            feed.run(interrupt)
    tenant = stage.feed(firm, feed.tenant, blueprint)

    straight, _ = fed("brightloom")
    assert stage.outcome(tenant) == stage.outcome(straight)
    assert _facts(stage, tenant) == _facts(stage, straight)


@pytest.mark.parametrize("firm", FIRMS, ids=lambda firm: firm.slug)
def test_a_demo_fed_twice_adds_nothing(stage: Stage, fed: Fed, firm: DemoFirm) -> None:
    tenant, blueprint = fed(firm.slug)
    outcome, facts = stage.outcome(tenant), _facts(stage, tenant)

    tenant = stage.feed(firm, tenant, blueprint)

    again = stage.outcome(tenant)
    assert replace(again, rows_refused=outcome.rows_refused) == outcome, "a broken row is told each time"
    assert _facts(stage, tenant) == facts


@pytest.mark.parametrize("slug", ["harbour-vale", "clerval"])
def test_any_other_order_makes_the_same_items(stage: Stage, fed: Fed, slug: str) -> None:
    expected = _facts(stage, fed(slug)[0])
    firm, other, blueprint = stage.firm(slug)
    other = Pace(stage.install.database, stage.install.workers).advance(other, stage.calendar.evening(LAST_DAY))
    with open_door(stage.install, firm, other, blueprint) as door:
        feed = prepare(stage.install, firm, other, blueprint, stage.calendar, door)
        messages = [feed.message(record) for record in feed.records if record.kind and not record.do]
        random.Random(20260302).shuffle(messages)
        for start in range(0, len(messages), 30):
            door.send(messages[start : start + 30], stage.calendar.evening(LAST_DAY))
            stage.install.workers.settle(other)

    assert _facts(stage, other) == expected


def _facts(stage: Stage, tenant: Tenant) -> dict[str, tuple[Any, ...]]:
    """What is billable, at which price, and why not: the same however it came about. Drafted and billed are ready."""
    return {
        key: (
            "waiting" if item.state == "waiting" else "ready",
            tuple(item.reasons),
            item.amount_minor,
            item.currency,
            item.quantity,
            item.description,
        )
        for key, item in items(stage, tenant).items()
    }
