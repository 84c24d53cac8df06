"""What a job is about: the things that its payload names, as links where they have a page. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from billwright.kernel.ids import show

PAGES: Final = {
    "invoice_id": ("Invoice", "inv", "invoices"),
    "contract_id": ("Contract", "ctr", "contracts"),
    "customer_id": ("Customer", "cus", "customers"),
    "message_ids": ("Message", "msg", "messages"),
}
SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class About:
    """``path`` is of the tenant, and empty for what has no page."""

    label: str
    text: str
    path: str = ""


def about_job(payload: Mapping[str, Any]) -> list[About]:
    """One line for each thing, the first twenty of a list; identifiers without a page as they are."""
    found: list[About] = []
    for name, value in payload.items():
        for each in (value if isinstance(value, list) else [value])[:SHOWN_MAX]:
            found.append(_about(name, each))
        if isinstance(value, list) and len(value) > SHOWN_MAX:
            found.append(About(name, f"and {len(value) - SHOWN_MAX} more"))
    return found


def _about(name: str, value: Any) -> About:
    if name in PAGES:
        label, prefix, room = PAGES[name]
        try:
            shown = show(prefix, UUID(str(value)))
        except ValueError:
            return About(label, str(value))
        return About(label, shown, f"{room}/{shown}")
    return About(name.replace("_", " ").capitalize(), str(value))
