"""Outgoing webhooks to a real endpoint: signed, in order, for days, never lost, never in anybody's way."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from billwright.audit.tables import AuditEntryRow
from billwright.checks.tables import ExceptionRow
from billwright.delivery.tables import MailboxRow
from billwright.delivery.webhooks.patience import DISABLE_AFTER, GIVE_UP_AFTER
from billwright.delivery.webhooks.redeliver import redeliver_one, redeliver_since, skip_waiting
from billwright.delivery.webhooks.subscribe import Wanted, make_webhook, rotate_secret, send_test, switch_webhook
from billwright.delivery.webhooks.tables import WebhookEventRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.tenancy.transaction import transaction
from support.hooks import VAULT, Told


def mails(told: Told) -> list[str]:
    with transaction(told.firm.database, told.firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(MailboxRow.subject).order_by(MailboxRow.id)))


def open_exceptions(told: Told) -> list[str]:
    with transaction(told.firm.database, told.firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(ExceptionRow.code).where(ExceptionRow.closed_at.is_(None))))


def test_an_issued_invoice_is_told_once_signed_and_with_its_facts(told: Told) -> None:
    invoice_id = told.bill("M1")
    told.drain()
    (got,) = told.receiver.got
    event = got.event
    assert (event["specversion"], event["type"]) == ("1.0", "invoice.issued")
    assert event["source"] == f"https://bills.example/v1/tenants/{told.firm.tenant.slug}"
    assert event["subject"] == event["data"]["id"] == show("inv", invoice_id)
    assert event["data"]["gross"] == {"amount": "10000.00", "currency": "EUR"}
    assert event["data"]["number"] == "ACME-2026-00001"
    assert got.headers["webhook-id"] == event["id"]
    headers = {name: value for name, value in got.headers.items() if name.startswith("webhook-")}
    told.drain()
    assert len(told.receiver.got) == 1
    assert [(row.state, row.attempts) for row in told.deliveries()] == [("delivered", 1)]
    # The field's own library judges the signature; its clock is the machine's, ours stands, so the stamp is checked apart.
    webhook = Webhook(told.secret)
    assert headers["webhook-timestamp"] == str(int(told.firm.clock.now().timestamp()))
    assert webhook.sign(event["id"], told.firm.clock.now(), got.body.decode()) == headers["webhook-signature"]


def test_what_nobody_asked_for_is_not_stored(told: Told) -> None:
    told.bill("M1")
    with transaction(told.firm.database, told.firm.tenant, SYSTEM) as tx:
        assert list(tx.session.scalars(select(WebhookEventRow.type))) == ["invoice.issued"]


def test_a_dead_endpoint_gets_one_probe_and_then_everything_in_order(told: Told) -> None:
    told.receiver.says(503)
    first, second = told.bill("M1"), told.bill("M2")
    told.drain()
    tried = len(told.receiver.got)
    assert tried <= 2  # both were under way at the same moment
    told.bill("M3")
    told.drain()
    assert len(told.receiver.got) == tried  # no third endpoint's worth of trouble: the probe waits
    assert told.webhook().failing_since == told.firm.clock.now()
    told.receiver.says(204)
    told.pass_time(minutes=1)
    subjects = [got.event["subject"] for got in told.receiver.got[tried:]]
    assert sorted(subjects[:2]) == sorted([show("inv", first), show("inv", second)])
    assert len(subjects) == 3
    assert told.webhook().failing_since is None
    assert {row.state for row in told.deliveries()} == {"delivered"}


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (302, {"location": "https://elsewhere.example/"}, "redirects are not followed"),
        (500, {}, "did not take it: 500"),
        (401, {}, "did not take it: 401"),
    ],
)
def test_only_2xx_means_taken(told: Told, status: int, headers: dict[str, str], says: str) -> None:
    told.receiver.says(status, b"<html>garbage", **headers)
    told.bill("M1")
    told.drain()
    (row,) = told.deliveries()
    assert row.state == "waiting"
    assert says in (row.outcome or "")
    (attempt,) = told.attempts()
    assert attempt.status == status
    assert attempt.response_body == "<html>garbage"
    assert "v1," not in str(attempt.request_headers)
    assert attempt.request_body == told.receiver.got[0].body.decode()


def test_garbage_with_a_200_is_taken_and_kept_short(told: Told) -> None:
    told.receiver.says(200, b"\x00\xff" * 500_000)
    told.bill("M1")
    told.drain()
    assert told.deliveries()[0].state == "delivered"
    (attempt,) = told.attempts()
    assert 0 < len((attempt.response_body or "").encode()) <= 16_000


def test_a_warning_comes_before_the_webhook_is_switched_off_and_nothing_is_lost(told: Told) -> None:
    told.receiver.says(500)
    told.bill("M1")
    told.drain()
    for _ in range(9):
        told.pass_time(hours=3)
    assert mails(told) == ["The webhook books does not take events"]
    assert told.webhook().state == "active"
    while told.webhook().state == "active":
        told.pass_time(hours=5)
    failing_since = told.webhook().failing_since
    assert failing_since is not None
    assert told.firm.clock.now() - failing_since >= DISABLE_AFTER
    assert mails(told)[1:] == ["The webhook books is switched off"]
    assert open_exceptions(told) == ["webhook_disabled"]
    told.bill("M2")
    asked = len(told.receiver.got)
    told.pass_time(days=2)
    assert len(told.receiver.got) == asked
    told.receiver.says(204)
    switch_webhook(told.firm.database, told.firm.tenant, SYSTEM, told.webhook_id, "active")
    told.drain()
    assert len(told.receiver.got) == asked + 2
    assert {row.state for row in told.deliveries()} == {"delivered"}
    assert open_exceptions(told) == []


def test_about_thirty_attempts_in_five_days_not_more(told: Told) -> None:
    told.receiver.says(500)
    told.bill("M1")
    told.drain()
    while told.webhook().state == "active":
        told.pass_time(minutes=20)
    assert 25 <= len(told.receiver.got) <= 60


def test_gone_switches_off_at_once(told: Told) -> None:
    told.receiver.says(410)
    told.bill("M1")
    told.drain()
    assert told.webhook().state == "disabled"
    assert mails(told) == ["The webhook books is switched off"]


def test_retry_after_is_honoured(told: Told) -> None:
    told.receiver.says(429, retry_after="7200")
    told.bill("M1")
    told.drain()
    told.pass_time(minutes=110)
    assert len(told.receiver.got) == 1
    told.receiver.says(204)
    told.pass_time(minutes=15)
    assert told.deliveries()[0].state == "delivered"


def test_an_event_that_the_endpoint_refuses_stops_only_its_own_object(told: Told) -> None:
    refused = show("inv", told.bill("M1"))
    other = show("inv", told.bill("M2"))
    told.receiver.answer = lambda got: (422 if got.event["subject"] == refused else 204, {}, b"")
    told.drain()
    states = {got.event["subject"]: got for got in told.receiver.got}
    assert set(states) == {refused, other}
    assert told.webhook().failing_since is None
    assert sorted(row.state for row in told.deliveries()) == ["delivered", "waiting"]
    started = told.firm.clock.now()
    while any(row.state == "waiting" for row in told.deliveries()):
        told.pass_time(hours=6)
    assert told.firm.clock.now() - started >= GIVE_UP_AFTER
    assert sorted(row.state for row in told.deliveries()) == ["delivered", "failed"]
    assert told.webhook().state == "active"


def test_sent_again_one_or_all_since_a_moment(told: Told) -> None:
    told.bill("M1")
    told.drain()
    told.pass_time(days=1)
    since = told.firm.clock.now()
    told.bill("M2")
    told.bill("M3")
    told.drain()
    database, tenant = told.firm.database, told.firm.tenant
    assert redeliver_since(database, tenant, SYSTEM, told.webhook_id, since) == 2
    told.drain()
    assert len(told.receiver.got) == 5
    first = told.deliveries()[0].event_id
    assert redeliver_one(database, tenant, SYSTEM, told.webhook_id, first) == 1
    told.drain()
    assert told.receiver.got[5].body == told.receiver.got[0].body  # the same bytes, whatever changed since
    assert {row.state for row in told.deliveries()} == {"delivered"}


def test_a_new_webhook_can_ask_for_what_was_before_it(told: Told) -> None:
    told.bill("M1")
    told.drain()
    wanted = Wanted(name="late", url=told.receiver.url, event_types=("*",))
    late, _ = make_webhook(told.firm.database, told.firm.tenant, SYSTEM, wanted, VAULT)
    since = told.firm.clock.now() - timedelta(days=1)
    assert redeliver_since(told.firm.database, told.firm.tenant, SYSTEM, late, since) == 1
    told.drain()
    assert len(told.receiver.got) == 2


def test_what_waits_can_be_skipped_with_a_reason_and_sent_later_all_the_same(told: Told) -> None:
    switch_webhook(told.firm.database, told.firm.tenant, SYSTEM, told.webhook_id, "paused")
    told.bill("M1")
    told.drain()
    assert told.receiver.got == []
    before = told.firm.clock.now() + timedelta(seconds=1)
    database, tenant = told.firm.database, told.firm.tenant
    assert skip_waiting(database, tenant, SYSTEM, told.webhook_id, before, "Entered by hand.") == 1
    switch_webhook(database, tenant, SYSTEM, told.webhook_id, "active")
    told.drain()
    assert told.receiver.got == []
    assert redeliver_since(database, tenant, SYSTEM, told.webhook_id, before - timedelta(days=1)) == 1
    told.drain()
    assert len(told.receiver.got) == 1


def test_while_a_secret_is_replaced_both_open_and_later_the_new_one_only(told: Told) -> None:
    _, new = rotate_secret(told.firm.database, told.firm.tenant, SYSTEM, told.webhook_id, VAULT)
    told.bill("M1")
    told.drain()
    signatures = told.receiver.got[0].headers["webhook-signature"].split()
    assert [_signed(told, secret) in signatures for secret in (new, told.secret)] == [True, True]
    told.pass_time(days=2)
    told.bill("M2")
    told.drain()
    signatures = told.receiver.got[1].headers["webhook-signature"].split()
    assert [_signed(told, secret, 1) in signatures for secret in (new, told.secret)] == [True, False]


def _signed(told: Told, secret: str, index: int = 0) -> str:
    got = told.receiver.got[index]
    return Webhook(secret).sign(got.headers["webhook-id"], told.firm.clock.now(), got.body.decode())


def test_a_forged_body_does_not_verify(told: Told) -> None:
    told.bill("M1")
    told.drain()
    got = told.receiver.got[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(told.secret).verify(got.body.replace(b"10000.00", b"99999.00"), got.headers)


def test_a_test_event_goes_to_this_webhook_alone(told: Told) -> None:
    send_test(told.firm.database, told.firm.tenant, SYSTEM, told.webhook_id)
    told.drain()
    assert told.receiver.types == ["webhook.test"]
    with transaction(told.firm.database, told.firm.tenant, SYSTEM) as tx:
        query = select(func.count()).where(AuditEntryRow.action == "webhook.tested")
        assert tx.session.scalar(query) == 1
