"""Documents that run over a limit, and processes that are ended: named, replaced, and nobody else's trouble."""

import gc
import io
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pikepdf
import pytest

from billwright.documents.errors import DocumentStoppedError
from billwright.documents.limits import MIB, Limit, Limits
from billwright.documents.page import invoice_page
from billwright.documents.render import Renderer, RenderersBusyError
from support.invoice_contents import ALDERGATE, content

PAGE = invoice_page(content(1), number="N-1", brand=ALDERGATE)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    """With a second of processor time for a document."""
    renderer = Renderer(limits=Limits(cpu_s=1, clock_factor=60, pages=20))
    yield renderer
    renderer.close()


@pytest.fixture
def patient() -> Iterator[Renderer]:
    renderer = Renderer(limits=Limits(cpu_s=600))
    yield renderer
    renderer.close()


def ours(renderer: Renderer) -> bytes:
    return renderer.render_invoice(PAGE, template_set="modern")


def own(renderer: Renderer, template: str) -> bytes:
    return renderer.render_invoice(PAGE, template_set="classic", template_override=template)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether it ended, its remains included or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


@pytest.mark.parametrize(
    ("template", "limit"),
    [
        (ENDLESS, "processor"),
        ("{% for a in range(900) %}{% for b in range(900) %}<div>{% endfor %}{% endfor %}", "processor"),
        ('{% for a in range(50000) %}<p style="break-after:page">x</p>{% endfor %}', "processor"),
        ('{% for a in range(25) %}<p style="break-after:page">x</p>{% endfor %}', "pages"),
        ("{% set x = 'a' * (10 ** 11) %}{{ x }}", "memory"),
        ("{% set x = namespace(s='a'*1000) %}{% for a in range(30) %}{% set x.s = x.s ~ x.s %}{% endfor %}", "memory"),
        ("{% for a in range(300) %}<div>{% endfor %}x", "nesting"),
    ],
    ids=["a loop", "much nesting", "a million pages", "pages", "a long text", "doubling", "deep nesting"],
)
def test_a_runaway_is_named_and_the_next_document_comes_out(renderer: Renderer, template: str, limit: Limit) -> None:
    with pytest.raises(DocumentStoppedError) as stopped:
        own(renderer, template)

    assert stopped.value.limit == limit
    assert stopped.value.facts["template"] == "your own template (classic)"
    assert f"version {stopped.value.facts['version']}" in str(stopped.value)
    assert "mend the template, then retry" in str(stopped.value)
    assert ours(renderer).startswith(b"%PDF")
    assert own(renderer, "<p>{{ number }}</p>").startswith(b"%PDF")


def test_one_that_does_not_end_on_the_clock_is_stopped_too() -> None:
    """A process that stands still uses no processor time."""
    impatient = Renderer(limits=Limits(cpu_s=1))
    try:
        ours(impatient)
        _, process = impatient.pids
        os.kill(process, signal.SIGSTOP)
        with pytest.raises(DocumentStoppedError) as stopped:
            ours(impatient)
        assert stopped.value.limit == "clock"
        assert gone(process)
        assert ours(impatient).startswith(b"%PDF")
    finally:
        impatient.close()


def test_a_file_that_is_too_large_is_not_taken() -> None:
    small = Renderer(limits=Limits(pdf_bytes=5_000))
    try:
        with pytest.raises(DocumentStoppedError) as stopped:
            ours(small)
        assert stopped.value.limit == "size"
    finally:
        small.close()


def test_a_very_long_invoice_of_our_own_set_names_what_to_do() -> None:
    short = Renderer(limits=Limits(pages=2))
    try:
        page = invoice_page(content(80), number="N-2", brand=ALDERGATE)
        with pytest.raises(
            DocumentStoppedError, match=r"The template set modern, version \w+, made more than 2 pages"
        ) as stopped:
            short.render_invoice(page, template_set="modern")
        assert "ask for a higher limit" in str(stopped.value)
    finally:
        short.close()


def test_others_are_made_while_a_runaway_runs(patient: Renderer) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(own, patient, ENDLESS)
        until(lambda: len(patient.pids) == 2, "the runaway runs")
        runaway = patient.pids[1]
        for _ in range(3):
            assert ours(patient).startswith(b"%PDF")
        with pytest.raises(RenderersBusyError):
            hurried(patient, ENDLESS + " ")
        assert not first.done()
        os.kill(runaway, signal.SIGKILL)
        with pytest.raises(DocumentStoppedError) as stopped:
            first.result(PATIENCE_S)
    assert stopped.value.limit == "crash"
    assert "SIGKILL" in str(stopped.value)


def hurried(renderer: Renderer, template: str) -> None:
    """A second unknown template finds its only place taken, while another process is free."""
    before, renderer.patience_s = renderer.patience_s, 0.01
    try:
        own(renderer, template)
    finally:
        renderer.patience_s = before


