"""What a check of an invariant gets and gives."""

from dataclasses import dataclass

from billwright.documents.store import FileStore
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx


@dataclass(frozen=True, slots=True)
class Offender:
    """``subject`` is a shown identifier, a number or a transaction key; ``sentence`` says what is wrong with it."""

    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Scope:
    """One tenant, seen from a transaction of its own; the control plane is reached through ``database``."""

    tx: Tx
    database: Database
    tenant: Tenant
    store: FileStore | None
