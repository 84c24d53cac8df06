"""``/v1/exchange-rates``: translate, call, translate."""

from datetime import date
from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromQuery, QueryParameter, RawBody
from msgspec import Struct

from billwright.canon.load_rates import ECB, Loaded, load_rates
from billwright.canon.rate_file import FILE_BYTES_MAX
from billwright.canon.rates import show_rate
from billwright.kernel.actor import Actor
from billwright.tenancy.answers import refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

Source = Annotated[
    str,
    QueryParameter(
        max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", description="Who publishes the rates; ECB if left out."
    ),
]
Currency = Annotated[str, QueryParameter(pattern=r"^[A-Z]{3}$", description="ISO 4217: EUR.")]
DaysMax = Annotated[int, QueryParameter(ge=0, le=366, description="How old the rate may be; 7 if left out.")]


class LoadedOut(Struct, frozen=True):
    """`added` days are new, `known` were there with the same rates. `sha256` is of the file."""

    source: str
    sha256: str
    first_on: date
    last_on: date
    added: int
    known: int

    @classmethod
    def of(cls, loaded: Loaded) -> "LoadedOut":
        return cls(loaded.source, loaded.sha256, loaded.first_on, loaded.last_on, loaded.added, loaded.known)


class RateOut(Struct, frozen=True):
    """One `of` is `rate` `into`, as published for `on`. `exact` is the fraction that amounts are made with."""

    of: str
    into: str
    rate: str
    exact: str
    on: date
    source: str


class _FileBody(Operation):
    """The body for the description: the handler takes the bytes."""

    def __post_init__(self) -> None:
        schema = Schema(
            type=OpenAPIType.STRING, description="The ECB's CSV of reference rates, or its ZIP; up to 10 MB."
        )
        media = OpenAPIMediaType(schema=schema)
        self.request_body = RequestBody(content={"application/zip": media, "text/csv": media}, required=True)


class ExchangeRateController(Controller):
    path = "/v1/exchange-rates"
    tags = ("Exchange rates",)

    @post(
        operation_id="loadExchangeRates",
        summary="Load exchange rates",
        status_code=200,
        sync_to_thread=True,
        operation_class=_FileBody,
        request_max_body_size=FILE_BYTES_MAX,
        responses=refusals(409, 413, 422),
    )
    def load(
        self,
        body: RawBody,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        source: Source = ECB,
        since: FromQuery[date | None] = None,
    ) -> LoadedOut:
        """Keep the days of a file of rates in the ECB's shape, from `since` on. All or nothing; the same file again changes
        nothing, and a day that is known with other rates is refused."""
        return LoadedOut.of(load_rates(database, tenant, actor, body, source=source, since=since))

    @get(
        operation_id="showExchangeRate",
        summary="Show an exchange rate",
        sync_to_thread=True,
        responses=refusals(422),
    )
    def show(
        self,
        of: Currency,
        into: Currency,
        on: FromQuery[date],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        source: Source = ECB,
        days_max: DaysMax = 7,
    ) -> RateOut:
        """One `of` in `into` on a day, or the last one known before it, at most `days_max` days back."""
        rate = show_rate(database, tenant, actor, of=of, into=into, on=on, source=source, days_max=days_max)
        exact = f"{rate.value.numerator}/{rate.value.denominator}"
        return RateOut(rate.of, rate.into, rate.text, exact, rate.on, rate.source)
