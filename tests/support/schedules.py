"""Schedules for tests of their triggers, and contracts that hold them."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from billwright.extension.schedules import BilledItem, ScheduleTerms, ScheduleView
from billwright.extension.views import ContractView, ItemProposal
from support.plugin_views import a_contract


def a_schedule(terms: dict[str, Any], **given: Any) -> ScheduleView:
    """``terms`` as a message carries them."""
    defaults: dict[str, Any] = {
        "id": "s1", "number": "S-1", "name": "", "clause": "7", "service_line": "", "change_order_id": None,
        "usage": (), "reports": (), "message_id": "msg-schedule",
    }  # fmt: skip
    return ScheduleView(terms=msgspec.convert(terms, ScheduleTerms), **(defaults | given))


def on(day: date, *schedules: ScheduleView, **given: Any) -> ContractView:
    """A contract at noon of ``day``."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return a_contract(schedules=schedules, now=noon, **given)


def ready(items: Any) -> list[ItemProposal]:
    return [item for item in items if item.ready]


def minor(item: ItemProposal) -> int:
    assert item.amount is not None, item.reasons
    return item.amount.minor


def billed(items: Any) -> dict[str, BilledItem]:
    """As if all of ``items`` that are ready had been billed."""
    return {item.transaction_key: BilledItem(amount=item.amount, quantity=item.quantity) for item in ready(items)}
