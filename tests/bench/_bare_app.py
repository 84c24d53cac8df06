"""The baseline of the intake bench: a Litestar endpoint that decodes a batch and inserts its rows, and nothing else."""

import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
from granian.constants import Interfaces, Loops
from granian.server import Server as Granian
from litestar import Litestar, Request, get, post
from sqlalchemy import create_engine, text

from billwright.kernel.ids import new_id

INSERT = text(
    "INSERT INTO public.bare VALUES (:id, :source, :message_id, :type, :subject, :time, :data, :received_at)"
    " ON CONFLICT (source, message_id) DO NOTHING"
)


class Event(msgspec.Struct):
    id: str
    source: str
    type: str
    time: datetime
    subject: str
    data: msgspec.Raw


def create_app() -> Litestar:
    engine = create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://"), pool_size=8)
    decoder = msgspec.json.Decoder(list[Event])

    @get("/alive", sync_to_thread=False)
    def alive() -> str:
        return "ok"

    @post("/messages", status_code=202)
    async def messages(request: Request[Any, Any, Any]) -> dict[str, int]:
        from anyio.to_thread import run_sync

        body = await request.body()

        def store() -> int:
            now = datetime.now(UTC)
            rows = [
                {
                    "id": new_id(), "source": event.source, "message_id": event.id, "type": event.type,
                    "subject": event.subject, "time": event.time, "data": bytes(event.data).decode(), "received_at": now,
                }
                for event in decoder.decode(body)
            ]  # fmt: skip
            with engine.begin() as connection:
                connection.execute(INSERT, rows)
            return len(rows)

        return {"stored": await run_sync(store)}

    return Litestar([alive, messages], openapi_config=None)


if __name__ == "__main__":
    Granian(
        "_bare_app:create_app", factory=True, address="127.0.0.1", port=int(sys.argv[2]), interface=Interfaces.ASGI,
        loop=Loops.uvloop, workers=1, log_enabled=False,
    ).serve()  # fmt: skip
