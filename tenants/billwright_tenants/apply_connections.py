"""The connections of a blueprint: settings in clear, secrets sealed under the tenant's key."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from billwright.audit.record import record
from billwright.identity.add_person import check_email
from billwright.intake.tables import ConnectionRow
from billwright.kernel.ids import new_id
from billwright.tenancy.secrets import open_sealed, seal
from billwright.tenancy.transaction import Tx
from billwright_tenants.blueprint import Connection

PLAIN = ("connector", "source", "settings", "enabled", "person_id")
SECRET = ("secrets", "hook_secret")


def apply_connections(
    tx: Tx, connections: Sequence[Connection], people: Mapping[str, UUID], master_key: str | None, changes: list[str]
) -> None:
    """Make or change each listed connection; others stay as they are."""
    known = {row.name: row for row in tx.session.scalars(select(ConnectionRow))}
    for connection in connections:
        plain = _plain(connection, people)
        secret = _secret(connection)
        row = known.get(connection.name)
        if row is None:
            _add(tx, connection.name, plain, secret, master_key, changes)
        else:
            _change(tx, row, plain, secret, master_key, changes)


def _plain(connection: Connection, people: Mapping[str, UUID]) -> dict[str, Any]:
    return {
        "connector": connection.connector,
        "source": connection.source or connection.name,
        "settings": connection.settings,
        "enabled": connection.enabled,
        "person_id": people[check_email(connection.user)] if connection.user else None,
    }


def _secret(connection: Connection) -> dict[str, str | None]:
    """Clear texts that are only ever kept sealed; secrets as JSON."""
    secrets = msgspec.json.encode(connection.secrets, order="deterministic").decode() if connection.secrets else None
    return {"secrets": secrets, "hook_secret": connection.hook_secret}


def _sealed(tx: Tx, text: str | None, master_key: str | None) -> str | None:
    if text is None:
        return None
    assert master_key is not None, "checked before"
    return seal(master_key, tx.tenant.id, text)


def _add(
    tx: Tx,
    name: str,
    plain: dict[str, Any],
    secret: Mapping[str, str | None],
    master_key: str | None,
    changes: list[str],
) -> None:
    identifier = new_id()
    sealed = {key: _sealed(tx, text, master_key) for key, text in secret.items()}
    tx.session.execute(insert(ConnectionRow), [{"id": identifier, "name": name, **plain, **sealed}])
    record(tx, "connection.added", "connection", identifier, after={"name": name, **plain, "secrets": _kept(secret)})
    changes.append(f"connection {name} added")


def _kept(secret: Mapping[str, str | None]) -> list[str]:
    """Which secrets there are, never what they are."""
    return [key for key, text in secret.items() if text is not None]


def _change(
    tx: Tx,
    row: ConnectionRow,
    plain: dict[str, Any],
    secret: Mapping[str, str | None],
    master_key: str | None,
    changes: list[str],
) -> None:
    changed = [name for name in PLAIN if getattr(row, name) != plain[name]]
    replaced = [name for name in SECRET if not _same(tx, getattr(row, name), secret[name], master_key)]
    if not changed and not replaced:
        return
    sealed = {name: _sealed(tx, secret[name], master_key) for name in replaced}
    values = {name: plain[name] for name in changed}
    tx.session.execute(update(ConnectionRow).where(ConnectionRow.id == row.id).values(**values, **sealed))
    before = {name: getattr(row, name) for name in changed}
    after = {**values, "replaced": replaced}
    record(tx, "connection.changed", "connection", row.id, before=before, after=after)
    changes.append(f"connection {row.name}: {', '.join([*changed, *replaced])} changed")


def _same(tx: Tx, kept: str | None, text: str | None, master_key: str | None) -> bool:
    """A secret that the blueprint leaves out stays: blueprints go into version control, secrets should not."""
    if text is None:
        return True
    assert master_key is not None, "checked before"
    return kept is not None and open_sealed(master_key, tx.tenant.id, kept) == text
