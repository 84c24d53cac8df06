"""The API's description: OpenAPI 3.1 at ``/schema/openapi.json``, and a page to browse it whose scripts are our own files."""

from html import escape
from typing import Any

from litestar import Request, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from billwright.web.services import Services

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css">
</head>
<body>
<div id="description" data-url="{url}"></div>
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/static/api-page.js"></script>
</body>
</html>
"""


class LocalPagePlugin(OpenAPIRenderPlugin):
    """The browsable page; no inline script, nothing from another host."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        title = escape(str(openapi_schema["info"]["title"]))
        return PAGE.format(title=title, url=escape(self.get_openapi_json_route(request))).encode("utf-8")


def openapi_config(services: Services) -> OpenAPIConfig:
    """Configuration of the description: bearer tokens everywhere, problems explained once."""
    return OpenAPIConfig(
        title=services.api_title,
        version=services.api_version,
        description=(
            "Errors are problem documents (RFC 9457): `type` leads to a page that says what to do, `trace_id` is what "
            "support asks for. Every POST takes an `Idempotency-Key`: the same key gives the same answer, with the header "
            "`Idempotent-Replayed: true`. Lists take `limit` and `cursor`; `next_cursor` is null on the last page. Amounts "
            'are `{"amount": "1234.50", "currency": "EUR"}`. A partner\'s token names its tenant in `Billwright-Tenant`.'
        ),
        openapi_router=Router(
            path="/schema", route_handlers=[], opt={"exclude_from_auth": True}, include_in_schema=False
        ),
        render_plugins=[LocalPagePlugin(), JsonRenderPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="An API token: bw_..."),
            }
        ),
        security=[{"token": []}],
        use_handler_docstrings=True,
    )
