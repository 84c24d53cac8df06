"""``Idempotency-Key``: a POST under ``/v1`` that comes twice is done once and answered twice.

The key is claimed before the work and the answer stored after it. An answer of 5xx is not stored: the work may be tried
again. A claim whose process died is free again after a minute.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec
from anyio.to_thread import run_sync
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import ConflictError, IdempotencyConflictError, InputInvalidError
from billwright.tenancy.database import Database
from billwright.tenancy.tables import IdempotencyRow
from billwright.tenancy.transaction import ControlTx, control_transaction
from billwright.web.auth import Access
from billwright.web.services import Services

KEY_CHARS_MAX: Final = 200
ANSWER_BYTES_MAX: Final = 2_000_000
CLAIM_FREE_AFTER: Final = timedelta(seconds=60)
KEPT: Final = timedelta(hours=24)


class IdempotencyBusyError(ConflictError):
    """The first request with this key is still at work. 409."""

    code = "idempotency-busy"


class Stored(msgspec.Struct, frozen=True):
    """An answer as it is kept: what the first caller got."""

    status: int
    headers: dict[str, str]
    body: str


def claim(database: Database, scope: str, key: str, body_sha256: str) -> Stored | datetime:
    """Claim ``key`` and give the moment of the claim, or the stored answer of the request that had it.

    Raises:
        IdempotencyConflictError: the key came with another body before.
        IdempotencyBusyError: the first request is still at work.
    """
    with control_transaction(database, SYSTEM) as tx:
        row = {"scope": scope, "key": key, "body_sha256": body_sha256, "created_at": tx.now}
        statement = insert(IdempotencyRow).values(**row, status=None, response=None)
        # Taken over when it is too old to answer for, or when whoever claimed it died; else untouched.
        dead = and_(IdempotencyRow.status.is_(None), IdempotencyRow.created_at <= tx.now - CLAIM_FREE_AFTER)
        old = IdempotencyRow.created_at <= tx.now - KEPT
        renewed = statement.on_conflict_do_update(
            index_elements=["scope", "key"],
            set_={"body_sha256": body_sha256, "created_at": tx.now, "status": None, "response": None},
            where=or_(dead, old),
        )
        if tx.session.execute(renewed.returning(IdempotencyRow.key)).one_or_none() is not None:
            return tx.now
        return _known(tx, scope, key, body_sha256)


def _known(tx: ControlTx, scope: str, key: str, body_sha256: str) -> Stored:
    query = select(IdempotencyRow).where(IdempotencyRow.scope == scope, IdempotencyRow.key == key)
    known = tx.session.scalars(query).one_or_none()
    if known is not None and known.body_sha256 != body_sha256:
        raise IdempotencyConflictError(
            "This Idempotency-Key was used for another request; make a new key for a new request.", key=key
        )
    if known is None or known.response is None:
        raise IdempotencyBusyError(
            "The first request with this Idempotency-Key is still at work; ask again in a few seconds.", key=key
        )
    return msgspec.json.decode(known.response, type=Stored)


def finish(database: Database, scope: str, key: str, claimed_at: datetime, answer: Stored | None) -> None:
    """Store the answer; without one (it failed, or is too large to keep) free the key.

    A claim that somebody else took over meanwhile is not touched: ``claimed_at`` says which one is ours.
    """
    mine = and_(IdempotencyRow.scope == scope, IdempotencyRow.key == key, IdempotencyRow.created_at == claimed_at)
    with control_transaction(database, SYSTEM) as tx:
        if answer is None:
            tx.session.execute(delete(IdempotencyRow).where(mine, IdempotencyRow.status.is_(None)))
            return
        kept = msgspec.json.encode(answer).decode("utf-8")
        tx.session.execute(update(IdempotencyRow).where(mine).values(status=answer.status, response=kept))


def purge_answers(database: Database) -> int:
    """Forget answers older than a day; return how many. For a housekeeping timer."""
    with control_transaction(database, SYSTEM) as tx:
        old = delete(IdempotencyRow).where(IdempotencyRow.created_at <= tx.now - KEPT)
        return len(tx.session.scalars(old.returning(IdempotencyRow.key)).all())


class Idempotency:
    """Middleware, after authentication: keys of one caller never meet those of another."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self.app = app
        self.database = services.database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        access = scope["state"].get("access")
        wanted = scope["type"] == ScopeType.HTTP and scope["method"] == "POST" and scope["path"].startswith("/v1/")
        if not wanted or not isinstance(access, Access):
            await self.app(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope, receive=receive, send=send)
        key = request.headers.get("idempotency-key")
        if key is None:
            await self.app(scope, receive, send)
            return
        if not 0 < len(key) <= KEY_CHARS_MAX or not key.isprintable():
            raise InputInvalidError(
                f"An Idempotency-Key has 1 to {KEY_CHARS_MAX} printable characters.", field="Idempotency-Key"
            )
        place = _scope_of(access, scope["path"])
        query = bytes(scope["query_string"])
        body_sha256 = hashlib.sha256(query + b"\n" + await request.body()).hexdigest()
        known = await run_sync(claim, self.database, place, key, body_sha256)
        if isinstance(known, Stored):
            await _replay(known, send)
        else:
            await self._run(scope, receive, send, partial(finish, self.database, place, key, known))

    async def _run(
        self, scope: Scope, receive: Receive, send: Send, finish_claim: Callable[[Stored | None], None]
    ) -> None:
        recorder = _Recorder()

        async def send_and_record(message: Message) -> None:
            # Stored before the caller has it whole: once they saw the answer, the same key always gives it again.
            recorder.take(message)
            if recorder.complete:
                await run_sync(finish_claim, recorder.answer())
            await send(message)

        try:
            await self.app(scope, receive, send_and_record)
        except BaseException:
            if not recorder.complete:
                await run_sync(finish_claim, None)
            raise


def _scope_of(access: Access, path: str) -> str:
    where = f"tenant:{access.tenant.id}" if access.tenant is not None else f"partner:{access.caller.partner.id}"
    who = access.caller.token_id or (access.caller.person.id if access.caller.person else None)
    return f"{where}:{who}:POST {path}"


class _Recorder:
    """Gathers an answer while it passes."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.complete = False

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
            self.headers = {name: named[name] for name in ("content-type", "location") if name in named}
        elif message["type"] == "http.response.body":
            self.parts.append(message["body"])
            self.complete = not message.get("more_body", False)

    def answer(self) -> Stored | None:
        body = b"".join(self.parts)
        if self.status >= 500 or len(body) > ANSWER_BYTES_MAX:
            return None
        try:
            return Stored(self.status, self.headers, body.decode("utf-8"))
        except UnicodeDecodeError:
            return None


async def _replay(stored: Stored, send: Send) -> None:
    body = stored.body.encode("utf-8")
    named = {**stored.headers, "content-length": str(len(body)), "idempotent-replayed": "true"}
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": stored.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
