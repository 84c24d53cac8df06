"""People of a partner's world: add, change the password, disable."""

import re
from typing import Final
from uuid import UUID

from sqlalchemy import insert, update

from billwright.audit.record import record_control
from billwright.identity.assign_role import lock_person
from billwright.identity.caller import Caller
from billwright.identity.errors import LoginFailedError
from billwright.identity.log_in import end_sessions, normalise_email
from billwright.identity.passwords import hash_password, verify_password
from billwright.identity.queries import person_by_email
from billwright.identity.tables import PersonRow, SessionRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import ControlTx, control_transaction

EMAIL: Final = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]{1,189}")


def check_email(email: str, *, field: str = "email") -> str:
    """The address as it is kept.

    Raises:
        InputInvalidError: no e-mail address.
    """
    normal = normalise_email(email)
    if not EMAIL.fullmatch(normal):
        raise InputInvalidError(f"{email[:80]!r} is no e-mail address; write name@example.com.", field=field)
    return normal


def ensure_person(
    tx: ControlTx, partner_id: UUID, *, email: str, name: str, password_hash: str | None = None, locale: str = "en"
) -> tuple[PersonRow, bool]:
    """In the caller's transaction: the person with that address, made if there is none; whether it was made.

    An existing person keeps name and password: another tenant's administrator must not change them.
    """
    known = person_by_email(tx.session, partner_id, check_email(email))
    if known is not None:
        return known, False
    identifier = new_id()
    row = {
        "id": identifier,
        "partner_id": partner_id,
        "email": check_email(email),
        "name": name,
        "password_hash": password_hash,
        "locale": locale,
        "created_at": tx.now,
    }
    tx.session.execute(insert(PersonRow), [row])
    after = {"email": row["email"], "name": name}
    record_control(tx, "person.added", "person", identifier, partner_id=partner_id, after=after)
    made = person_by_email(tx.session, partner_id, check_email(email))
    assert made is not None
    return made, True


def change_password(database: Database, caller: Caller, *, old: str, new: str) -> None:
    """Change one's own password; all sessions end, this one too.

    Raises:
        LoginFailedError: the old password does not fit.
        InputInvalidError: the new one is too short or too long.
    """
    person = caller.person
    assert person is not None
    made = hash_password(new)
    actor = Actor("person", person.name, person.id, person.id, person.email, address=caller.address)
    with control_transaction(database, actor) as tx:
        row = lock_person(tx, person.id, person.partner_id)
        if not verify_password(row.password_hash, old):
            raise LoginFailedError("The old password does not fit.")
        tx.session.execute(update(PersonRow).where(PersonRow.id == person.id).values(password_hash=made))
        end_sessions(tx, SessionRow.person_id == person.id)
        record_control(tx, "person.password_changed", "person", person.id, partner_id=person.partner_id)


def disable_person(database: Database, actor: Actor, person_id: UUID, *, partner_id: UUID) -> None:
    """Shut a person out everywhere at once: log-in, sessions, tokens. Safe to repeat.

    Raises:
        PermissionDeniedError: no ``user:write`` at the partner.
        NotFoundError: no such person of this partner.
    """
    actor.require("user:write")
    with control_transaction(database, actor) as tx:
        lock_person(tx, person_id, partner_id)
        tx.session.execute(update(PersonRow).where(PersonRow.id == person_id).values(disabled_at=tx.now))
        end_sessions(tx, SessionRow.person_id == person_id)
        record_control(tx, "person.disabled", "person", person_id, partner_id=partner_id)
