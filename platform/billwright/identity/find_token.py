"""An API token to who is calling: one query, constant-time comparison, no hint about what was wrong."""

import hashlib
import hmac
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import or_, update

from billwright.identity.caller import Caller
from billwright.identity.queries import to_partner, to_person, token_with_owner
from billwright.identity.tables import ApiTokenRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotAuthenticatedError
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import ControlTx, control_transaction

LAST_USE_EVERY: Final = timedelta(minutes=1)
TOKEN_CHARS_MAX: Final = 200


def token_sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()


def _refused() -> NotAuthenticatedError:
    return NotAuthenticatedError("The API token is not valid; make a new one or ask your administrator.")


def _token_id(secret: str) -> UUID:
    head, _, rest = secret.partition("_")
    identifier = rest.partition("_")[0]
    try:
        if head != "bw" or len(identifier) != 32 or len(secret) > TOKEN_CHARS_MAX:
            raise ValueError
        return UUID(hex=identifier)
    except ValueError:
        raise _refused() from None


def find_token(database: Database, secret: str, *, address: str | None = None) -> Caller:
    """Whose token ``secret`` is.

    Raises:
        NotAuthenticatedError: unknown, wrong, expired, revoked, or its person is disabled; no hint which.
    """
    with control_transaction(database, SYSTEM) as tx:
        return read_token(tx, secret, address=address)[0]


def read_token(tx: ControlTx, secret: str, *, address: str | None = None) -> tuple[Caller, TenantRow | None]:
    """In the caller's transaction, with the tenant that the token is bound to; raises as ``find_token``."""
    identifier = _token_id(secret)
    found = token_with_owner(tx.session, identifier)
    if found is None:
        raise _refused()
    token, partner, tenant, person, roles = found
    matches = hmac.compare_digest(token.token_sha256, token_sha256(secret))
    disabled = person is not None and person.disabled_at is not None
    gone = tenant is not None and tenant.state == "erased"
    if not matches or disabled or gone or token.revoked_at is not None or token.expires_at <= tx.now:
        raise _refused()
    if token.last_used_at is None or token.last_used_at <= tx.now - LAST_USE_EVERY:
        _touch(tx, identifier)
    caller = Caller(
        kind="token",
        partner=to_partner(partner),
        person=to_person(person) if person else None,
        roles=frozenset(roles or ()),
        tenant_id=token.tenant_id,
        token_id=token.id,
        token_name=token.name,
        scopes=frozenset(token.scopes),
        address=address,
    )
    return caller, tenant


def _touch(tx: ControlTx, identifier: UUID) -> None:
    """Written by whoever comes first; the condition keeps a crowd from queueing on one row's update for nothing."""
    stale = or_(ApiTokenRow.last_used_at.is_(None), ApiTokenRow.last_used_at <= tx.now - LAST_USE_EVERY)
    tx.session.execute(update(ApiTokenRow).where(ApiTokenRow.id == identifier, stale).values(last_used_at=tx.now))
