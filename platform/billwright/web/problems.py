"""Every failure to its problem document. The status of each refusal is decided here and nowhere else."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import structlog
from litestar import Controller, MediaType, Request, Response, get
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import FromPath
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from billwright.documents import errors as documents
from billwright.einvoice import errors as einvoice
from billwright.identity import errors as identity
from billwright.intake import errors as intake
from billwright.kernel import errors as kernel
from billwright.web.problem import Problem, problem_text
from billwright.web.services import Services

STATUS: Final[Mapping[type[kernel.DomainError], int]] = {
    kernel.InputInvalidError: 422,
    kernel.NotFoundError: 404,
    kernel.NotAuthenticatedError: 401,
    kernel.PermissionDeniedError: 403,
    kernel.ConflictError: 409,
    kernel.TenantSuspendedError: 403,
    kernel.IdempotencyConflictError: 422,
    kernel.SettingsInvalidError: 422,
    identity.LoginFailedError: 401,
    intake.BatchTooLargeError: 413,
    intake.BodyMalformedError: 400,
    intake.IntakeFullError: 429,
    documents.DocumentDamagedError: 503,
    einvoice.EinvoiceBusyError: 503,
    documents.DocumentStoppedError: 422,
}
"""A subclass without a line of its own has the status of its nearest base; a test finds those that have none at all."""

HTTP_CODES: Final = {
    400: ("request-malformed", "The request cannot be read."),
    401: ("not-authenticated", "Send an API token as Authorization: Bearer, or log in."),
    403: ("permission-denied", "This is not allowed."),
    404: ("not-found", "There is nothing here under that address, or not for you."),
    405: ("method-not-allowed", "This address does not answer to that method; see the API description."),
    413: ("body-too-large", "The body is too large; send it in smaller parts."),
    415: ("media-type-unsupported", "Send the body as application/json."),
    422: ("input-invalid", "A field is wrong."),
    429: ("too-many-requests", "Too many requests; wait a little and try again."),
    503: ("unavailable", "This is not available right now; try again in a few seconds."),
}
UNEXPECTED: Final = "Something went wrong on our side. Try again; if it stays, tell support the trace id."
WHERE_CHARS_MAX: Final = 200
log: Final = structlog.get_logger("billwright.web")


def status_of(error: type[kernel.DomainError]) -> int | None:
    """HTTP status of a refusal; None if neither it nor a base has one."""
    return next((STATUS[base] for base in error.__mro__ if base in STATUS), None)


def problem_of(error: Exception, sent_names: Mapping[str, str] | None = None) -> Problem:
    """What to say about ``error``; an unexpected one says nothing of the inside.

    ``sent_names``: a handler's argument to the parameter as the caller sends it, where the two differ.
    """
    if isinstance(error, kernel.DomainError):
        status = status_of(type(error)) or 400
        return Problem(
            code=error.code,
            status=status,
            detail=str(error),
            facts={name: value for name, value in error.facts.items() if value is not None},
            headers=_challenge(status) | _later(error),
        )
    if isinstance(error, ValidationException):
        return _invalid(error, sent_names or {})
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _http(error)
    if isinstance(error, OperationalError | PoolTimeoutError):
        code, detail = HTTP_CODES[503]
        return Problem(code=code, status=503, detail=detail, headers={"Retry-After": "5"})
    return Problem(code="unexpected", status=500, detail=UNEXPECTED)


def _challenge(status: int) -> dict[str, str]:
    return {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}


def _later(error: kernel.DomainError) -> dict[str, str]:
    wait_s = error.facts.get("retry_after_s")
    return {} if wait_s is None else {"Retry-After": str(wait_s)}


def _http(error: HTTPException) -> Problem:
    code, sentence = HTTP_CODES.get(error.status_code, HTTP_CODES[400])
    said = error.detail if error.status_code == HTTPStatus.BAD_REQUEST else ""
    detail = f"{sentence} {said[:WHERE_CHARS_MAX]}".strip()
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return Problem(
        code=code, status=error.status_code, detail=detail, headers={**headers, **_challenge(error.status_code)}
    )


def _invalid(error: ValidationException, sent_names: Mapping[str, str]) -> Problem:
    """Litestar's list of what did not fit, one entry per field. A malformed identifier in the path is just not there."""
    extra: Sequence[Any] = error.extra if isinstance(error.extra, list) else []
    found = [each for each in extra if isinstance(each, dict)]
    if any(str(each.get("source")) in {"path", "ParamType.PATH"} for each in found):
        code, sentence = HTTP_CODES[404]
        return Problem(code=code, status=404, detail=sentence)
    errors = tuple(
        {"field": _sent(each, sent_names), "problem": str(each.get("message", ""))[:WHERE_CHARS_MAX]} for each in found
    )
    sentence = "; ".join(f"{each['field']}: {each['problem']}" for each in errors) or error.detail[:WHERE_CHARS_MAX]
    facts = {"field": errors[0]["field"]} if errors else {}
    return Problem(
        code="input-invalid", status=422, detail=f"{sentence}. Mend it and send it again.", facts=facts, errors=errors
    )


