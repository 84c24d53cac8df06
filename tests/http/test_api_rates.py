"""Exchange rates over HTTP: loaded by who may configure, asked for by who may read, never across tenants."""

from collections.abc import Callable
from typing import Any

from billwright.tenancy.transaction import Tenant
from support.api import Api
from support.http import bearer

PATH = "/v1/exchange-rates"
FILE = b"Date,USD,GBP,\n2026-02-27,1.1800,0.87,\n2026-02-26,1.1700,N/A,\n"


def send(api: Api, token: str, data: bytes, expect: int, **parameters: Any) -> Any:
    answer = api.client.post(
        PATH, content=data, params=parameters, headers=bearer(token) | {"Content-Type": "text/csv"}
    )
    assert answer.status_code == expect, (answer.status_code, answer.text)
    return answer.json()


def test_rates_are_loaded_and_found(api: Api) -> None:
    admin = api.person("admin", "tenant_administrator")

    loaded = send(api, admin, FILE, 200)
    assert (loaded["source"], loaded["added"], loaded["known"], loaded["last_on"]) == ("ECB", 2, 0, "2026-02-27")
    assert send(api, admin, FILE, 200)["known"] == 2

    found = api.get(PATH, of="USD", into="GBP", on="2026-03-01")
    assert found == {
        "of": "USD", "into": "GBP", "rate": "0.737288135593", "exact": "87/118", "on": "2026-02-27", "source": "ECB",
    }  # fmt: skip
    old = api.get(PATH, of="USD", into="GBP", on="2026-03-07", expect=422)
    assert (old["type"], old["field"]) == ("/problems/rate-missing", "on")


def test_rates_take_permission_and_stay_in_their_tenant(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    admin = api.person("admin", "tenant_administrator")

    assert "configuration:write" in send(api, api.token, FILE, 403)["detail"]
    send(api, admin, FILE, 200)
    differs = send(api, admin, FILE.replace(b"0.87", b"0.88"), 409)
    assert differs["type"] == "/problems/rates-differ"
    assert send(api, admin, b"no rates", 422)["field"] == "file"
    narrow = api.person("narrow", "billing_clerk", scopes=frozenset({"invoice:read"}))
    assert (
        "configuration:read" in api.get(PATH, of="USD", into="EUR", on="2026-02-27", token=narrow, expect=403)["detail"]
    )
    api.get(PATH, of="usd", into="EUR", on="2026-02-27", expect=422)
    stranger = api.people.token("far@other.example", "billing_clerk", tenant=make_tenant("Other Firm"))
    there = api.client.get(PATH, params={"of": "USD", "into": "EUR", "on": "2026-02-27"}, headers=bearer(stranger))
    assert there.status_code == 422