def test_a_template_that_made_documents_is_no_stranger(patient: Renderer) -> None:
    """It takes any process, also while a runaway has the place of those that nobody knows."""
    known = '{% extends "invoice/classic/invoice.html" %}'
    first = own(patient, known)
    with ThreadPoolExecutor(1) as pool:
        runaway = pool.submit(own, patient, ENDLESS)
        until(lambda: len(patient.pids) == 2, "the runaway runs")
        assert own(patient, known) == first
        os.kill(patient.pids[1], signal.SIGSEGV)
        with pytest.raises(DocumentStoppedError, match="SIGSEGV"):
            runaway.result(PATIENCE_S)


def test_what_was_ended_while_it_was_idle_is_no_documents_fault(renderer: Renderer) -> None:
    first = ours(renderer)
    for which in (0, -1):
        victim = renderer.pids[which]
        os.kill(victim, signal.SIGKILL)
        until(partial(gone, victim), "it ended")
        assert ours(renderer) == first


def test_a_process_is_followed_by_another_before_it_grows() -> None:
    brief = Renderer(documents_max=2)
    try:
        ours(brief)
        first = brief.pids[1:]
        ours(brief)
        assert brief.pids[1:] == []
        ours(brief)
        assert brief.pids[1:] not in ([], first)
    finally:
        brief.close()


def test_a_process_serves_one_tenants_template_and_nothing_else(renderer: Renderer) -> None:
    def process_after(owner: str, template: str | None = "<p>x</p>") -> int:
        before = set(renderer.pids)
        renderer.render_invoice(PAGE, template_set="classic", template_override=template, owner=owner)
        return (set(renderer.pids) - before or {0}).pop()

    renderer.close()
    ours(renderer)
    first = process_after("a")
    assert first
    assert process_after("a") == 0
    second = process_after("b")
    assert second
    assert process_after("b", "<p>y</p>") not in (0, first, second)
    assert process_after("b", None) == 0
    assert gone(first)
    assert not gone(second)


def test_a_template_without_an_owner_leaves_no_process_behind(renderer: Renderer) -> None:
    renderer.close()
    own(renderer, "<p>x</p>")
    assert len(renderer.pids) == 1


def test_processes_have_no_environment_no_secret_and_no_open_file_of_the_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BILLWRIGHT_MASTER_KEY", "very secret")
    kept = (tmp_path / "secret").open("w")
    descriptor = os.dup(kept.fileno())
    os.set_inheritable(descriptor, True)
    fresh = Renderer()
    try:
        with kept:
            ours(fresh)
            for pid in fresh.pids:
                assert Path(f"/proc/{pid}/environ").read_bytes() == b"LANG=C.UTF-8\0"
                targets = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
                assert not any(str(tmp_path) in each or "TCP" in each for each in targets), targets
            limits = Path(f"/proc/{fresh.pids[1]}/limits").read_text(encoding="ascii")
            assert str(768 * MIB) in next(line for line in limits.splitlines() if line.startswith("Max data size"))
            status = Path(f"/proc/{fresh.pids[1]}/status").read_text(encoding="utf-8")
            assert "NoNewPrivs:\t1" in status
    finally:
        os.close(descriptor)
        fresh.close()


def test_a_renderer_that_nobody_holds_any_more_leaves_no_process() -> None:
    forgotten = Renderer()
    ours(forgotten)
    watched = [os.pidfd_open(pid) for pid in forgotten.pids]
    assert len(watched) == 2
    del forgotten
    gc.collect()
    for watch in watched:
        assert select.select([watch], [], [], 10)[0]
        os.close(watch)


WORKER = """
import sys, threading
from billwright.documents.limits import Limits
from billwright.documents.page import invoice_page
from billwright.documents.render import Renderer
from support.invoice_contents import ALDERGATE, content
page = invoice_page(content(1), number="N-1", brand=ALDERGATE)
renderer = Renderer(limits=Limits(cpu_s=600))
renderer.render_invoice(page, template_set="modern")
endless = dict(template_set="modern", template_override=sys.argv[1])
threading.Thread(target=renderer.render_invoice, args=(page,), kwargs=endless, daemon=True).start()
while len(renderer.pids) < 3:
    pass
print(*renderer.pids, flush=True)
sys.stdin.read()
"""


def test_processes_end_with_their_worker_whatever_way_it_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, ENDLESS], env={"PYTHONPATH": "."}, cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as worker:  # fmt: skip
        assert worker.stdout is not None
        pids = [int(each) for each in worker.stdout.readline().split()]
        assert len(pids) == 3
        assert not any(gone(pid) for pid in pids)
        worker.kill()
        worker.wait()
        until(lambda: all(gone(pid) for pid in pids), "all ended")


def test_the_worker_itself_loads_nothing_of_the_typesetting() -> None:
    code = "import sys; import billwright.documents.jobs; print('weasyprint' in sys.modules, 'pikepdf' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


def test_the_document_of_a_fresh_process_is_that_of_a_warm_one(renderer: Renderer) -> None:
    """Processes are forked from one that laid out something before: nothing of that may show."""
    fresh = own(renderer, '{% extends "invoice/classic/invoice.html" %}')
    assert fresh == renderer.render_invoice(PAGE, template_set="classic")
    with pikepdf.open(io.BytesIO(fresh)) as document:
        assert len(document.pages) == 1
