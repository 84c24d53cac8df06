"""A partner's webhook: at every tenant, those to come included, without content, and one mail for one trouble."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from billwright.delivery.tables import MailboxRow
from billwright.delivery.webhooks.adopt import adopt_all
from billwright.delivery.webhooks.partner import (
    change_partner_webhook,
    make_partner_webhook,
    rotate_partner_secret,
    switch_partner_webhook,
)
from billwright.delivery.webhooks.subscribe import Wanted, switch_webhook
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import PermissionDeniedError
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.owner import bind_tenant, owner_transaction
from billwright.tenancy.transaction import transaction
from support.hooks import VAULT
from support.pipeline import Firm
from support.shared_hooks import QUIET, Shared, shared

__all__ = ["shared"]


def test_every_tenant_tells_the_partner_and_says_nothing_of_the_content(shared: Shared) -> None:
    shared.bill()
    shared.drain()
    assert len(shared.receiver.got) == 2
    sources = {got.event["source"] for got in shared.receiver.got}
    assert {source.rpartition("/")[2] for source in sources} == {firm.tenant.slug for firm in shared.firms}
    for got in shared.receiver.got:
        assert set(got.event["data"]) == {"id", "object"}
        assert b"Client SA" not in got.body
        assert b"10000" not in got.body


def test_a_tenant_made_later_tells_the_partner_too(
    shared: Shared, make_firm: Callable[[TenantConfiguration], Firm]
) -> None:
    late = make_firm(QUIET)
    with owner_transaction(late.database, SYSTEM) as control:
        adopt_all(control, bind_tenant(control, late.tenant))
    shared.firms.append(late)
    shared.drain()
    assert [row.owner for row in shared.copies()] == ["partner"] * 3


def test_a_tenant_sees_the_partners_webhook_and_cannot_change_it(shared: Shared) -> None:
    copy = shared.copies()[0]
    with pytest.raises(PermissionDeniedError, match="your partner's"):
        switch_webhook(shared.database, shared.firms[0].tenant, SYSTEM, copy.id, "paused")


def test_changes_of_the_partner_reach_every_copy(shared: Shared) -> None:
    wanted = Wanted(name="desk 2", url=shared.receiver.url, event_types=("*",))
    change_partner_webhook(shared.database, SYSTEM, shared.partner, shared.webhook_id, wanted)
    shared.drain()
    assert {(row.name, tuple(row.event_types)) for row in shared.copies()} == {("desk 2", ("*",))}


def test_paused_events_wait_at_every_tenant_until_it_is_enabled(shared: Shared) -> None:
    switch_partner_webhook(shared.database, SYSTEM, shared.partner, shared.webhook_id, "paused")
    shared.drain()
    shared.bill()
    shared.drain()
    assert shared.receiver.got == []
    switch_partner_webhook(shared.database, SYSTEM, shared.partner, shared.webhook_id, "active")
    shared.drain()
    assert len(shared.receiver.got) == 2


def test_an_enabled_one_sends_at_once_also_what_was_tried_before(shared: Shared) -> None:
    """The next attempt would be seconds away at first and hours later."""
    shared.receiver.says(503)
    shared.bill()
    shared.drain()
    switch_partner_webhook(shared.database, SYSTEM, shared.partner, shared.webhook_id, "paused")
    shared.drain()
    shared.receiver.says(204)
    switch_partner_webhook(shared.database, SYSTEM, shared.partner, shared.webhook_id, "active")
    shared.drain()
    assert shared.states() == ["delivered", "delivered"]


def test_removed_means_everywhere(shared: Shared) -> None:
    switch_partner_webhook(shared.database, SYSTEM, shared.partner, shared.webhook_id, "paused")
    shared.drain()
    shared.bill()
    shared.drain()
    switch_partner_webhook(shared.database, SYSTEM, shared.partner, shared.webhook_id, "removed")
    shared.drain()
    assert shared.states() == ["skipped", "skipped"]
    wanted = Wanted(name="desk", url=shared.receiver.url, event_types=("*",))
    make_partner_webhook(shared.database, SYSTEM, shared.partner, wanted, VAULT)  # the name is free again


def test_each_tenant_holds_the_secret_under_its_own_key(shared: Shared) -> None:
    _, secret = rotate_partner_secret(shared.database, SYSTEM, shared.partner, shared.webhook_id, VAULT)
    shared.drain()
    copies = shared.copies()
    assert len({row.secret for row in copies}) == 2
    opened = [VAULT.open(firm.tenant.id, row.secret) for firm, row in zip(shared.firms, copies, strict=True)]
    assert opened == [secret, secret]
    assert [VAULT.open(shared.firms[0].tenant.id, copies[0].old_secret or "")] == [shared.secret]


def test_one_endpoint_in_trouble_is_one_mail_however_many_tenants(shared: Shared) -> None:
    shared.receiver.says(410)
    shared.bill()
    shared.drain()
    subjects: list[UUID | str] = []
    for firm in shared.firms:
        with transaction(shared.database, firm.tenant, SYSTEM) as tx:
            subjects += tx.session.scalars(select(MailboxRow.subject)).all()
    assert subjects == ["The webhook desk is switched off"]
