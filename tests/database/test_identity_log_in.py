"""Log-in, sessions and passwords."""

from datetime import timedelta
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from billwright.audit.tables import ControlAuditEntryRow
from billwright.identity.add_person import change_password
from billwright.identity.errors import LoginFailedError
from billwright.identity.find_session import IDLE, find_session
from billwright.identity.log_in import LIFETIME, LOCK_MAX, TRIES_FREE, lock_time, log_in, log_out
from billwright.identity.passwords import hash_password, verify_password
from billwright.identity.tables import PersonRow, SessionRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import InputInvalidError, NotAuthenticatedError
from billwright.tenancy.database import Database
from billwright.tenancy.tables import HostNameRow
from billwright.tenancy.transaction import control_transaction
from support.http import PASSWORD, People


def test_a_person_logs_in_whatever_the_case_of_the_address(database: Database, people: People) -> None:
    person = people.person("ada@example.com", "support")
    opened = log_in(database, email=" Ada@Example.com ", password=PASSWORD, partner_slug=people.partner_slug)

    caller = find_session(database, opened.secret, address="192.0.2.1")
    assert caller.person is not None
    assert (caller.person.id, caller.roles, caller.csrf) == (person, frozenset({"support"}), opened.csrf)


def test_the_secret_is_not_kept(database: Database, people: People) -> None:
    people.person("ada@example.com")
    opened = people.session("ada@example.com")
    with control_transaction(database, SYSTEM) as tx:
        kept = tx.session.scalars(select(SessionRow.token_sha256).where(SessionRow.person_id == opened.person_id)).all()
    assert opened.secret not in kept
    with pytest.raises(NotAuthenticatedError):
        find_session(database, kept[0])


def test_a_host_name_leads_to_its_partner(database: Database, people: People, partner_id: UUID) -> None:
    people.person("ada@example.com")
    host = f"{people.partner_slug}.example"
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(insert(HostNameRow), [{"host": host, "partner_id": partner_id, "tenant_id": None}])
    assert log_in(database, email="ada@example.com", password=PASSWORD, host=host).secret


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "nobody@example.com"},
        {"password": "wrong horse battery"},
        {"partner_slug": "no-such-partner"},
        {"partner_slug": None, "host": "unknown.example"},
        {"partner_slug": None},
        {"password": ""},
        {"password": "x" * 100_000},
    ],
)
def test_every_failure_says_the_same(database: Database, people: People, wrong: dict[str, str | None]) -> None:
    people.person("ada@example.com")
    right = {"email": "ada@example.com", "password": PASSWORD, "partner_slug": people.partner_slug}
    with pytest.raises(LoginFailedError, match=r"^E-mail and password do not fit, or there were too many attempts\."):
        log_in(database, **{**right, **wrong})  # type: ignore[arg-type]


def test_a_person_without_a_password_cannot_log_in(database: Database, people: People) -> None:
    person = people.person("ada@example.com")
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(PersonRow).where(PersonRow.id == person).values(password_hash=None))
    with pytest.raises(LoginFailedError):
        people.session("ada@example.com")


def test_too_many_wrong_passwords_lock_for_a_while(database: Database, people: People, clock: SetClock) -> None:
    person = people.person("ada@example.com")
    for _ in range(TRIES_FREE):
        with pytest.raises(LoginFailedError):
            log_in(database, email="ada@example.com", password="wrong", partner_slug=people.partner_slug)
    with pytest.raises(LoginFailedError):
        people.session("ada@example.com")

    clock.moment += timedelta(seconds=30)
    opened = people.session("ada@example.com")
    assert opened.person_id == person
    with control_transaction(database, SYSTEM) as tx:
        assert tx.session.scalars(select(PersonRow.failed_logins).where(PersonRow.id == person)).one() == 0
        query = select(ControlAuditEntryRow.action, ControlAuditEntryRow.after)
        entries = tx.session.execute(
            query.where(ControlAuditEntryRow.subject_id == person).order_by(ControlAuditEntryRow.id)
        ).all()
    assert [entry.action for entry in entries][1:] == ["person.login_failed"] * 5 + ["person.logged_in"]
    assert entries[5].after == {"failures": 5, "locked_for_s": 30}


@given(st.integers(0, 10_000))
def test_the_rest_grows_up_to_an_hour(failures: int) -> None:
    assert timedelta(0) <= lock_time(failures) <= lock_time(failures + 1) <= LOCK_MAX
    assert bool(lock_time(failures)) == (failures >= TRIES_FREE)


def test_a_new_log_in_ends_the_session_that_came_along(database: Database, people: People) -> None:
    people.person("ada@example.com")
    first, other = people.session("ada@example.com"), people.session("ada@example.com")
    second = log_in(
        database,
        email="ada@example.com",
        password=PASSWORD,
        partner_slug=people.partner_slug,
        ended_secret=first.secret,
    )
    with pytest.raises(NotAuthenticatedError):
        find_session(database, first.secret)
    assert find_session(database, second.secret).person == find_session(database, other.secret).person


def test_log_out_ends_the_session(database: Database, people: People) -> None:
    people.person("ada@example.com")
    opened = people.session("ada@example.com")
    caller = find_session(database, opened.secret)
    log_out(database, caller)
    log_out(database, caller)
    with pytest.raises(NotAuthenticatedError):
        find_session(database, opened.secret)


def test_an_idle_session_ends(database: Database, people: People, clock: SetClock) -> None:
    people.person("ada@example.com")
    opened = people.session("ada@example.com")
    for _ in range(3):
        clock.moment += IDLE - timedelta(minutes=1)
        assert find_session(database, opened.secret).person is not None
    clock.moment += IDLE
    with pytest.raises(NotAuthenticatedError, match="log in again"):
        find_session(database, opened.secret)


def test_a_session_ends_after_its_lifetime_however_busy(database: Database, people: People, clock: SetClock) -> None:
    people.person("ada@example.com")
    opened = people.session("ada@example.com")
    end = clock.moment + LIFETIME
    while clock.moment + timedelta(hours=1) < end:
        clock.moment += timedelta(hours=1)
        find_session(database, opened.secret)
    clock.moment = end
    with pytest.raises(NotAuthenticatedError):
        find_session(database, opened.secret)


def test_a_password_of_weaker_parameters_is_hashed_anew(database: Database, people: People) -> None:
    person = people.person("ada@example.com")
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(PersonRow).where(PersonRow.id == person).values(password_hash=weak))
    people.session("ada@example.com")
    with control_transaction(database, SYSTEM) as tx:
        kept = tx.session.scalars(select(PersonRow.password_hash).where(PersonRow.id == person)).one()
    assert kept is not None
    assert kept != weak
    assert kept.startswith("$argon2id$")
    assert verify_password(kept, PASSWORD)


def test_changing_the_password_ends_all_sessions(database: Database, people: People) -> None:
    people.person("ada@example.com")
    opened = people.session("ada@example.com")
    caller = find_session(database, opened.secret)
    with pytest.raises(LoginFailedError):
        change_password(database, caller, old="not this one", new="a much longer secret")
    change_password(database, caller, old=PASSWORD, new="a much longer secret")
    with pytest.raises(NotAuthenticatedError):
        find_session(database, opened.secret)
    with pytest.raises(LoginFailedError):
        people.session("ada@example.com")
    assert log_in(
        database, email="ada@example.com", password="a much longer secret", partner_slug=people.partner_slug
    ).secret


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_has_its_measure(password: str) -> None:
    with pytest.raises(InputInvalidError, match="12 to 200"):
        hash_password(password)
