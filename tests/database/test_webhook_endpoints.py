"""Endpoints that hang, drip, hide, break off or lie at private addresses; races of deliveries; what others pay for them."""

import threading

import pytest
from sqlalchemy import update

from billwright.delivery.webhooks.deliver import BUSY_FOR, deliver
from billwright.delivery.webhooks.send import Request, send
from billwright.delivery.webhooks.subscribe import switch_webhook
from billwright.delivery.webhooks.tables import WebhookDeliveryRow
from billwright.jobs.failures import LaterError
from billwright.jobs.guarded_http import ForbiddenAddressError, post_once
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.transaction import transaction
from support.hooks import Told, courier_of
from support.mail_server import free_port
from support.receiver import Receiver, wait_until


def request(url: str) -> Request:
    return Request(url=url, headers={"content-type": "application/json"}, body="{}")


def test_an_endpoint_that_hangs_costs_no_more_than_the_limit(receiver: Receiver) -> None:
    receiver.hang_s = 30
    result = send(request(receiver.url), private_hosts_allowed=True, timeout_s=0.3)
    assert (result.status, result.blame) == (None, "endpoint")
    assert "within" in result.text
    assert result.duration_ms < 10_000


def test_a_header_that_drips_a_byte_at_a_time_ends_at_the_limit_too(receiver: Receiver) -> None:
    receiver.drip = True
    result = send(request(receiver.url), private_hosts_allowed=True, timeout_s=0.5)
    assert (result.status, result.blame) == (None, "endpoint")
    assert result.duration_ms < 10_000


def test_nobody_listening_is_said_so() -> None:
    result = send(request(f"http://127.0.0.1:{free_port()}/"), private_hosts_allowed=True)
    assert (result.status, result.blame) == (None, "endpoint")
    assert result.text.startswith("No connection")


def test_a_name_that_nobody_knows_is_said_so() -> None:
    result = send(request("http://nobody.invalid/"), private_hosts_allowed=True)
    assert (result.status, result.blame) == (None, "endpoint")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "0.0.0.0", "[fd00::1]", "2130706433"],
)
def test_private_addresses_are_not_reached_and_nothing_is_sent(receiver: Receiver, host: str) -> None:
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    with pytest.raises((ForbiddenAddressError, ConnectionError)):
        post_once(f"http://{host}:{port}/", {}, b"{}", timeout_s=1, answer_bytes_max=10, private_hosts_allowed=False)
    assert receiver.got == []


def test_cloud_metadata_is_never_reached_even_where_private_hosts_are_allowed() -> None:
    with pytest.raises(ForbiddenAddressError):
        post_once("http://169.254.169.254/", {}, b"{}", timeout_s=1, answer_bytes_max=10, private_hosts_allowed=True)


def test_a_private_endpoint_ends_in_a_named_state_and_can_be_resumed(told: Told) -> None:
    strict = courier_of(told.firm, private_hosts_allowed=False)
    invoice_id = told.bill("M1")
    told.firm.drain()
    deliver(strict, told.firm.tenant, told.webhook_id, invoice_id)
    (row,) = told.deliveries()
    assert row.state == "waiting"
    assert "private address" in (row.outcome or "")
    assert told.receiver.got == []
    told.pass_time(minutes=1)
    assert [each.state for each in told.deliveries()] == ["delivered"]


def test_two_workers_never_send_the_same_event_at_once(told: Told) -> None:
    invoice_id = told.bill("M1")
    told.firm.drain()
    told.receiver.hang_s = 60
    courier = courier_of(told.firm)
    thread = threading.Thread(target=deliver, args=(courier, told.firm.tenant, told.webhook_id, invoice_id))
    thread.start()
    try:
        wait_until(lambda: bool(told.receiver.got))
        with pytest.raises(LaterError) as later:
            deliver(courier, told.firm.tenant, told.webhook_id, invoice_id)
        assert later.value.at == told.firm.clock.now() + BUSY_FOR
    finally:
        told.receiver.release.set()
        thread.join()
    assert len(told.receiver.got) == 1
    assert told.deliveries()[0].state == "delivered"


def test_an_attempt_that_died_between_act_and_outcome_is_made_again_under_the_same_identifier(told: Told) -> None:
    told.bill("M1")
    told.drain()
    with transaction(
        told.firm.database, told.firm.tenant, SYSTEM
    ) as tx:  # as a worker leaves it that dies before the end
        busy = told.firm.clock.now() + BUSY_FOR
        tx.session.execute(update(WebhookDeliveryRow).values(state="waiting", busy_until=busy))
    switch_webhook(told.firm.database, told.firm.tenant, SYSTEM, told.webhook_id, "active")
    told.drain()
    assert len(told.receiver.got) == 1
    told.pass_time(minutes=2)
    first, second = told.receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_removed_while_events_wait_nothing_is_sent_and_the_name_is_free(told: Told) -> None:
    told.bill("M1")
    told.firm.drain()
    switch_webhook(told.firm.database, told.firm.tenant, SYSTEM, told.webhook_id, "removed")
    told.drain()
    assert told.receiver.got == []
    assert [row.state for row in told.deliveries()] == ["skipped"]


def test_people_can_pause_a_webhook_while_a_request_hangs(told: Told) -> None:
    """The row of the subscription is locked around the act, never during it."""
    invoice_id = told.bill("M1")
    told.firm.drain()
    told.receiver.hang_s = 60
    courier = courier_of(told.firm)
    thread = threading.Thread(target=deliver, args=(courier, told.firm.tenant, told.webhook_id, invoice_id))
    thread.start()
    try:
        wait_until(lambda: bool(told.receiver.got))
        switch_webhook(told.firm.database, told.firm.tenant, SYSTEM, told.webhook_id, "paused")
        assert told.receiver.release.is_set() is False
        assert told.deliveries()[0].state == "waiting"
    finally:
        told.receiver.release.set()
        thread.join()
    assert told.webhook().state == "paused"
    assert told.deliveries()[0].state == "delivered"
