"""A name that answers differently the second time: the address that was checked is the one that is reached."""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from billwright.delivery.webhooks.send import Request, send
from billwright.delivery.webhooks.subscribe import Wanted, make_webhook
from billwright.kernel.actor import SYSTEM
from support.hooks import VAULT, Told
from support.receiver import Receiver

OURS, METADATA = "127.0.0.1", "169.254.169.254"
NAME = "hooks.rebinding.example"


class Names:
    """A name server that gives ``answers`` in turn, the last one for ever, and counts the questions."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.real, self.answers, self.asked = real, [OURS], 0

    def getaddrinfo(self, host: Any, port: Any, *more: Any, **named: Any) -> Any:
        try:
            ipaddress.ip_address(str(host))
        except ValueError:
            self.asked += 1
            host = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return self.real(host, port, *more, **named)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    made = Names(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    monkeypatch.undo()


def url_of(receiver: Receiver) -> str:
    return receiver.url.replace("127.0.0.1", NAME)


def test_a_request_asks_for_the_name_once_and_goes_where_it_looked(receiver: Receiver, names: Names) -> None:
    names.answers = [OURS, METADATA]
    result = send(Request(url=url_of(receiver), headers={}, body="{}"), private_hosts_allowed=True)
    assert (result.status, names.asked) == (204, 1)
    assert receiver.got[0].headers["host"].startswith(NAME)


def test_the_next_request_looks_anew_and_a_forbidden_answer_is_not_reached(receiver: Receiver, names: Names) -> None:
    names.answers = [OURS, METADATA]
    request = Request(url=url_of(receiver), headers={}, body="{}")
    assert send(request, private_hosts_allowed=True).status == 204
    result = send(request, private_hosts_allowed=True)
    assert (result.status, result.blame, names.asked) == (None, "endpoint", 2)
    assert "private address" in result.text
    assert len(receiver.got) == 1


def test_a_webhook_whose_name_turns_private_waits_by_name_harms_no_other_and_goes_on(told: Told, names: Names) -> None:
    wanted = Wanted(name="turncoat", url=url_of(told.receiver), event_types=("invoice.issued",), contact_email="")
    webhook_id, _ = make_webhook(told.firm.database, told.firm.tenant, SYSTEM, wanted, VAULT)
    names.answers = [METADATA]
    told.bill("M1")
    told.drain()
    states = {row.subscription_id: (row.state, row.outcome or "") for row in told.deliveries()}
    assert states[told.webhook_id][0] == "delivered"
    state, outcome = states[webhook_id]
    assert state == "waiting"
    assert "private address" in outcome
    assert len(told.receiver.got) == 1
    names.answers = [OURS]
    told.pass_time(minutes=5)
    assert {row.state for row in told.deliveries()} == {"delivered"}
    assert len(told.receiver.got) == 2
