"""``/v1/messages`` and ``/v1/hooks``: translate, call, translate."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, RawBody

from billwright.intake.api_desk import CONTROLLERS as DESK
from billwright.intake.body import split_messages
from billwright.intake.mapping import Why
from billwright.intake.queries import NOBODY, get_message, list_messages
from billwright.intake.receive_hook import receive_hook
from billwright.intake.replay import ReplayReport, replay
from billwright.intake.retry_messages import retry_messages
from billwright.intake.schemas import MessageOut, State
from billwright.intake.store_messages import MessageResult, Status, store_messages
from billwright.kernel.actor import Actor
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.kernel.settings import Settings
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Source = Annotated[str, msgspec.Meta(max_length=1_000)]


Assignee = Annotated[
    str | None,
    QueryParameter(max_length=60, description="Only what this person has taken: `per_...`, `me` or `nobody`."),
]


class ResultOut(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item of the batch; ``id`` is the sender's, ``message_id`` ours."""

    index: int
    id: str | None
    status: Status
    message_id: str | None
    field: str | None
    detail: str | None

    @classmethod
    def of(cls, result: MessageResult) -> "ResultOut":
        return cls(
            index=result.index,
            id=result.id,
            status=result.status,
            message_id=show("msg", result.message_id) if result.message_id else None,
            field=result.field,
            detail=result.detail,
        )


class ResultsOut(msgspec.Struct, frozen=True):
    results: list[ResultOut]


class RetryIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which held messages: these, or all that fit what is given; an empty body means all. At most 1,000 at once."""

    message_ids: Annotated[list[str], msgspec.Meta(max_length=1_000)] | None = None
    type: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    source: Source | None = None
    why: Why | None = None


class RetryOut(msgspec.Struct, frozen=True):
    message_ids: list[str]


class ReplayIn(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}
):
    """A range of the time of arrival, ``from <= t < to``. A dry run unless ``dry_run`` is false."""

    start: datetime
    end: datetime
    source: str | None = None
    dry_run: bool = True


@dataclass
class _JsonBody(Operation):
    """The handlers read the body themselves, item by item; this says so in the description of the API."""

    def __post_init__(self) -> None:
        schema = Schema(
            type=[OpenAPIType.OBJECT, OpenAPIType.ARRAY],
            description='One CloudEvent 1.0 (structured JSON), a list of up to 1,000, or {"messages": [...]}.',
        )
        media = {"application/json": OpenAPIMediaType(schema=schema)}
        self.request_body = RequestBody(content=media, required=True)


_RESULTS: Final = {202: ResponseSpec(ResultsOut, description="One result per item, in their order.")}


class MessageController(Controller):
    path = "/v1/messages"
    tags = ("Messages",)

    @post(
        "/",
        operation_id="storeMessages",
        status_code=202,
        summary="Send messages",
        sync_to_thread=True,
        operation_class=_JsonBody,
        responses=_RESULTS | refusals(409, 413, 422, 429),
    )
    def store(
        self,
        body: RawBody,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> Response[ResultsOut]:
        """Take up to 1,000 messages. Each is judged by itself: a refused one harms no other."""
        events = split_messages(body)
        results = store_messages(database, tenant, actor, events, channel="api", trace_id=trace_id)
        return Response(ResultsOut([ResultOut.of(result) for result in results]))

    @get("/", operation_id="listMessages", summary="List messages", sync_to_thread=True, responses=refusals(404, 422))
    def list(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        event_type: Annotated[str | None, QueryParameter(name="type")] = None,
        source: FromQuery[str | None] = None,
        why: FromQuery[Why | None] = None,
        assignee: Assignee = None,
        resting: FromQuery[bool | None] = None,
    ) -> Page[MessageOut]:
        """Messages, newest first, without their data. `why`, `assignee` and `resting` narrow to those that are held."""
        who = actor.person_id if assignee == "me" else assignee
        who = read("per", who) if isinstance(who, str) and who != NOBODY else who
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = list_messages(
                tx, limit=limit, cursor=cursor, state=in_state, event_type=event_type, source=source, why=why,
                assignee=who, rests=resting,
            )  # fmt: skip
        return Page(items=[MessageOut.of(row) for row in found.rows], next_cursor=found.next_cursor)

    @get(
        "/{message_id:str}",
        operation_id="getMessage",
        summary="Show a message",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show(
        self,
        message_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> MessageOut:
        """One message with its data."""
        with transaction(database, tenant, actor, read_only=True) as tx:
            row, data = get_message(tx, read("msg", message_id))
        return MessageOut.of(row, data)

    @post(
        "/retry",
        operation_id="retryMessages",
        summary="Retry held messages",
        status_code=202,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def retry(
        self,
        data: JSONBody[RetryIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> RetryOut:
        """Have held messages applied again; the answer names those that will be."""
        wanted = None if data.message_ids is None else [read("msg", text) for text in data.message_ids]
        held = retry_messages(
            database, tenant, actor, message_ids=wanted, event_type=data.type, source=data.source, why=data.why,
            trace_id=trace_id,
        )  # fmt: skip
        return RetryOut([show("msg", message_id) for message_id in held])

    @post(
        "/replay",
        operation_id="replayMessages",
        summary="Replay messages",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(409, 422),
    )
    def replay(
        self,
        data: JSONBody[ReplayIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> ReplayReport:
        """Map stored messages again and show what differs; applied only with ``dry_run: false``."""
        return replay(
            database,
            tenant,
            actor,
            start=data.start,
            end=data.end,
            source=data.source,
            dry_run=data.dry_run,
            trace_id=trace_id,
        )


class HookController(Controller):
    """Signed webhooks. Open to strangers by design: the signature is the only proof that counts."""

    path = "/v1/hooks"
    tags = ("Messages",)
    opt = {"exclude_from_auth": True}  # noqa: RUF012 - Litestar's way

    @post(
        "/{connection:str}",
        operation_id="receiveHook",
        summary="Receive a signed webhook",
        status_code=202,
        sync_to_thread=True,
        operation_class=_JsonBody,
        responses=_RESULTS | refusals(413, 422, 429),
        security=[],
    )
    def receive(
        self,
        connection: FromPath[str],
        body: RawBody,
        request: Request[Any, Any, Any],
        database: NamedDependency[Database],
        settings: NamedDependency[Settings],
        trace_id: NamedDependency[str],
    ) -> Response[ResultsOut]:
        """Take a webhook signed by the Standard Webhooks scheme; the address is ``{tenant}.{connection}``."""
        if settings.master_key is None:
            raise SettingsInvalidError(
                "Webhooks need BILLWRIGHT_MASTER_KEY, under which their secrets are kept; the operator has to set it.",
                field="BILLWRIGHT_MASTER_KEY",
            )
        headers = {name.lower(): value for name, value in request.headers.items()}
        results = receive_hook(database, connection, headers, body, master_key=settings.master_key, trace_id=trace_id)
        return Response(ResultsOut([ResultOut.of(result) for result in results]))


CONTROLLERS: Final[tuple[type[Controller], ...]] = (MessageController, HookController, *DESK)