def _sent(entry: Mapping[str, Any], sent_names: Mapping[str, str]) -> str:
    key = str(entry.get("key", ""))
    return sent_names.get(key, key) or "body"


def _sent_names(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Arguments of the handler that go by another name in the address (``state`` is Litestar's own inside)."""
    handler = request.scope.get("route_handler")
    if handler is None:
        return {}
    found: dict[str, str] = {}
    for name, each in handler.parsed_fn_signature.parameters.items():
        sent = getattr(each.kwarg_definition, "name", None)
        if isinstance(sent, str):
            found[name] = sent
    return found


def respond(request: Request[Any, Any, Any], problem: Problem) -> Response[Any]:
    """The problem document as an answer."""
    trace_id = request.scope["state"].get("trace_id")
    body = problem.document(instance=request.url.path[:WHERE_CHARS_MAX], trace_id=trace_id)
    return Response(
        body, status_code=problem.status, media_type="application/problem+json", headers=dict(problem.headers)
    )


def make_handler(services: Services) -> Any:
    """The app's one exception handler."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        problem = problem_of(error, _sent_names(request) if isinstance(error, ValidationException) else None)
        if problem.status >= 500:
            log.error("request failed", error=type(error).__name__, exc_info=error)
        if not _is_page(request):
            return respond(request, problem)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            return _to_login(request, services.login_path)
        return services.problem_page(request, problem) if services.problem_page else respond(request, problem)

    return handle


def _is_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a person in a browser waits for the answer."""
    wants_html = "text/html" in request.headers.get("accept", "")
    from_page = request.headers.get("hx-request") == "true"
    return (wants_html or from_page) and not request.url.path.startswith("/v1/")


def _to_login(request: Request[Any, Any, Any], login_path: str) -> Response[Any]:
    """To the log-in page and back; htmx replaces the whole page, not a part of it."""
    back = f"?next={quote(request.url.path)}" if request.method == "GET" else ""
    if request.headers.get("hx-request") == "true":
        return Response(None, status_code=204, headers={"HX-Redirect": login_path})
    return Response(None, status_code=303, headers={"Location": login_path + back})


class ProblemController(Controller):
    """The page behind a problem's ``type``."""

    path = "/problems"
    include_in_schema = False
    opt = {"exclude_from_auth": True}  # noqa: RUF012 - Litestar's way

    @get("/{code:str}", sync_to_thread=True, media_type=MediaType.TEXT)
    def show(self, code: FromPath[str]) -> Response[str]:
        """What happened and what to do."""
        text = problem_text(code)
        if text is None:
            raise kernel.NotFoundError("There is no such problem page.")
        return Response(text, media_type=MediaType.TEXT, headers={"Cache-Control": "public, max-age=3600"})
