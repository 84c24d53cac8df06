"""Let a person work in a tenant: known by their e-mail address, with a first role."""

from uuid import UUID

from billwright.identity.add_person import ensure_person
from billwright.identity.assign_role import give_role, lock_person
from billwright.identity.errors import SegregationOfDutiesError
from billwright.identity.log_in import normalise_email
from billwright.identity.passwords import hash_password
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction

NAME_CHARS_MAX = 120


def add_member(
    database: Database,
    actor: Actor,
    *,
    tenant: Tenant,
    email: str,
    name: str,
    role: str,
    password: str,
    locale: str = "en",
    trace_id: str | None = None,
) -> UUID:
    """Add the person with that address and give them ``role`` in ``tenant``, in one transaction.

    Somebody whom the partner knows already keeps name, language and password: an administrator of another tenant must
    not change them, nor learn by the answer that they are known.

    Raises:
        PermissionDeniedError: no ``user:write``.
        SegregationOfDutiesError: oneself, or the role makes a toxic pair with roles already held.
        RoleUnknownError: no such role.
        InputInvalidError: no address, no name, or a password that is too short or too long.
    """
    actor.require("user:write")
    if actor.email is not None and normalise_email(email) == normalise_email(actor.email):
        raise SegregationOfDutiesError("Nobody gives themselves a role; ask another administrator.")
    said = name.strip()
    if not 0 < len(said) <= NAME_CHARS_MAX:
        raise InputInvalidError(f"A person needs a name of up to {NAME_CHARS_MAX} characters.", field="name")
    # Made before the transaction, and for everybody: it takes a tenth of a second on purpose, and must not tell by its
    # absence who is known already.
    hashed = hash_password(password)
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        person, _ = ensure_person(tx, tenant.partner_id, email=email, name=said, password_hash=hashed, locale=locale)
        lock_person(tx, person.id, tenant.partner_id)
        give_role(tx, person.id, role, partner_id=tenant.partner_id, tenant_id=tenant.id)
        return person.id
