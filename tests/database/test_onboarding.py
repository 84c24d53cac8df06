"""Applying a blueprint, again and again: what it makes, what it changes, what it keeps and what it refuses."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import yaml
from sqlalchemy import select, text

from billwright.audit.tables import AuditEntryRow, ControlAuditEntryRow
from billwright.canon.tables import LegalEntityRow
from billwright.identity.act import operator
from billwright.identity.log_in import log_in
from billwright.identity.queries import roles_of
from billwright.identity.tables import PersonRow
from billwright.intake.tables import ConnectionRow
from billwright.issuing.tables import NumberSeriesRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import ConflictError, NotFoundError, PermissionDeniedError
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.provision import schema_of
from billwright.tenancy.secrets import open_sealed
from billwright.tenancy.tables import HostNameRow, TenantRow
from billwright.tenancy.transaction import control_transaction, transaction
from billwright_tenants.apply import Applied, apply_blueprint
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.errors import BlueprintConflictError, BlueprintInvalidError
from billwright_tenants.reading import convert
from support.http import People
from support.onboarding import EXAMPLE, MASTER_KEY, apply, raw, read, slug

__all__ = ["apply", "raw", "slug"]


def test_the_example_makes_a_whole_tenant(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any], slug: str, partner_id: UUID
) -> None:
    applied = apply(raw)

    assert applied.created
    assert applied.changes[0] == f"tenant {slug} created"
    (entity,) = read(database, applied.tenant, select(LegalEntityRow))
    assert (entity.code, entity.country, entity.currency, entity.time_zone) == ("HC-DE", "DE", "EUR", "Europe/Berlin")
    assert entity.profile["bank"][0]["iban"] == "DE89370400440532013000"
    assert (entity.profile["standard_tax_rate"], entity.profile["default"]) == ("19", True)
    series = read(database, applied.tenant, select(NumberSeriesRow))
    assert {(row.document_type, row.year, row.pattern, row.next_number) for row in series} == {
        ("invoice", 2026, "HC-{year}-{number:05d}", 1),
        ("credit_note", 2026, "HC-CN-{year}-{number:04d}", 1),
    }
    (connection,) = read(database, applied.tenant, select(ConnectionRow))
    assert (connection.name, connection.connector, connection.source) == ("ledger", "csv_journal", "ledger")
    with transaction(database, applied.tenant, SYSTEM) as tx:
        configuration = read_configuration(tx)
    assert configuration.erp_connections == ("ledger",)
    assert [rule.name for rule in configuration.approvals] == ["small", "normal"]
    with control_transaction(database, SYSTEM) as control:
        clerk = control.session.scalars(
            select(PersonRow).where(PersonRow.partner_id == partner_id, PersonRow.email == "clerk@harbour.example")
        ).one()
        held = roles_of(control.session, clerk.id, applied.tenant.id)
        row = control.session.get_one(TenantRow, applied.tenant.id)
    assert held == {"project_operations", "billing_clerk"}
    assert (row.state, row.plan, row.brand["primary"], row.clock_at) == ("active", "standard", "#0b5d66", None)


def test_it_takes_less_than_a_second(apply: Callable[..., Applied], raw: dict[str, Any]) -> None:
    started = time.process_time()
    applied = apply(raw)
    assert applied.created
    assert time.process_time() - started < 1  # our own work; the server's is measured by the bench


def test_applied_again_it_changes_nothing(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    raw["connections"][0]["hook_secret"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    first = apply(raw)
    entries = select(AuditEntryRow.id)
    before = read(database, first.tenant, entries)

    again = apply(raw)

    assert (again.created, again.changes, again.tenant) == (False, [], first.tenant)
    assert read(database, first.tenant, entries) == before
    with control_transaction(database, SYSTEM) as tx:
        query = select(ControlAuditEntryRow.action).where(ControlAuditEntryRow.subject_id == first.tenant.id)
        assert tx.session.scalars(query).all() == ["tenant.created"]


def test_a_change_is_named_and_recorded(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any], slug: str
) -> None:
    tenant = apply(raw).tenant
    raw["tenant"]["name"] = "Harbour & Partners"
    raw["legal_entities"][0]["phone"] = "+49 40 1"
    raw["legal_entities"][0]["name"] = "Harbour GmbH"
    raw["users"][1]["roles"] = ["billing_clerk"]
    raw["users"].append({"email": "new@harbour.example", "name": "New", "roles": ["auditor"]})
    raw["payment_terms_days"] = 14
    raw["hosts"] = [f"{slug}.example"]
    raw["connections"][0]["settings"] = {"revenue_account": "8400"}

    changes = apply(raw).changes

    assert changes == [
        "name: 'Harbour Consulting' -> 'Harbour & Partners'",
        f"host {slug}.example added",
        "person clerk@harbour.example: role project_operations taken",
        "person new@harbour.example added",
        "person new@harbour.example: role auditor given",
        "legal entity HC-DE: name, phone changed",
        "connection ledger: settings changed",
        "configuration version 2: payment_terms_days",
    ]
    actions = read(database, tenant, select(AuditEntryRow.action).order_by(AuditEntryRow.id))
    assert actions[-3:] == ["legal_entity.changed", "connection.changed", "configuration.changed"]
    raw["hosts"] = []
    assert apply(raw).changes == [f"host {slug}.example removed"]


def test_secrets_are_sealed_and_kept_when_left_out(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    raw["connections"][0]["hook_secret"] = secret
    tenant = apply(raw).tenant
    (kept,) = read(database, tenant, select(ConnectionRow.hook_secret))
    assert secret not in kept
    assert open_sealed(MASTER_KEY, tenant.id, kept) == secret

    del raw["connections"][0]["hook_secret"]
    assert apply(raw).changes == []
    raw["connections"][0]["hook_secret"] = "whsec_bmV3IHNlY3JldCBmb3IgdGhlIGhvb2s="
    assert apply(raw).changes == ["connection ledger: hook_secret changed"]
    entries = read(database, tenant, select(AuditEntryRow.after).where(AuditEntryRow.subject_kind == "connection"))
    assert "whsec" not in str(entries)


def test_secrets_need_a_master_key(apply: Callable[..., Applied], raw: dict[str, Any]) -> None:
    raw["connections"][0]["hook_secret"] = "whsec_x"
    with pytest.raises(BlueprintInvalidError, match="BILLWRIGHT_MASTER_KEY"):
        apply(raw, master_key=None)


def test_a_password_is_set_once(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any], people: People
) -> None:
    raw["users"][0]["password"] = "first password here"
    apply(raw)
    raw["users"][0]["password"] = "second password here"
    assert apply(raw).changes == []
    opened = log_in(
        database, email="admin@harbour.example", password="first password here", partner_slug=people.partner_slug
    )
    assert opened.secret


def test_a_sandbox_has_a_clock_of_its_own_for_life(
    apply: Callable[..., Applied], raw: dict[str, Any], clock: SetClock
) -> None:
    raw["tenant"]["sandbox"] = True
    assert apply(raw).tenant.clock_at == clock.moment
    clock.moment = datetime(2026, 4, 1, tzinfo=UTC)
    assert apply(raw).changes == []
    raw["tenant"]["sandbox"] = False
    with pytest.raises(BlueprintConflictError, match="sandbox"):
        apply(raw)


def test_without_a_brand_the_tenant_shows_its_own_name(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    del raw["brand"]
    tenant = apply(raw).tenant
    with control_transaction(database, SYSTEM) as tx:
        assert tx.session.get_one(TenantRow, tenant.id).brand["name"] == "Harbour Consulting"


def test_a_drawing_is_rebuilt_without_script(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>alert(1)</script><path d="M0 0h9"/></svg>'
    raw["brand"]["logo_svg"] = svg
    tenant = apply(raw).tenant
    with control_transaction(database, SYSTEM) as tx:
        logo = tx.session.get_one(TenantRow, tenant.id).brand["logo_svg"]
    assert "path" in logo
    assert "script" not in logo
    assert apply(raw).changes == []


def test_a_slug_and_a_host_belong_to_one(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any], slug: str
) -> None:
    from billwright_tenants.blueprint import PartnerBlueprint
    from billwright_tenants.partner import apply_partner

    raw["hosts"] = [f"{slug}.example"]
    apply(raw)
    other = apply_partner(database, PartnerBlueprint(slug=f"p{slug}", name="Other"), operator())
    with pytest.raises(ConflictError, match="taken"):
        apply_blueprint(database, other.slug, convert(raw, Blueprint), operator(), master_key=None)
    raw["tenant"]["slug"] = f"x{slug}"
    with pytest.raises(ConflictError, match="in use already"):
        apply_blueprint(database, other.slug, convert(raw, Blueprint), operator(), master_key=None)
    with control_transaction(database, SYSTEM) as tx:
        assert tx.session.scalars(select(HostNameRow.host).where(HostNameRow.host == f"{slug}.example")).one()


def test_only_who_may_onboards(apply: Callable[..., Applied], raw: dict[str, Any]) -> None:
    with pytest.raises(PermissionDeniedError, match="tenant:create"):
        apply(raw, actor=Actor(kind="person", name="Somebody"))


def test_an_unknown_partner_is_told(database: Database, raw: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError, match="no partner"):
        apply_blueprint(database, "nobody", convert(raw, Blueprint), operator(), master_key=None)


def test_the_tenants_schema_is_its_own(database: Database, apply: Callable[..., Applied], raw: dict[str, Any]) -> None:
    tenant = apply(raw).tenant
    assert tenant.schema == schema_of(tenant.id)
    with database.engine.connect() as connection, pytest.raises(Exception, match="permission denied"):
        connection.execute(text(f'SELECT * FROM "{tenant.schema}".legal_entity'))


def test_the_example_is_the_yaml_that_people_read() -> None:
    assert yaml.safe_load(EXAMPLE)["tenant"]["slug"] == "harbour-consulting"
