"""The rooms of a tenant in the left rail: each is offered to those who may read it, and refuses the others itself."""

from dataclasses import dataclass
from typing import Final

from billwright.kernel.actor import Actor

APPROVE: Final = ("invoice:approve_manager", "invoice:approve_finance")


@dataclass(frozen=True, slots=True)
class Room:
    """``needs``: any of these permissions; none means everybody. ``counts``: which number stands beside the name."""

    name: str
    label: str
    path: str
    icon: str
    needs: tuple[str, ...] = ()
    counts: str = ""


ROOMS: Final = (
    Room("today", "Today", "", "house"),
    Room("exceptions", "Exceptions", "exceptions", "triangle-alert", ("exception:read",), "exceptions"),
    Room("approvals", "Approvals", "approvals", "stamp", APPROVE, "approvals"),
    Room("invoices", "Invoices", "invoices", "file-text", ("invoice:read",)),
    Room("unbilled", "Unbilled", "unbilled", "hourglass", ("item:read",)),
    Room("messages", "Messages", "messages", "inbox", ("message:read",), "held"),
    Room("collections", "Collections", "collections", "hand-coins", ("receivable:read",)),
    Room("mailbox", "Mailbox", "mailbox", "mail", ("mailbox:read",)),
    Room("connectors", "Connectors", "connectors", "plug", ("connection:read",), "failed"),
    Room("audit", "Audit", "audit", "scroll-text", ("audit:read",)),
    Room("access", "Access", "access", "key-round", ("grant:read",)),
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
