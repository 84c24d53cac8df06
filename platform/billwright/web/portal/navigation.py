"""The rooms of a tenant in the left rail: each is offered to those who may read it, and refuses the others itself."""

from dataclasses import dataclass
from typing import Final

from billwright.kernel.actor import Actor

APPROVE: Final = ("invoice:approve_manager", "invoice:approve_finance")


@dataclass(frozen=True, slots=True)
class Room:
    """``needs``: any of these permissions; none means everybody. ``counts``: which number stands beside the name.

    ``covers``: pages that belong to the room and have an address of their own. ``record``: stands below the daily rooms.
    """

    name: str
    label: str
    path: str
    icon: str
    needs: tuple[str, ...] = ()
    counts: str = ""
    covers: tuple[str, ...] = ()
    record: bool = False


ROOMS: Final = (
    Room("today", "Today", "", "house"),
    Room(
        "exceptions", "Exceptions", "exceptions", "triangle-alert", ("exception:read",), "exceptions", covers=("stuck",)
    ),
    Room("approvals", "Approvals", "approvals", "stamp", APPROVE, "approvals"),
    Room("invoices", "Invoices", "invoices", "file-text", ("invoice:read",)),
    Room("customers", "Customers", "customers", "users", ("customer:read",)),
    Room("contracts", "Contracts", "contracts", "signature", ("contract:read",)),
    Room("work", "Work", "work", "hourglass", ("item:read", "project:read"), covers=("unbilled",)),
    Room("collections", "Collections", "collections", "hand-coins", ("receivable:read",)),
    Room("reports", "Reports", "reports", "chart-column", ("report:read",), covers=("ledger",)),
    Room("connectors", "Connectors", "connectors", "plug", ("connection:read",), "failed"),
    Room("settings", "Settings", "settings", "settings"),
    # What came in, what went out, and who did what: records, below a line.
    Room("messages", "Messages", "messages", "inbox", ("message:read",), "held", record=True),
    Room("mailbox", "Mailbox", "mailbox", "mail", ("mailbox:read",), record=True),
    Room("audit", "Audit", "audit", "scroll-text", ("audit:read",), record=True),
    Room("access", "Access", "access", "key-round", ("grant:read",), record=True),
)
# The bottom bar of a phone has room for four and the rest under "More": what a person decides about comes first.
PHONE_FIRST: Final = ("today", "approvals", "exceptions", "invoices")


def rooms_for(actor: Actor) -> tuple[Room, ...]:
    return tuple(room for room in ROOMS if not room.needs or any(actor.may(each) for each in room.needs))


def phone_rooms(rooms: tuple[Room, ...]) -> tuple[tuple[Room, ...], tuple[Room, ...]]:
    """(bottom bar, under "More")."""
    first = [room for name in PHONE_FIRST for room in rooms if room.name == name]
    first += [room for room in rooms if room not in first][: max(0, 4 - len(first))]
    return tuple(first), tuple(room for room in rooms if room not in first)
