"""A session cookie to who is calling."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update

from billwright.identity.caller import Caller
from billwright.identity.find_token import token_sha256
from billwright.identity.queries import session_with_owner, to_partner, to_person, visitor
from billwright.identity.tables import AccessGrantRow, PersonRow, SessionRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotAuthenticatedError
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow, TenantRow
from billwright.tenancy.transaction import ControlTx, control_transaction

IDLE: Final = timedelta(hours=2)
SEEN_EVERY: Final = timedelta(minutes=1)


def find_session(database: Database, secret: str, *, address: str | None = None) -> Caller:
    """Whose session the cookie's ``secret`` opens.

    Raises:
        NotAuthenticatedError: unknown, ended, expired, idle for two hours, or the person is disabled.
    """
    with control_transaction(database, SYSTEM) as tx:
        return read_session(tx, secret, address=address)


def read_session(tx: ControlTx, secret: str, *, address: str | None = None) -> Caller:
    """In the caller's transaction; raises as ``find_session``."""
    digest = token_sha256(secret)
    found = session_with_owner(tx.session, digest)
    if found is None:
        raise _refused()
    session, partner, person, roles = found
    return _caller(tx, session, partner, person, roles, address)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a session, at one moment, and where they want to go: ``tenant`` if it is there, whoever may enter it.

    ``places`` are (slug, name) of the tenants that they may enter now.
    """

    caller: Caller
    partner: PartnerRow
    tenant: TenantRow | None
    roles: list[str] | None
    grant: AccessGrantRow | None
    places: tuple[tuple[str, str], ...]
    now: datetime


def read_visitor(tx: ControlTx, secret: str, *, slug: str | None, host: str, address: str | None = None) -> Visitor:
    """``read_session`` and the tenant called ``slug``, or that of the ``host``, in one query; raises as ``find_session``."""
    digest = token_sha256(secret)
    found = visitor(tx.session, digest, tx.now, slug=slug, host=host)
    if found is None:
        raise _refused()
    session, partner, person, roles, tenant, roles_here, grant, places = found
    caller = _caller(tx, session, partner, person, roles, address)
    return Visitor(
        caller, partner, tenant, roles_here, grant, tuple((slug, name) for slug, name in places or ()), tx.now
    )


def _caller(
    tx: ControlTx,
    session: SessionRow,
    partner: PartnerRow,
    person: PersonRow,
    roles: list[str] | None,
    address: str | None,
) -> Caller:
    over = session.ended_at is not None or session.expires_at <= tx.now or session.seen_at <= tx.now - IDLE
    if over or person.disabled_at is not None:
        raise _refused()
    digest = session.token_sha256
    if session.seen_at <= tx.now - SEEN_EVERY:
        tx.session.execute(update(SessionRow).where(SessionRow.token_sha256 == digest).values(seen_at=tx.now))
    return Caller(
        kind="session",
        partner=to_partner(partner),
        person=to_person(person),
        roles=frozenset(roles or ()),
        csrf=session.csrf,
        session_sha256=digest,
        address=address,
    )


def _refused() -> NotAuthenticatedError:
    return NotAuthenticatedError("Your session is over; log in again.")
