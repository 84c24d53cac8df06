"""API tokens: shown once, scoped, expiring, bound."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, select, update

from billwright.identity.act import actor_at_partner, actor_for, operator
from billwright.identity.add_person import disable_person
from billwright.identity.assign_role import remove_role
from billwright.identity.errors import SegregationOfDutiesError
from billwright.identity.find_session import find_session
from billwright.identity.find_token import find_token
from billwright.identity.make_token import list_tokens, make_token, revoke_token
from billwright.identity.permissions import TENANT_ROLES
from billwright.identity.tables import ApiTokenRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import (
    InputInvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
)
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction
from support.http import People


def enter(database: Database, secret: str, tenant: Tenant) -> Actor:
    with control_transaction(database, SYSTEM) as tx:
        return actor_for(tx.session, find_token(database, secret), TenantRow.id == tenant.id, tx.now)[1]


def person_actor(database: Database, people: People, email: str, tenant: Tenant) -> Actor:
    caller = find_session(database, people.session(email).secret)
    with control_transaction(database, SYSTEM) as tx:
        return actor_for(tx.session, caller, TenantRow.id == tenant.id, tx.now)[1]


def test_a_token_acts_for_its_maker_within_its_scopes(database: Database, people: People, tenant: Tenant) -> None:
    person = people.person("ida@example.com", "integration_administrator", tenant=tenant)
    maker = person_actor(database, people, "ida@example.com", tenant)
    made = make_token(
        database,
        maker,
        partner_id=tenant.partner_id,
        tenant=tenant,
        name="PSA feed",
        scopes=frozenset({"message:write"}),
        days=30,
    )
    assert made.secret.startswith(f"bw_{made.id.hex}_")
    actor = enter(database, made.secret, tenant)
    assert (actor.kind, actor.person_id, actor.permissions) == ("token", person, frozenset({"message:write"}))
    with pytest.raises(PermissionDeniedError, match="invoice:read"):
        actor.require("invoice:read")


def test_a_token_may_no_more_than_its_person_still_may(database: Database, people: People, tenant: Tenant) -> None:
    secret = people.token("c@example.com", "collector", "auditor", tenant=tenant)
    person = people.person("c@example.com")
    remove_role(database, operator(), person, "collector", partner_id=tenant.partner_id, tenant=tenant)
    actor = enter(database, secret, tenant)
    assert actor.permissions == TENANT_ROLES["auditor"]
    remove_role(database, operator(), person, "auditor", partner_id=tenant.partner_id, tenant=tenant)
    with pytest.raises(NotFoundError):
        enter(database, secret, tenant)


@pytest.mark.parametrize("damage", [lambda s: s[:-1], lambda s: s + "x", lambda s: s.upper(), lambda s: "bw_x_y"])
def test_a_wrong_secret_is_refused(
    database: Database, people: People, tenant: Tenant, damage: Callable[[str], str]
) -> None:
    secret = people.token("c@example.com", "collector", tenant=tenant)
    with pytest.raises(NotAuthenticatedError, match="not valid"):
        find_token(database, damage(secret))


@pytest.mark.parametrize("secret", ["", "-", "bw_", "bw__", "bw_" + "0" * 32 + "_x", "x" * 5_000, "bw_ä_ö"])
def test_what_is_no_token_is_refused_alike(database: Database, secret: str) -> None:
    with pytest.raises(NotAuthenticatedError, match=r"^The API token is not valid"):
        find_token(database, secret)


def test_a_token_of_one_tenant_opens_no_other(
    database: Database, people: People, make_tenant: Callable[..., Tenant]
) -> None:
    one, other = make_tenant("One"), make_tenant("Other")
    secret = people.token("c@example.com", "collector", tenant=one)
    people.person("c@example.com", "collector", tenant=other)
    assert enter(database, secret, one).may("reminder:send")
    with pytest.raises(NotFoundError):
        enter(database, secret, other)
    assert actor_at_partner(find_token(database, secret)).permissions == frozenset()


def test_a_token_expires(database: Database, people: People, tenant: Tenant, clock: SetClock) -> None:
    secret = people.token("c@example.com", "collector", tenant=tenant)
    clock.moment += timedelta(days=30) - timedelta(seconds=1)
    find_token(database, secret)
    clock.moment += timedelta(seconds=1)
    with pytest.raises(NotAuthenticatedError):
        find_token(database, secret)


def test_a_revoked_token_is_out_at_once(database: Database, people: People, tenant: Tenant) -> None:
    secret = people.token("c@example.com", "collector", tenant=tenant)
    token_id = find_token(database, secret).token_id
    assert token_id is not None
    people.person("d@example.com", "collector", tenant=tenant)
    stranger = person_actor(database, people, "d@example.com", tenant)
    where = {"partner_id": tenant.partner_id, "tenant": tenant}
    with pytest.raises(NotFoundError):
        revoke_token(database, stranger, token_id, **where)
    owner = person_actor(database, people, "c@example.com", tenant)
    revoke_token(database, owner, token_id, **where)
    revoke_token(database, owner, token_id, **where)
    with pytest.raises(NotAuthenticatedError):
        find_token(database, secret)


def test_a_disabled_persons_tokens_are_out(database: Database, people: People, tenant: Tenant) -> None:
    secret = people.token("c@example.com", "collector", tenant=tenant)
    disable_person(database, operator(), people.person("c@example.com"), partner_id=tenant.partner_id)
    with pytest.raises(NotAuthenticatedError):
        find_token(database, secret)


def make(database: Database, actor: Actor, tenant: Tenant | None, partner_id: UUID, **changes: object) -> None:
    wanted = {"name": "t", "scopes": frozenset({"invoice:read"}), "days": 1, **changes}
    make_token(database, actor, partner_id=partner_id, tenant=tenant, **wanted)  # type: ignore[arg-type]


def test_a_token_cannot_be_made_beyond_its_maker(database: Database, people: People, tenant: Tenant) -> None:
    people.person("c@example.com", "collector", tenant=tenant)
    people.person("audit@example.com", "auditor", tenant=tenant)
    collector = person_actor(database, people, "c@example.com", tenant)
    auditor = person_actor(database, people, "audit@example.com", tenant)
    partner = tenant.partner_id

    with pytest.raises(PermissionDeniedError, match="configuration:write"):
        make(database, collector, tenant, partner, scopes=frozenset({"configuration:write"}))
    with pytest.raises(PermissionDeniedError, match="token:write"):
        make(database, auditor, tenant, partner)
    with pytest.raises(PermissionDeniedError, match="somebody else"):
        make(database, collector, tenant, partner, person_id=people.person("audit@example.com"))
    for wrong in ({"days": 0}, {"days": 367}, {"name": "  "}, {"scopes": frozenset()}, {"scopes": frozenset({"a:b"})}):
        with pytest.raises(InputInvalidError):
            make(database, collector, tenant, partner, **wrong)


def test_a_token_with_a_toxic_pair_or_for_nobody_never_approves(database: Database, tenant: Tenant) -> None:
    both = frozenset({"message:write", "invoice:approve_finance"})
    with pytest.raises(SegregationOfDutiesError):
        make(database, operator(), tenant, tenant.partner_id, scopes=both)
    with pytest.raises(PermissionDeniedError, match="never approves"):
        make(database, operator(), tenant, tenant.partner_id, scopes=frozenset({"invoice:approve_finance"}))


def test_an_operators_token_for_nobody_keeps_its_scopes(database: Database, tenant: Tenant) -> None:
    made = make_token(
        database,
        operator(),
        partner_id=tenant.partner_id,
        tenant=tenant,
        name="import",
        scopes=frozenset({"message:write"}),
        days=1,
    )
    actor = enter(database, made.secret, tenant)
    assert (actor.person_id, actor.permissions) == (None, frozenset({"message:write"}))


def test_the_last_use_is_kept_to_the_minute(
    database: Database, people: People, tenant: Tenant, clock: SetClock
) -> None:
    secret = people.token("c@example.com", "collector", tenant=tenant)
    updates: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        updates.extend([statement] if statement.startswith("UPDATE") else [])

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        find_token(database, secret)
        clock.moment += timedelta(seconds=59)
        find_token(database, secret)
        assert len(updates) == 1
        clock.moment += timedelta(seconds=1)
        find_token(database, secret)
        assert len(updates) == 2
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)
    with control_transaction(database, SYSTEM) as tx:
        query = select(ApiTokenRow.last_used_at).where(ApiTokenRow.tenant_id == tenant.id)
        assert tx.session.scalars(query).one() == clock.moment


def test_tokens_are_listed_by_page_and_only_ones_own(database: Database, people: People, tenant: Tenant) -> None:
    for number in range(5):
        people.token("c@example.com", "collector", tenant=tenant, scopes=frozenset({"invoice:read"}))
        people.token(f"d{number}@example.com", "collector", tenant=tenant)
    collector = person_actor(database, people, "c@example.com", tenant)
    where = {"partner_id": tenant.partner_id, "tenant": tenant}

    first = list_tokens(database, collector, limit=3, **where)
    second = list_tokens(database, collector, limit=3, cursor=first.next_cursor, **where)
    assert [len(first.rows), len(second.rows), second.next_cursor] == [3, 2, None]
    assert len({row.id for row in [*first.rows, *second.rows]}) == 5
    assert len(list_tokens(database, operator(), limit=200, **where).rows) == 10
    with pytest.raises(InputInvalidError, match="cursor"):
        list_tokens(database, collector, cursor="nonsense!", **where)


def test_the_hash_alone_does_not_open(database: Database, people: People, tenant: Tenant) -> None:
    secret = people.token("c@example.com", "collector", tenant=tenant)
    with control_transaction(database, SYSTEM) as tx:
        row = tx.session.scalars(select(ApiTokenRow).where(ApiTokenRow.tenant_id == tenant.id)).one()
        tx.session.execute(update(ApiTokenRow).where(ApiTokenRow.id == row.id).values(name="renamed"))
    assert secret not in (row.token_sha256, row.name)
    with pytest.raises(NotAuthenticatedError):
        find_token(database, f"bw_{row.id.hex}_{row.token_sha256}")
