"""Two partners whose pages must look like two firms' products, with tenants in which something waits in every room.

Everything up to issuing goes through the real pipeline; what later rooms do (posting, delivery, payments) is put into
their tables, so that the portal's tests need no other server.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from billwright.billing.tables import InvoiceLineRow
from billwright.canon.tables import LegalEntityRow
from billwright.identity.act import operator
from billwright.identity.add_person import ensure_person
from billwright.identity.assign_role import give_role
from billwright.identity.passwords import hash_password
from billwright.issuing.tables import NumberSeriesRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import sanitise_svg
from billwright.kernel.clock import SetClock
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import ApprovalRule, DocumentSettings, TenantConfiguration, store_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.provision import provision_schema, role_of, schema_of
from billwright.tenancy.tables import HostNameRow, PartnerRow, TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.composition import spine_handlers, subscriptions
from support.pipeline import Firm, person
from support.portal_seed_rooms import fill_later_rooms

PASSWORD = "correct horse battery"
PASSWORD_HASH = hash_password(PASSWORD)
START = datetime(2026, 2, 8, 8, 0, tzinfo=UTC)
LOGO_HALDEN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 236 48">'
    '<rect x="2" y="6" width="36" height="36" rx="9" fill="#0b5d6b"/>'
    '<path d="M12 14v20M28 14v20M12 24h16" stroke="#fff" stroke-width="4" stroke-linecap="round"/>'
    '<text x="50" y="32" font-family="Inter, sans-serif" font-size="23" font-weight="600" fill="#0b5d6b">Halden Cloud</text></svg>'
)
LOGO_MERIDIAN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 250 48">'
    '<circle cx="22" cy="24" r="17" fill="none" stroke="#6d1f3c" stroke-width="3"/>'
    '<path d="M22 7v34M8 16q14 9 28 0M8 32q14-9 28 0" stroke="#6d1f3c" stroke-width="2.2" fill="none"/>'
    '<text x="50" y="32" font-family="Literata, serif" font-size="23" font-weight="600" '
    'fill="#6d1f3c">Meridian &amp; Co</text></svg>'
)
BRANDS: dict[str, dict[str, Any]] = {
    "halden": {
        "name": "Halden Cloud", "slug": "halden", "logo_svg": sanitise_svg(LOGO_HALDEN), "primary": "#0b5d6b",
        "accent": "#a04a00", "font": "sans", "radius_px": 8, "support_email": "help@halden.example",
    },
    "meridian": {
        "name": "Meridian & Co", "slug": "meridian", "logo_svg": sanitise_svg(LOGO_MERIDIAN), "primary": "#6d1f3c",
        "accent": "#7a5200", "font": "serif", "radius_px": 2, "support_email": "desk@meridian.example",
    },
}  # fmt: skip
HOSTS = {"halden": "halden.localhost", "meridian": "meridian.localhost"}
CONFIGURATION = TenantConfiguration(
    approvals=(
        ApprovalRule(name="Coastline: finance alone", customer="C-COAST", steps=("finance",)),
        ApprovalRule(name="Everything: manager, then finance", steps=("manager", "finance")),
    ),
    render_documents=False,
    deliver_by_mail=False,
    documents=DocumentSettings(template_set="modern", notes=("Thank you for your trust.",)),
)
MANAGER = person("Ines Okafor", "invoice:approve_manager")
FINANCE = person("Tom Berger", "invoice:approve_finance")


@dataclass(slots=True)
class PortalSeed:
    """What was made: ``people`` by e-mail, ``tenants`` by slug, ``partners`` by slug."""

    database: Database
    clock: SetClock
    partners: dict[str, UUID] = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)
    firms: dict[str, Firm] = field(default_factory=dict)
    people: dict[str, UUID] = field(default_factory=dict)


def seed_portal(database: Database, clock: SetClock) -> PortalSeed:
    """Make both partners with their tenants; the clock ends on 2 March 2026, 15:00 UTC."""
    seed = PortalSeed(database.with_subscriptions(subscriptions()), clock)
    for slug in BRANDS:
        _partner(seed, slug)
    people = {
        "halden": ["owner@halden.example:Mara Lindqvist:owner", "support@halden.example:Joel Adeyemi:support"],
        "meridian": ["owner@meridian.example:Claire Fontaine:owner"],
    }
    for partner, staff in people.items():
        for each in staff:
            _person(seed, partner, None, *each.split(":"))
    clock.moment = START
    _northgate(seed)
    small_firm(seed, "halden", "lumen", "Lumen Advisory", {"primary": "#2f6b3a", "font": "sans", "radius_px": 14})
    small_firm(seed, "meridian", "aldergate", "Aldergate Legal", {})
    _tenant(seed, "halden", "quiet", "Quiet Harbour Studio", {})
    clock.moment = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    return seed


def _partner(seed: PortalSeed, slug: str) -> None:
    identifier = seed.partners[slug] = new_id()
    with control_transaction(seed.database, SYSTEM) as tx:
        row = {
            "id": identifier,
            "slug": slug,
            "name": BRANDS[slug]["name"],
            "brand": BRANDS[slug],
            "created_at": tx.now,
        }
        tx.session.execute(insert(PartnerRow), [row])
        tx.session.execute(insert(HostNameRow), [{"host": HOSTS[slug], "partner_id": identifier, "tenant_id": None}])


def _tenant(seed: PortalSeed, partner: str, slug: str, name: str, brand: dict[str, Any]) -> Tenant:
    identifier = new_id()
    tenant = Tenant(
        id=identifier, slug=slug, name=name, partner_id=seed.partners[partner], schema=schema_of(identifier),
        role=role_of(identifier),
    )  # fmt: skip
    with seed.database.owner_engine.begin() as connection:
        provision_schema(connection, identifier)
    with control_transaction(seed.database, SYSTEM) as tx:
        row = {
            "id": identifier, "partner_id": tenant.partner_id, "slug": slug, "name": name, "schema_name": tenant.schema,
            "role_name": tenant.role, "state": "active", "plan": "standard", "brand": brand, "created_at": tx.now,
        }  # fmt: skip
        tx.session.execute(insert(TenantRow), [row])
    with transaction(seed.database, tenant, SYSTEM) as tx:
        store_configuration(tx, CONFIGURATION)
    seed.tenants[slug] = tenant
    return tenant


def _person(seed: PortalSeed, partner: str, tenant: Tenant | None, email: str, name: str, role: str) -> UUID:
    partner_id = seed.partners[partner]
    with control_transaction(seed.database, operator()) as tx:
        row, _ = ensure_person(tx, partner_id, email=email, name=name, password_hash=PASSWORD_HASH)
        give_role(tx, row.id, role, partner_id=partner_id, tenant_id=tenant.id if tenant else None)
    seed.people[email] = row.id
    return row.id


def _firm(seed: PortalSeed, tenant: Tenant, series: str) -> Firm:
    firm = Firm(seed.database, tenant, seed.clock, spine_handlers())
    profile = {
        "legal_name": f"{tenant.name} GmbH", "standard_tax_rate": "19", "default": True, "tax_id": "DE812345678",
        "registration": "HRB 48213 Hamburg", "email": f"billing@{tenant.slug}.example",
        "address": {"street": "Speicherstraße 12", "postal_code": "20457", "city": "Hamburg", "country": "DE"},
        "bank": {"holder": f"{tenant.name} GmbH", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "bank": "Commerzbank"},
    }  # fmt: skip
    with transaction(seed.database, tenant, SYSTEM) as tx:
        tx.session.execute(update(LegalEntityRow).values(name=tenant.name, profile=profile))
        tx.session.execute(update(NumberSeriesRow).values(pattern=series + "-{year}-{number:04d}"))
    seed.firms[tenant.slug] = firm
    return firm


NORTHGATE_PEOPLE = (
    "clerk@northgate.example:Hanna Vogel:billing_clerk",
    "manager@northgate.example:Samir Haddad:manager_approver",
    "finance@northgate.example:Ruth Keller:finance_approver",
    "collector@northgate.example:Paul Nowak:collector",
    "integration@northgate.example:Ana Duarte:integration_administrator",
    "auditor@northgate.example:Erik Holm:auditor",
    "admin@northgate.example:Lea Winter:tenant_administrator",
    "everything@northgate.example:Kim Sato:manager_approver",
    "everything@northgate.example:Kim Sato:finance_approver",
    "everything@northgate.example:Kim Sato:auditor",
)
CUSTOMERS = (
    ("C-MUELLER", "Müller & Söhne", "Müller & Söhne Anlagenbau GmbH", "DE", "de", False),
    ("C-ALPINE", "Alpine Rail", "Alpine Rail SA", "FR", "fr", False),
    ("C-COAST", "Coastline Energy", "Coastline Energy plc", "GB", "en", True),
    ("C-BOREALIS", "Borealis Data", "Borealis Data Oy", "FI", "en", False),
)


def _northgate(seed: PortalSeed) -> None:
    tenant = _tenant(seed, "halden", "northgate", "Northgate Engineering", {})
    for each in NORTHGATE_PEOPLE:
        _person(seed, "halden", tenant, *each.split(":"))
    firm = _firm(seed, tenant, "NG")
    for ref, name, legal_name, country, language, po_required in CUSTOMERS:
        address = {"street": "Industriestraße 48", "postal_code": "70565", "city": "Stuttgart", "country": country}
        firm.customer(
            ref, name=name, legal_name=legal_name, address=address, language=language, po_required=po_required,
            tax_id="", billing_email=f"ap@{ref.lower()}.example", contacts=[{"name": "Petra Kühn"}],
        )  # fmt: skip
    _mueller(firm)
    _alpine(firm)
    _more_drafts(firm)
    _coastline(firm)
    _borealis(seed, firm)
    _held_message(firm)
    _decide_next(firm, MANAGER, "Fire safety")
    firm.clock.moment = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    _decide_next(firm, MANAGER, "Harbour crane")
    _decide_next(firm, FINANCE, "Harbour crane")
    fill_later_rooms(firm)


def _earn(
    firm: Firm, contract: str, ref: str, name: str, amount: str, *, days: int, evidence: bool = True, **more: Any
) -> None:
    """A milestone, its evidence, and (unless ``decided_by`` is empty) its acceptance, ``days`` later than the last."""
    firm.milestone(ref, contract, number=ref.rpartition("-")[2], name=name, amount=amount, clause="4.2", **more)
    firm.clock.moment += timedelta(days=days)
    if evidence:
        firm.send(
            "evidence", ref=f"E-{ref}", contract=contract, milestones=[ref], title=f"{name}: signed protocol",
            uri=f"https://files.example/{ref.lower()}.pdf", media_type="application/pdf",
        )  # fmt: skip


def _alpine(firm: Firm) -> None:
    firm.send("project", ref="P-ALPINE", name="Gotthard signalling renewal", customer="C-ALPINE", code="GSR-7")
    clauses = [{"number": "4.2", "title": "Payment by milestones", "text": "Each milestone is payable on acceptance."}]
    firm.contract(
        "K-ALPINE", customer="C-ALPINE", project="P-ALPINE", number="AR-2025-117", title="Signalling renewal",
        value="248000.00", clauses=clauses,
    )  # fmt: skip
    names = (
        "Survey and inception report",
        "Interlocking concept",
        "Detailed design, section A",
        "Site acceptance test, section A",
    )
    amounts = ("18500.00", "42000.00", "61250.00", "38900.00")
    for place, (name, amount) in enumerate(zip(names, amounts, strict=True), start=1):
        _earn(firm, "K-ALPINE", f"A-M{place}", name, amount, days=4)
        firm.accept(f"A-M{place}", "K-ALPINE", decided_by="Luc Perrin, Alpine Rail")
        if place < 3:
            _approve_all(firm, name)
    _earn(firm, "K-ALPINE", "A-M5", "Training of operators", "12600.00", days=1)


def _mueller(firm: Firm) -> None:
    firm.contract(
        "K-MUELLER", customer="C-MUELLER", number="MS-0042", title="Plant extension", value="96000.00",
        purchase_order={"number": "4500017733", "value": "90000.00"},
    )  # fmt: skip
    firm.send(
        "change_order", ref="CO-1", contract="K-MUELLER", number="CO-1", title="Second boiler house", value_after="101000.00",
        currency_after="EUR", signed_at=firm.clock.now().isoformat(), signed_by="Dr. Ernst Müller",
    )  # fmt: skip
    _earn(firm, "K-MUELLER", "M-1", "Basic engineering", "27400.00", days=2)
    firm.accept("M-1", "K-MUELLER", decided_by="Dr. Ernst Müller")
    _approve_all(firm)
    _earn(firm, "K-MUELLER", "M-2", "Boiler house, permit drawings", "12400.00", days=2, change_order="CO-1")
    firm.accept("M-2", "K-MUELLER", decided_by="Dr. Ernst Müller")
    _decide_next(firm, MANAGER)
    firm.milestone("M-3", "K-MUELLER", number="3", name="Structural review", amount="9800.00")


def _more_drafts(firm: Firm) -> None:
    """Drafts that wait for the manager; one bills the manager's own hours."""
    for place, (name, amount) in enumerate(
        (("Harbour crane inspection", "6400.00"), ("Fire safety concept", "21980.50")), start=1
    ):
        contract = f"K-SMALL-{place}"
        firm.contract(
            contract,
            customer="C-MUELLER",
            number=f"MS-010{place}",
            title=name,
            value="30000.00",
            purchase_order={"number": f"45000{place}"},
        )
        _earn(firm, contract, f"S{place}-1", name, amount, days=0)
        firm.accept(f"S{place}-1", contract, decided_by="Dr. Ernst Müller")
    firm.contract(
        "K-OWN",
        customer="C-BOREALIS",
        number="BD-44",
        title="Audit support",
        billing="time_and_materials",
        value="40000.00",
    )
    rates = [{"role": "Principal", "hourly": "190.00", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R-OWN", contract="K-OWN", currency="EUR", rates=rates)
    firm.send(
        "time_entry", ref="T-OWN", contract="K-OWN", person_name="Samir Haddad", person_email="manager@northgate.example",
        role="Principal", worked_on="2026-02-20", hours="8", note="Preparation of the audit", status="approved",
        approved_by="Ines Okafor",
    )  # fmt: skip


def _coastline(firm: Firm) -> None:
    firm.contract("K-COAST", customer="C-COAST", number="CE-9", title="Substation retrofit", value="55000.00")
    _earn(firm, "K-COAST", "C-1", "Load flow study", "15750.00", days=1, evidence=False)
    firm.accept("C-1", "K-COAST", decided_by="J. Whitfield")
    _earn(firm, "K-COAST", "C-2", "Protection concept", "8200.00", days=0, evidence=False)


def _borealis(seed: PortalSeed, firm: Firm) -> None:
    firm.contract(
        "K-BOR",
        customer="C-BOREALIS",
        number="BD-31",
        title="Data centre advisory",
        billing="time_and_materials",
        value="40000.00",
    )
    rates = [{"role": "Principal", "hourly": "185.00", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R-BOR", contract="K-BOR", currency="EUR", rates=rates)
    hours = (("T-1", "6.5", "approved"), ("T-2", "7.25", "approved"), ("T-3", "4.0", "submitted"))
    for ref, spent, status in hours:
        firm.send(
            "time_entry", ref=ref, contract="K-BOR", person_name="Samir Haddad", person_email="manager@northgate.example",
            role="Principal", worked_on="2026-02-25", hours=spent, note="Cooling concept workshop", status=status,
            approved_by="Ines Okafor" if status == "approved" else "",
        )  # fmt: skip
    returned = [row for row in firm.invoices() if row.detail == "awaiting_manager" and row.net_minor < 3_000_00]
    if returned:
        firm.decide(
            MANAGER,
            "return",
            "The workshop on 25 February was free of charge; see the mail of 20 February.",
            returned[0],
        )


def _held_message(firm: Firm) -> None:
    firm.store([firm.event("spaceship", {"ref": "X-1"})])
    firm.drain()


def _decide_next(firm: Firm, actor: Any, about: str = "") -> None:
    """Approve what waits for the actor's role; only drafts with ``about`` in a line when it is given."""
    step = "manager" if actor is MANAGER else "finance"
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        named = set(
            tx.session.scalars(select(InvoiceLineRow.invoice_id).where(InvoiceLineRow.description.contains(about)))
        )
    for row in firm.invoices():
        if row.detail == f"awaiting_{step}" and row.id in named:
            firm.decide(actor, invoice=row)


def _approve_all(firm: Firm, about: str = "") -> None:
    _decide_next(firm, MANAGER, about)
    _decide_next(firm, FINANCE, about)


def small_firm(seed: PortalSeed, partner: str, slug: str, name: str, brand: dict[str, Any]) -> None:
    """A firm with people of three kinds, one issued invoice and one draft that waits for the manager."""
    tenant = _tenant(seed, partner, slug, name, brand)
    _person(seed, partner, tenant, f"manager@{slug}.example", "Noor Rahman", "manager_approver")
    _person(seed, partner, tenant, f"clerk@{slug}.example", "Felix Brandt", "billing_clerk")
    _person(seed, partner, tenant, f"admin@{slug}.example", "Vera Lang", "tenant_administrator")
    for role in ("manager_approver", "finance_approver", "auditor"):
        _person(seed, partner, tenant, f"everything@{slug}.example", "Kim Sato", role)
    firm = _firm(seed, tenant, slug[:2].upper())
    firm.customer(
        "C1",
        name="Harbour Trust",
        tax_id="",
        address={"street": "1 Quay", "postal_code": "M3 3JE", "city": "Manchester", "country": "GB"},
    )
    firm.contract("K1", number="HT-1", title="Operating model review", value="30000.00")
    _earn(firm, "K1", "M1", "Interviews and findings", "9500.00", days=0)
    firm.accept("M1", "K1", decided_by="Board of Harbour Trust")
    _approve_all(firm)
    _earn(firm, "K1", "M2", "Target picture", "11000.00", days=0)
    firm.accept("M2", "K1", decided_by="Board of Harbour Trust")
