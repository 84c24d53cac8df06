"""Where spans go and what happens when nobody takes them; what the settings say about it."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from email.message import EmailMessage
from typing import Any

import pytest
from opentelemetry.trace import SpanKind
from structlog.testing import capture_logs

from billwright.delivery.smtp import MailRefusedError, UnclearError, hand_over, parse_smtp_url
from billwright.jobs.guarded_http import ForbiddenAddressError, post_once
from billwright.kernel import tracing
from billwright.kernel.errors import NotFoundError, SettingsInvalidError
from billwright.kernel.settings import read_settings
from billwright.kernel.tracing import Tracing
from billwright.web.tracing import headers_of, start_tracing
from support.collector import Collector, collector_running
from support.mail_server import DROP, mail_server
from support.receiver import receiver_running


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collector_running() as running:
        yield running


def started(collector: Collector, **environment: str) -> Tracing:
    given = start_tracing(read_settings({"BILLWRIGHT_OTLP_ENDPOINT": collector.url, **environment}), "test")
    assert given is not None
    return given


def some(recorded: Tracing | None, name: str = "some") -> str:
    with tracing.work(name, kind=SpanKind.INTERNAL, tracing=recorded) as trace_id:
        return trace_id


def test_without_a_collector_nothing_is_loaded() -> None:
    """Asked of a process of its own: others of this one may have loaded it."""
    code = (
        "import sys; from billwright.kernel.settings import read_settings; "
        "from billwright.web.tracing import start_tracing; import billwright.jobs.work; "
        "assert start_tracing(read_settings({}), 'worker') is None; "
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'requests')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_line_of_a_piece_of_work_names_its_trace() -> None:
    """In a process of its own: logging is set up for the whole of one. Ours and what other packages say."""
    code = (
        "import logging, structlog; from opentelemetry.trace import SpanKind; from billwright.kernel import tracing; "
        "from billwright.kernel.settings import read_settings; from billwright.web.logging import configure_logging\n"
        "configure_logging(read_settings({'BILLWRIGHT_LOG_FORMAT': 'json'}))\n"
        "with tracing.work('work', kind=SpanKind.CONSUMER, tracing=None, trace_id='a' * 32):\n"
        "    structlog.get_logger().warning('one'); logging.getLogger('other').warning('two')\n"
        "structlog.get_logger().warning('three')"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr
    lines = [json.loads(line) for line in told.splitlines()]
    assert [(line["event"], line.get("trace_id")) for line in lines] == [
        ("one", "a" * 32), ("two", "a" * 32), ("three", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "environment",
    [{"BILLWRIGHT_OTLP_ENDPOINT": "collector:4318"}, {"BILLWRIGHT_TRACED_PERCENT": "many"}],
    ids=lambda environment: next(iter(environment)),
)
def test_wrong_settings_are_named(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalidError, match=next(iter(environment))):
        read_settings(environment)


def test_malformed_headers_are_refused_without_being_repeated() -> None:
    for wrong in ("hunter2", "=hunter2", "a=b,hunter2"):
        with pytest.raises(SettingsInvalidError) as caught:
            headers_of(wrong)
        assert "hunter2" not in str(caught.value)
    assert headers_of("") == {}
    assert headers_of("Authorization=Bearer%20hunter2,X=a=b,") == {"authorization": "Bearer hunter2", "x": "a=b"}


def test_the_setting_of_percent_is_bounded(collector: Collector) -> None:
    for percent, recorded in (("0", 0), ("-5", 0), ("100", 1), ("500", 1)):
        collector.spans.clear()
        given = started(collector, BILLWRIGHT_TRACED_PERCENT=percent)
        some(given)
        given.close()
        assert len(collector.spans) == recorded, percent


def test_what_is_left_is_delivered_at_the_end_and_nothing_afterwards(collector: Collector) -> None:
    given = started(collector)
    names = [str(number) for number in range(700)]
    for name in names:
        some(given, name)
    given.close()
    given.close()
    assert sorted(span.name for span in collector.spans) == sorted(names)
    some(given, "late")
    assert not collector.named("late")


def test_a_collector_that_is_away_is_said_once_and_once_when_it_is_back(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    given = started(collector)
    provider = given.close._provider  # type: ignore[attr-defined]  # what the timer of OpenTelemetry does, at once
    with capture_logs() as said, caplog.at_level(logging.DEBUG, logger="opentelemetry"):
        for status in (500, 500, 200, 200, 500):
            collector.status = status
            some(given)
            provider.force_flush()
    given.close()
    assert [(line["log_level"], "again" in line["event"]) for line in said] == [
        ("warning", False), ("info", True), ("warning", False),
    ]  # fmt: skip
    assert "500" in said[0]["why"]
    assert not caplog.records


def test_a_collector_that_refuses_connections_ends_with_the_process_soon() -> None:
    with collector_running() as gone:
        pass
    given = started(gone)
    some(given)
    with capture_logs() as said:
        given.close()
    assert [line["log_level"] for line in said] == ["warning"]


def test_a_step_outside_of_recorded_work_is_nothing() -> None:
    with tracing.step("call"):
        tracing.answered(500)
        assert tracing.to_keep() is None
        assert tracing.headers_for("erp.example") == {}
    with tracing.work("work", kind=SpanKind.INTERNAL, tracing=None, trace_id="a" * 32), tracing.step("call"):
        assert tracing.trace_id() == "a" * 32
        assert tracing.to_keep() is None
    assert tracing.trace_id() is None


def test_a_step_ends_as_its_body_does(collector: Collector) -> None:
    given = started(collector)
    with tracing.work("work", kind=SpanKind.INTERNAL, tracing=given):
        for name, error in (
            ("answer", NotFoundError("Müller")),
            ("also", KeyError("Müller")),
            ("bug", OSError("Müller")),
        ):
            with pytest.raises(type(error)), tracing.step(name, refusals=(KeyError,)):
                raise error
        for status in (204, 301, 404, 408, 429, 500):
            with tracing.step(f"{status}"):
                tracing.answered(status)
        tracing.ended("done")
    given.close()
    ended = {span.name: (span.facts.get("billwright.outcome"), span.failed) for span in collector.spans}
    assert ended == {
        "answer": ("refused", False), "also": ("refused", False), "bug": ("failed", True),
        "204": (None, False), "301": (None, False), "404": ("refused", False),
        "408": ("failed", True), "429": ("failed", True), "500": ("failed", True), "work": ("done", False),
    }  # fmt: skip
    assert {span.parent for span in collector.spans} == {"", collector.one("work").id}
    assert "Müller".encode() not in b"".join(collector.raw)


def test_a_webhook_says_no_path_and_tells_its_trace_to_named_hosts_only(collector: Collector) -> None:
    given = started(collector, BILLWRIGHT_TRACED_HOSTS="LOCALHOST")
    options: dict[str, Any] = {"timeout_s": 10, "answer_bytes_max": 100, "private_hosts_allowed": True}
    with receiver_running() as receiver, tracing.work("work", kind=SpanKind.INTERNAL, tracing=given):
        url = f"{receiver.url}/hunter2?key=hunter2"
        post_once(url, {}, b"hunter2", **options)
        post_once(url.replace("127.0.0.1", "localhost"), {}, b"", **options)
        receiver.says(410)
        post_once(url, {}, b"", **options)
        with pytest.raises(ForbiddenAddressError):
            post_once("http://169.254.169.254/hunter2", {}, b"", **options)
    with pytest.raises(ConnectionError), tracing.work("gone", kind=SpanKind.INTERNAL, tracing=given):
        post_once(receiver.url, {}, b"", **options)
    given.close()
    taken, told, gone, forbidden, refused = collector.named("POST")
    assert [got.headers.get("traceparent") for got in receiver.got] == [None, f"00-{told.trace}-{told.id}-01", None]
    outcomes = [span.facts.get("billwright.outcome") for span in (taken, told, gone, forbidden, refused)]
    assert outcomes == [None, None, "refused", "refused", "failed"]
    assert told.facts["server.address"] == "localhost"
    assert b"hunter2" not in b"".join(collector.raw)


@pytest.mark.parametrize(
    ("answers", "outcome", "failed"),
    [({}, None, False), ({"rcpt": "550 no Müller here"}, "refused", False), ({"data": DROP}, "failed", True)],
    ids=["taken", "refused", "broken off"],
)
def test_a_mail_names_the_server_and_nobody_else(
    answers: dict[str, str], outcome: str | None, failed: bool, collector: Collector
) -> None:
    given = started(collector)
    message = EmailMessage()
    message.set_content("hunter2")
    raised = pytest.raises((MailRefusedError, UnclearError)) if answers else nullcontext()
    with mail_server() as server, tracing.work("work", kind=SpanKind.INTERNAL, tracing=given), raised:
        for name, answer in answers.items():
            setattr(server, name, answer)
        hand_over(parse_smtp_url(server.url), message, sender="a@mueller.example", recipient="b@mueller.example")
    given.close()
    span = collector.one("SMTP")
    assert (span.facts.get("billwright.outcome"), span.failed) == (outcome, failed)
    assert span.facts["server.address"] == "127.0.0.1"
    said = b"".join(collector.raw)
    assert [word for word in ("hunter2", "mueller", "Müller") if word.encode() in said] == []


def test_work_whose_body_raises_failed(collector: Collector) -> None:
    given = started(collector)
    with pytest.raises(ZeroDivisionError), tracing.work("work", kind=SpanKind.INTERNAL, tracing=given):
        raise ZeroDivisionError("Müller")
    given.close()
    span = collector.one("work")
    assert (span.failed, span.facts["error.type"]) == (True, "ZeroDivisionError")


def test_a_job_of_before_with_another_identifier_is_recorded_in_a_trace_of_its_own(collector: Collector) -> None:
    given = started(collector)
    with tracing.work("work", kind=SpanKind.INTERNAL, tracing=given, trace_id="t-1") as named:
        kept = tracing.to_keep()
    given.close()
    assert named == "t-1"
    origin = tracing.read_traceparent(kept or "")
    assert origin is not None
    assert (origin.trace_id, origin.span_id) == (collector.one("work").trace, collector.one("work").id)


def test_a_forked_child_delivers_nothing_of_its_parents(collector: Collector) -> None:
    given = started(collector)
    some(given)
    child = os.fork()
    if child == 0:
        given.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not collector.spans
    given.close()
    assert len(collector.spans) == 1
