"""Change a tenant's configuration: the next version and its audit entry, in one transaction or not at all.

It lives here and not in tenancy, which may not know the audit log. Nothing else in the product writes a version.
"""

from dataclasses import dataclass

import msgspec
from sqlalchemy import func, select

from billwright.audit.record import record
from billwright.tenancy.configuration import TenantConfiguration, read_configuration, store_configuration
from billwright.tenancy.tables import ConfigurationRow
from billwright.tenancy.transaction import Tx


@dataclass(frozen=True, slots=True)
class Changed:
    """``parts`` are the names of what became different; for the first version of a tenant all of them. ``first``: it is."""

    version: int
    parts: tuple[str, ...]
    first: bool


def change_configuration(tx: Tx, configuration: TenantConfiguration) -> Changed | None:
    """Put ``configuration`` in force; None when it is in force already, and then nothing is written.

    The caller asks for the permission: a blueprint is applied by the partner, not by somebody in the tenant.
    """
    first = tx.session.scalars(select(func.count()).select_from(ConfigurationRow)).one() == 0
    before = read_configuration(tx)
    if not first and before == configuration:
        return None
    version = store_configuration(tx, configuration)
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(configuration)
    parts = tuple(sorted(name for name in new if first or new[name] != old.get(name)))
    record(
        tx,
        "configuration.changed",
        "configuration",
        None,
        before=None if first else {name: old.get(name) for name in parts},
        after={"version": version, **{name: new[name] for name in parts}},
    )
    return Changed(version, parts, first)
