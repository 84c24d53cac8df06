"""Whether spans are recorded, by the settings. OpenTelemetry's packages are loaded only where a collector is named."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.settings import Settings
from billwright.kernel.tracing import Tracing

PATH: Final = "/v1/traces"


def start_tracing(settings: Settings, process: str) -> Tracing | None:
    """Record the spans of this process, there a service ``billwright-{process}``; none where no collector is named.

    Raises:
        SettingsInvalidError: the headers are malformed; the sentence does not repeat them, for they hold secrets.
    """
    if settings.otlp_endpoint is None:
        return None
    headers = headers_of(settings.otlp_headers or "")
    from billwright.web.otlp import record_to  # noqa: PLC0415  # takes 0.15 s and 10 MB, which most installs need not pay

    return record_to(
        _address(settings.otlp_endpoint),
        headers,
        process=process,
        percent=settings.traced_percent,
        hosts=settings.traced_hosts,
    )


def _address(endpoint: str) -> str:
    """The base address and OTLP's path, unless the operator named that too."""
    return endpoint if urlsplit(endpoint).path.endswith(PATH) else endpoint.rstrip("/") + PATH


def headers_of(text: str) -> Mapping[str, str]:
    """``name=value,name=value``, values percent-encoded: as OpenTelemetry writes them.

    Raises:
        SettingsInvalidError: not like that.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(name.strip() and found for name, found, _ in pairs):
        raise SettingsInvalidError(
            "BILLWRIGHT_OTLP_HEADERS must look like name=value,name=value.", field="BILLWRIGHT_OTLP_HEADERS"
        )
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
