"""Adding and removing rule sets: what an operator does for profiles whose rules no package carries."""

import hashlib
import re
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from billwright.audit.record import record_control
from billwright.einvoice.checker import Checker
from billwright.einvoice.errors import RuleSetInvalidError, RuleSetKnownError
from billwright.einvoice.installed import Syntax
from billwright.einvoice.tables import EinvoiceRuleSetRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction

RULES_BYTES_MAX: Final = 20 * 1024 * 1024
WORDS_CHARS_MAX: Final = 300
_ENCODING: Final = re.compile(r"\A\s*<\?xml[^>]*\?>")
_NAMES_OF: Final[dict[Syntax, str]] = {
    "ubl": "urn:oasis:names:specification:ubl:schema:xsd:",
    "cii": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
}


def syntax_of(text: str) -> Syntax | None:
    """The syntax whose namespaces a rule set names; None if it names both or none."""
    found: list[Syntax] = [syntax for syntax, namespace in _NAMES_OF.items() if namespace in text]
    return found[0] if len(found) == 1 else None


def add_rules(
    database: Database, actor: Actor, content: bytes, *, name: str, applies_to: str, checker: Checker
) -> UUID:
    """Check documents of the specification ``applies_to`` by these rules too, on every host, from the next document on.

    Raises:
        InputInvalidError: a name or a specification is missing or too long.
        RuleSetInvalidError: ``content`` is no compiled rule set.
        RuleSetKnownError: other rules have that name for that specification; the same ones again are no change.
    """
    for field, value in (("name", name), ("applies_to", applies_to)):
        if not value.strip() or len(value) > WORDS_CHARS_MAX:
            raise InputInvalidError(f"Give {field}: 1 to {WORDS_CHARS_MAX} characters.", field=field)
    text = _text(content)
    checker.check_rules(text)
    identifier = new_id()
    values = {
        "name": name.strip(),
        "applies_to": applies_to.strip(),
        "syntax": syntax_of(text),
        "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
    }
    row = EinvoiceRuleSetRow
    same = (row.name == values["name"], row.applies_to == values["applies_to"], row.removed_at.is_(None))
    with control_transaction(database, actor) as tx:
        known = tx.session.execute(select(row.id, row.sha256).where(*same)).one_or_none()
        if known is not None and known.sha256 == values["sha256"]:
            return UUID(str(known.id))
        if known is not None:
            raise _known(name)
        try:
            tx.session.execute(
                insert(row), [{"id": identifier, **values, "content": text, "added_at": tx.now, "removed_at": None}]
            )
        except IntegrityError:
            raise _known(name) from None  # somebody else added it just now
        record_control(tx, "einvoice_rules.added", "einvoice_rules", identifier, after=values)
    return identifier


def _known(name: str) -> RuleSetKnownError:
    return RuleSetKnownError(
        f"There are other rules named {name} for that specification: remove them, or choose a name."
    )


def _text(content: bytes) -> str:
    if len(content) > RULES_BYTES_MAX:
        raise RuleSetInvalidError(f"A rule set may have {RULES_BYTES_MAX // 1024**2} MB.", field="file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RuleSetInvalidError("A rule set is kept as UTF-8; convert it first.", field="file") from None
    if "\0" in text or "<!DOCTYPE" in text.upper():
        raise RuleSetInvalidError("A rule set is XSLT without a DTD.", field="file")
    return _ENCODING.sub("", text, count=1)


def remove_rules(database: Database, actor: Actor, identifier: UUID) -> str:
    """Check by these rules no more; return their name. What they were stays.

    Raises:
        NotFoundError: no rule set in force has that identifier.
    """
    row = EinvoiceRuleSetRow
    with control_transaction(database, actor) as tx:
        change = update(row).where(row.id == identifier, row.removed_at.is_(None)).values(removed_at=tx.now)
        name = tx.session.scalars(change.returning(row.name)).one_or_none()
        if name is None:
            raise NotFoundError("There is no such rule set; `einvoice rules list` shows those in force.")
        record_control(tx, "einvoice_rules.removed", "einvoice_rules", identifier, after={"name": name})
    return name
