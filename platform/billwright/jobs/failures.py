"""Failure classes, and what follows from each."""

import random
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy.exc import DBAPIError, OperationalError

from billwright.extension.connectors import ConnectorError, RejectedError, ThrottledError, TransientError
from billwright.kernel.errors import DomainError

FailureClass = Literal["later", "transient", "throttled", "business", "programming"]
BACK_OFF_MAX_S: Final = 3600
# Serialisation failure, deadlock, lock not available, query cancelled, admin shutdown, crash shutdown, cannot connect now.
RETRIED_STATES: Final = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03"})


class LaterError(Exception):
    """No failure: the work says itself when it wants to be done again. Never a dead letter, however often."""

    def __init__(self, text: str, *, at: datetime) -> None:
        super().__init__(text)
        self.at = at


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a job after an attempt failed."""

    failure: FailureClass
    state: Literal["retry", "dead"]
    run_at: datetime
    error: str
    traceback: str | None
    request: str | None
    response: str | None


def classify(error: BaseException) -> FailureClass:
    if isinstance(error, LaterError):
        return "later"
    if isinstance(error, ThrottledError):
        return "throttled"
    if isinstance(error, TransientError | ConnectionError | TimeoutError):
        return "transient"
    if isinstance(error, RejectedError | DomainError):
        return "business"
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        lost = error.connection_invalidated or (isinstance(error, OperationalError) and state is None)
        return "transient" if lost or state in RETRIED_STATES else "programming"
    return "programming"


def judge(
    error: BaseException, *, attempts: int, attempts_max: int, now: datetime, not_before: datetime | None = None
) -> Verdict:
    """Transient: back-off with jitter. Throttled and later: as asked. Business and programming errors: dead at once.

    ``not_before``: the place that the system's budget of retries has for this one.

    The trace is kept for programming errors only: for the others it would say nothing that the sentence does not.
    """
    failure = classify(error)
    if isinstance(error, LaterError):
        return Verdict(failure, "retry", error.at, str(error)[:2_000], None, None, None)
    if failure == "throttled":
        assert isinstance(error, ThrottledError)
        delay_s = error.retry_after_s
    else:
        delay_s = min(BACK_OFF_MAX_S, 2.0**attempts) * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
    again = failure in {"transient", "throttled"} and attempts < attempts_max
    trace = "".join(traceback.format_exception(error)) if failure == "programming" else None
    return Verdict(
        failure=failure,
        state="retry" if again else "dead",
        run_at=max(now + timedelta(seconds=delay_s), not_before or now) if again else now,
        error=f"{type(error).__name__}: {error}"[:2_000],
        traceback=trace[-8_000:] if trace else None,
        request=error.request[:8_000] if isinstance(error, ConnectorError) else None,
        response=error.response[:8_000] if isinstance(error, ConnectorError) else None,
    )
