"""Which broker a URL means."""

from collections.abc import Sequence
from contextlib import closing
from typing import Final

from billwright.jobs.brokers.port import LeaseBroker
from billwright.kernel.errors import SettingsInvalidError

REDIS: Final = ("redis", "rediss", "unix")
RABBITMQ: Final = ("amqp", "amqps")


def is_rabbitmq(url: str) -> bool:
    return url.partition("://")[0] in RABBITMQ


def make_broker(url: str, queues: Sequence[str]) -> LeaseBroker:
    """A broker that knows ``queues``; nothing is connected yet.

    Raises:
        SettingsInvalidError: not the URL of a broker that we know; never repeats the password.
    """
    scheme = url.partition("://")[0]
    if scheme in RABBITMQ:
        from billwright.jobs.brokers.on_rabbitmq import RabbitBroker  # noqa: PLC0415 - its driver costs time and memory

        return RabbitBroker(url, queues)
    if scheme not in REDIS:
        raise SettingsInvalidError(
            "BILLWRIGHT_BROKER_URL must look like redis://:password@host:6379/0 or amqp://user:password@host:5672/vhost.",
            field="BILLWRIGHT_BROKER_URL",
        )
    from billwright.jobs.brokers.on_redis import BellBroker  # noqa: PLC0415 - as above

    return BellBroker(url, queues)


def answers(url: str, *, within_s: int) -> bool:
    """Whether the broker lets us in now."""
    if is_rabbitmq(url):
        from billwright.jobs.brokers import on_rabbitmq  # noqa: PLC0415 - as above

        return on_rabbitmq.answers(url, within_s=within_s)
    import redis  # noqa: PLC0415 - as above

    patience = {"socket_timeout": within_s, "socket_connect_timeout": within_s}
    try:
        with closing(redis.Redis.from_url(url, **patience)) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return False
    return True
