"""Log in to the portal with a password, and out again."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, insert, update

from billwright.audit.record import record_control
from billwright.identity.caller import Caller
from billwright.identity.errors import LoginFailedError
from billwright.identity.find_token import token_sha256
from billwright.identity.passwords import hash_password, needs_rehash, verify_password
from billwright.identity.queries import partner_of_login, person_by_email
from billwright.identity.tables import PersonRow, SessionRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import ControlTx, control_transaction

LIFETIME: Final = timedelta(hours=12)
TRIES_FREE: Final = 5
LOCK_FIRST: Final = timedelta(seconds=30)
LOCK_MAX: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class NewSession:
    """``secret`` goes into the cookie and is kept nowhere else; ``csrf`` into every form."""

    secret: str
    csrf: str
    person_id: UUID
    expires_at: datetime


def normalise_email(email: str) -> str:
    return email.strip().lower()


def lock_time(failures: int) -> timedelta:
    """How long an account rests after this many wrong passwords in a row: nothing, then 30 s, doubling up to an hour."""
    if failures < TRIES_FREE:
        return timedelta(0)
    return min(LOCK_FIRST * (1 << min(failures - TRIES_FREE, 10)), LOCK_MAX)


def log_in(
    database: Database,
    *,
    email: str,
    password: str,
    partner_slug: str | None = None,
    host: str | None = None,
    address: str | None = None,
    ended_secret: str | None = None,
    trace_id: str | None = None,
) -> NewSession:
    """Open a session; the one of ``ended_secret`` (the cookie that came along) ends, so that none is carried over.

    The password is checked between two transactions: it takes a tenth of a second of one core on purpose, and no
    connection is held for that.

    Raises:
        LoginFailedError: unknown address, wrong password, disabled or locked; the same answer after the same work.
    """
    with control_transaction(database, SYSTEM) as tx:
        partner = partner_of_login(tx.session, slug=partner_slug, host=host)
        person = person_by_email(tx.session, partner.id, normalise_email(email)) if partner else None
    fits = verify_password(person.password_hash if person else None, password)
    if person is None:
        raise _refused()
    actor = Actor("person", person.name, person.id, person.id, person.email, address=address)
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        locked = person.locked_until is not None and person.locked_until > tx.now
        opened = _open(tx, person, password, ended_secret) if fits and not locked and not person.disabled_at else None
        if opened is None and not locked:
            _count_failure(tx, person)
    if opened is None:
        raise _refused()
    return opened


def _refused() -> LoginFailedError:
    return LoginFailedError(
        "E-mail and password do not fit, or there were too many attempts. Check both; after several attempts wait a while."
    )


def _count_failure(tx: ControlTx, person: PersonRow) -> None:
    counted = (
        update(PersonRow)
        .where(PersonRow.id == person.id)
        .values(failed_logins=PersonRow.failed_logins + 1)
        .returning(PersonRow.failed_logins)
    )
    failures = tx.session.scalars(counted).one()
    if rest := lock_time(failures):
        tx.session.execute(update(PersonRow).where(PersonRow.id == person.id).values(locked_until=tx.now + rest))
    after = {"failures": failures, "locked_for_s": int(rest.total_seconds())}
    record_control(tx, "person.login_failed", "person", person.id, partner_id=person.partner_id, after=after)


def _open(tx: ControlTx, person: PersonRow, password: str, ended_secret: str | None) -> NewSession:
    made = NewSession(secrets.token_urlsafe(32), secrets.token_urlsafe(24), person.id, tx.now + LIFETIME)
    if ended_secret:
        end_sessions(tx, SessionRow.token_sha256 == token_sha256(ended_secret))
    values: dict[str, object] = {"failed_logins": 0, "locked_until": None}
    if person.password_hash and needs_rehash(person.password_hash):
        values["password_hash"] = hash_password(password)
    tx.session.execute(update(PersonRow).where(PersonRow.id == person.id).values(**values))
    row = {
        "token_sha256": token_sha256(made.secret),
        "person_id": person.id,
        "csrf": made.csrf,
        "created_at": tx.now,
        "seen_at": tx.now,
        "expires_at": made.expires_at,
    }
    tx.session.execute(insert(SessionRow), [row])
    record_control(tx, "person.logged_in", "person", person.id, partner_id=person.partner_id)
    return made


def end_sessions(tx: ControlTx, which: ColumnElement[bool]) -> None:
    """End the open sessions that ``which`` (a condition on ``SessionRow``) finds, in the caller's transaction."""
    open_ones = update(SessionRow).where(which, SessionRow.ended_at.is_(None))
    tx.session.execute(open_ones.values(ended_at=tx.now))


def log_out(database: Database, caller: Caller) -> None:
    """End the caller's session; safe to repeat."""
    person = caller.person
    assert person is not None
    actor = Actor("person", person.name, person.id, person.id, person.email, address=caller.address)
    with control_transaction(database, actor) as tx:
        end_sessions(tx, SessionRow.token_sha256 == caller.session_sha256)
        record_control(tx, "person.logged_out", "person", person.id, partner_id=person.partner_id)
