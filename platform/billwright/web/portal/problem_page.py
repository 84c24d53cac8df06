"""A problem as a person sees it: what happened, what to do next, and what to tell support."""

from typing import Any, Final

from litestar import Request, Response

from billwright.web.auth import Access
from billwright.web.portal.environment import render
from billwright.web.portal.visit import THEMES, html
from billwright.web.problem import Problem

TITLES: Final = {
    403: "This is not open to you",
    404: "There is nothing here",
    409: "This cannot be done now",
    422: "Something in the form is not right",
    429: "Too many attempts",
    503: "Not available right now",
}


def problem_page(request: Request[Any, Any, Any], problem: Problem) -> Response[str]:
    """The whole page; for htmx a notice that takes the place of the last one, with the status that the problem has.

    It asks no database: it must work when that is what fails. The brand comes from the address alone.
    """
    access = request.scope["state"].get("access")
    trace_id = str(request.scope["state"].get("trace_id", ""))
    chosen = request.cookies.get("theme", "")
    context = {
        "visit": None,
        "problem": problem,
        "title": TITLES.get(problem.status, "Something went wrong"),
        "trace_id": trace_id,
        "base": _base(access),
        "home": f"/t/{access.tenant.slug}/" if isinstance(access, Access) and access.tenant else "/",
        "known": isinstance(access, Access),
        "theme": chosen if chosen in THEMES else "",
    }
    if request.headers.get("hx-request") == "true":
        headers = {"HX-Retarget": "#said", "HX-Reswap": "outerHTML", "HX-Reselect": "#said"}
        return html(render("_refused.html", **context), status=problem.status, headers=headers)
    return html(render("problem.html", **context), status=problem.status, headers=dict(problem.headers))


def _base(access: Any) -> str:
    if not isinstance(access, Access):
        return ""
    return f"/t/{access.tenant.slug}" if access.tenant else f"/p/{access.caller.partner.slug}"
