"""Invoices as PDF/A-3b, each made in a process that may be ended without harm to others. One ``Renderer`` per worker.

The worker itself loads nothing of the typesetting. Documents of our own template sets are made by a few processes that stay
warm. A process that ran a tenant's own template makes that tenant's documents with that template and nothing else ever, so
that whatever it may have done to the process, no other tenant's document meets it.
"""

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog

from billwright.documents.errors import DocumentStoppedError
from billwright.documents.limits import MIB, Limit, Limits
from billwright.documents.page import InvoicePage
from billwright.documents.processes import Nursery, NurseryLostError, ProcessEndedError, RenderProcess
from billwright.documents.sets import check_set, refusal
from billwright.documents.wire import Answer, Order, encode
from billwright.extension.connectors import TransientError
from billwright_templates.versions import template_version

SIZE: Final = 2
DOCUMENTS_MAX: Final = 500
"""So many are made by one process: what it keeps (style sheets, glyphs) grows with every brand that it meets."""
PATIENCE_S: Final = 10.0
PROVEN_MAX: Final = 10_000
STARTS_MAX: Final = 2
OURS: Final = "ours"
"""The purpose of processes for our own template sets; others have an owner, a stroke, and the template's version."""
log: Final = structlog.get_logger("billwright.documents")


class RenderersBusyError(Exception):
    """No process became free in time; nothing is wrong with the document."""


