"""``billwright migrate``, ``partner`` and ``tenant`` as an operator types them."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, text

from billwright.cli.main import billwright
from billwright.identity.act import actor_at_partner
from billwright.identity.find_token import find_token
from billwright.identity.permissions import PARTNER_ROLES
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import DomainError, NotFoundError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.directory import load_tenant
from billwright.tenancy.provision import role_of, schema_of
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction
from support.http import People

EXAMPLE = files("billwright_tenants").joinpath("blueprints/example.yaml").read_text(encoding="utf-8")


@pytest.fixture
def run(database: Database, database_url: str, tmp_path: Path) -> Callable[..., Result]:
    """``run("tenant", "list", stdin="", status=0)``: the command in a fresh home against this worker's database."""
    environment = {"DATABASE_URL": database_url, "BILLWRIGHT_HOME": str(tmp_path), "BILLWRIGHT_MASTER_KEY": ""}

    def invoke(*arguments: str, stdin: str = "", status: int = 0) -> Result:
        result = CliRunner().invoke(billwright, arguments, input=stdin, env=environment, catch_exceptions=False)
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture
def slug(partner_id: object) -> str:
    return f"t-{new_id().hex[-12:]}"


def test_a_tenant_is_planned_made_and_made_so_again(
    run: Callable[..., Result], people: People, database: Database, slug: str
) -> None:
    blueprint = EXAMPLE.replace(
        "slug: harbour-consulting\n  name: Harbour Consulting\nbrand", f"slug: {slug}\n  name: H\nbrand"
    )
    apply = ("tenant", "apply", "-", "--partner", people.partner_slug)
    planned = run(*apply, "--dry-run", stdin=blueprint).stdout.splitlines()
    assert planned[0] == f"would be: tenant {slug} created"
    with pytest.raises(NotFoundError):
        load_tenant(database, slug)

    made = json.loads(run(*apply, "--json", stdin=blueprint).stdout)
    assert (made["tenant"], made["created"]) == (slug, True)
    assert [f"would be: {change}" for change in made["changes"]] == planned
    assert run(*apply, stdin=blueprint).stdout == f"{slug} is so already.\n"


def test_problems_are_listed_one_a_line(run: Callable[..., Result], people: People) -> None:
    refused = run("tenant", "apply", "-", "--partner", people.partner_slug, stdin="{tenant: {slug: x}}", status=2)
    assert refused.stderr.splitlines() == [
        "tenant.slug: Expected `str` matching regex '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$'.",
        "tenant.name: missing; add it.",
        "legal_entities: missing; add it.",
        "3 problem(s); nothing was changed.",
    ]


def test_a_file_in_latin_1_is_a_problem_and_no_crash(
    run: Callable[..., Result], people: People, tmp_path: Path
) -> None:
    path = tmp_path / "b.yaml"
    path.write_bytes("{tenant: {slug: abc, name: Müller}}".encode("latin-1"))
    refused = run("tenant", "apply", str(path), "--partner", people.partner_slug, status=2)
    assert "legal_entities: missing" in refused.stderr


def test_tenants_are_suspended_resumed_and_listed(
    run: Callable[..., Result], people: People, tenant: Tenant, database: Database
) -> None:
    partner = ("--partner", people.partner_slug)
    run("tenant", "suspend", tenant.slug, *partner, "--reason", "unpaid")
    assert load_tenant(database, tenant.slug).state == "suspended"
    (listed,) = json.loads(run("tenant", "list", *partner, "--json").stdout)
    assert listed == {"slug": tenant.slug, "name": tenant.name, "state": "suspended"}
    run("tenant", "resume", tenant.slug, *partner)
    assert run("tenant", "list", *partner).stdout.split() == [tenant.slug, "active", *tenant.name.split()]
    with pytest.raises(DomainError, match="no partner"):
        run("tenant", "resume", tenant.slug, "--partner", "nobody")


def test_a_partner_is_made_with_a_token_for_its_systems(
    run: Callable[..., Result], database: Database, slug: str
) -> None:
    text_ = f"{{slug: {slug}, name: NW, users: [{{email: o@nw.example, name: O, roles: [operator]}}]}}"
    assert run("partner", "apply", "-", stdin=text_).stdout.splitlines()[0] == f"partner {slug} created"
    assert run("partner", "apply", "-", stdin=text_).stdout == f"{slug} is so already.\n"
    assert slug in run("partner", "list").stdout

    secret = run("partner", "token", "CI", "--partner", slug, "--days", "3").stdout.strip()
    actor = actor_at_partner(find_token(database, secret))
    assert (actor.person_id, actor.permissions) == (None, PARTNER_ROLES["administrator"])
    owned = json.loads(run("partner", "token", "CI", "--partner", slug, "--person", "O@nw.example", "--json").stdout)
    actor = actor_at_partner(find_token(database, owned["token"]))
    assert (actor.email, actor.permissions) == ("o@nw.example", PARTNER_ROLES["operator"])
    with pytest.raises(NotFoundError, match=r"x@nw\.example"):
        run("partner", "token", "CI", "--partner", slug, "--person", "x@nw.example")
    assert "366" in run("partner", "token", "CI", "--partner", slug, "--days", "400", status=2).stderr
    refused = run("partner", "apply", "-", stdin=f"{{slug: {slug}, name: N, users: 3}}", status=2)
    assert refused.stderr.startswith("users: Expected `array`, got `int`.")


def test_migrate_names_the_tenant_that_fails_and_goes_on(
    run: Callable[..., Result], database: Database, partner_id: object, tenant: Tenant
) -> None:
    broken = new_id()
    row = {
        "id": broken,
        "partner_id": partner_id,
        "slug": f"broken-{broken.hex[-8:]}",
        "name": "Broken",
        "schema_name": schema_of(broken),
        "role_name": role_of(broken),
        "state": "active",
        "plan": "standard",
        "brand": {},
        "created_at": database.clock.now(),
    }
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(insert(TenantRow), [row])
    try:
        result = run("migrate", status=1)
        assert f"broken-{broken.hex[-8:]}: not migrated" in result.stderr
        assert result.stdout.startswith("1 tenant(s) not migrated")
    finally:
        with database.owner_engine.begin() as connection:
            connection.execute(text("DELETE FROM control.tenant WHERE id = :id"), {"id": broken})
    assert run("migrate").stdout == "Migrated.\n"