class Renderer:
    """Makes documents side by side in up to ``size`` processes. Equal input gives equal bytes. Threads may share it.

    Templates of tenants that never made a document here take all processes but one at most: while they run into their
    limits, others' documents are made. The first document starts the processes; ``close`` ends them, and so does letting
    the renderer go or the end of this process, whatever way it ends.
    """

    def __init__(
        self,
        *,
        size: int = SIZE,
        limits: Limits | None = None,
        patience_s: float = PATIENCE_S,
        documents_max: int = DOCUMENTS_MAX,
    ) -> None:
        self.limits = limits or Limits()
        self._size = max(1, size)
        self.patience_s = patience_s
        self._documents_max = documents_max
        self._nursery = Nursery(self.limits)
        self._free = threading.Condition()
        self._busy = self._strangers = 0
        self._idle: list[tuple[str, RenderProcess]] = []
        self._working: set[RenderProcess] = set()
        self._proven: OrderedDict[str, None] = OrderedDict()
        weakref.finalize(self, _end_all, self._idle, self._nursery)

    def render_invoice(
        self,
        page: InvoicePage,
        *,
        template_set: str,
        template_override: str | None = None,
        assets: Mapping[str, bytes] | None = None,
        owner: str = "",
    ) -> bytes:
        """The PDF of ``page``.

        Args:
            template_override: a tenant's own Jinja template; it may extend ``invoice/<set>/invoice.html``.
            assets: images by the SHA-256 of their bytes; a template loads them as ``asset:<sha256>``.
            owner: whose template it is: its process is kept for the owner's next document. Without one it is ended.

        Raises:
            InputInvalidError: no such set, an asset is not what its hash says, or the tenant's template is malformed,
                forbidden, or loads something from outside.
            DocumentStoppedError: it ran over a limit or ended its process.
            RenderersBusyError: no process was free within ``patience_s``.
            TransientError: the processes were ended from outside; try again.
        """
        check_set(template_set)
        given = dict(assets or {})
        for name, body in given.items():
            if hashlib.sha256(body).hexdigest() != name:
                raise refusal(f"Asset {name} does not have that hash; store the image again.")
        version = template_version(template_set, template_override)
        order = encode(Order(page=page, template_set=template_set, override=template_override, assets=given))
        own = template_override is not None
        try:
            with self._turn(strange=own and version not in self._proven):
                answer = self._make(order, f"{owner}/{version}" if own else OURS)
        except ProcessEndedError as error:
            self._proven.pop(version, None)
            log.warning("document stopped", limit=error.limit, how=str(error), template=template_set, version=version)
            raise self._stopped(error, template_set, version, own=own) from None
        except NurseryLostError as error:
            raise TransientError(f"The document is made again: {error}") from error
        if answer.broken:
            raise RuntimeError(f"A document could not be laid out.\n{answer.broken}")
        if answer.refused:
            raise refusal(answer.refused)
        if own:
            self._prove(version)
        return answer.pdf

    @property
    def pids(self) -> list[int]:
        """The nursery, then the processes that make documents or wait for one: for those who watch them."""
        with self._free:
            known = [each.pid for each in (*(process for _, process in self._idle), *self._working)]
        return [*([self._nursery.pid] if self._nursery.pid else []), *known]

    def close(self) -> None:
        """End all processes. The renderer can be used again; it starts others then."""
        with self._free:
            idle = self._idle[:]
            self._idle.clear()
        _end_all(idle, self._nursery)

    @contextmanager
    def _turn(self, *, strange: bool) -> Iterator[None]:
        """One of the places, ``strange``: one of those for templates that nobody knows yet."""

        def room() -> bool:
            return self._busy < self._size and not (strange and self._strangers >= max(1, self._size - 1))

        with self._free:
            if not self._free.wait_for(room, self.patience_s):
                raise RenderersBusyError(f"All {self._size} processes for documents are busy.")
            self._busy += 1
            self._strangers += strange
        try:
            yield
        finally:
            with self._free:
                self._busy -= 1
                self._strangers -= strange
                self._free.notify_all()

    def _make(self, order: bytes, purpose: str) -> Answer:
        for left in reversed(range(STARTS_MAX)):
            try:
                return self._attempt(order, purpose)
            except NurseryLostError:
                if not left:
                    raise
        raise AssertionError("it returned or raised")

    def _attempt(self, order: bytes, purpose: str) -> Answer:
        process = self._take(purpose)
        with self._free:
            self._working.add(process)
        try:
            answer = process.make(order, self.limits)
        finally:
            with self._free:
                self._working.discard(process)
        self._keep(purpose, process)
        return answer

    def _take(self, purpose: str) -> RenderProcess:
        while True:
            with self._free:
                found = next((each for each in reversed(self._idle) if each[0] == purpose), None)
                if found is not None:
                    self._idle.remove(found)
            if found is None:
                return self._nursery.fork()
            if found[1].alive():
                return found[1]
            _end(found[1])

    def _keep(self, purpose: str, process: RenderProcess) -> None:
        """For the next of its purpose, unless it made enough or has no owner; of those with an owner, the last ones."""
        ended = [process]
        if process.made < self._documents_max and not purpose.startswith("/"):
            with self._free:
                self._idle.append((purpose, process))
                owned = [each for each in self._idle if each[0] != OURS]
                surplus = owned[: -self._size] if len(owned) > self._size else []
                self._idle[:] = [each for each in self._idle if each not in surplus]
            ended = [each for _, each in surplus]
        for each in ended:
            _end(each)

    def _prove(self, version: str) -> None:
        with self._free:
            self._proven[version] = None
            self._proven.move_to_end(version)
            if len(self._proven) > PROVEN_MAX:
                self._proven.popitem(last=False)

    def _stopped(self, error: ProcessEndedError, template_set: str, version: str, *, own: bool) -> DocumentStoppedError:
        template = f"your own template ({template_set})" if own else template_set
        what = f"{'Your own template' if own else f'The template set {template_set}'}, version {version},"
        text = f"{what} {_deed(error.limit, self.limits, str(error))}. {OWN_REMEDY if own else OUR_REMEDY}"
        return DocumentStoppedError(text, limit=error.limit, template=template, version=version)


OWN_REMEDY: Final = (
    "Look for a loop without end, deep nesting, or a very large table or image; mend the template, then retry the job."
)
OUR_REMEDY: Final = "If the invoice has very many lines, ask for a higher limit; then retry the job."


def _deed(limit: Limit, limits: Limits, how: str) -> str:
    deeds: dict[Limit, str] = {
        "processor": f"used {limits.cpu_s} s of processor time for one document and was stopped",
        "clock": f"did not end within {limits.clock_s} s and was stopped",
        "memory": f"wanted more than {limits.memory_bytes // MIB} MiB of memory for one document and was stopped",
        "pages": f"made more than {limits.pages} pages and was stopped",
        "size": f"made a file of more than {limits.pdf_bytes // MIB} MiB and was stopped",
        "nesting": "nests deeper than a document may and was stopped",
        "crash": f"ended the process that made the document ({how})",
    }
    return deeds[limit]


def _end_all(idle: list[tuple[str, RenderProcess]], nursery: Nursery) -> None:
    """Also when a renderer is let go unclosed: its processes are nobody's then."""
    for _, process in idle:
        _end(process)
    nursery.stop()


def _end(process: RenderProcess) -> None:
    try:
        process.close()
    except NurseryLostError:
        return  # it ended with its nursery
