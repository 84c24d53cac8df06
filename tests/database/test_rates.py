"""Loading exchange rates: all or nothing, once, kept with source and hash; and asking for one."""

import hashlib
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from billwright.canon.errors import RateMissingError, RatesDifferError
from billwright.canon.events import RatesLoaded
from billwright.canon.load_rates import load_rates
from billwright.canon.rates import read_rates, show_rate
from billwright.canon.tables import RateDayRow, RateFileRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import InputInvalidError, PermissionDeniedError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.issued import audited, following, rows

FILE = b"Date,USD,JPY,\n2026-02-27,1.1800,180.5,\n2026-02-26,1.1700,N/A,\n"
MORE = b"Date,USD,JPY,\n2026-03-02,1.1900,181,\n2026-02-27,1.18,180.50,\n"


def test_days_are_kept_once_with_source_and_hash(database: Database, tenant: Tenant) -> None:
    told: list[RatesLoaded] = []
    watched = following(database, told, RatesLoaded)

    first = load_rates(watched, tenant, SYSTEM, FILE)
    again = load_rates(watched, tenant, SYSTEM, FILE)
    more = load_rates(watched, tenant, SYSTEM, MORE)

    assert [(each.added, each.known) for each in (first, again, more)] == [(2, 0), (0, 2), (1, 1)]
    assert [row.sha256 for row in rows(database, tenant, RateFileRow)] == [
        hashlib.sha256(FILE).hexdigest(),
        hashlib.sha256(MORE).hexdigest(),
    ]
    assert {row.on: row.per_euro for row in rows(database, tenant, RateDayRow)} == {
        date(2026, 2, 26): {"USD": "1.1700"},
        date(2026, 2, 27): {"USD": "1.1800", "JPY": "180.5"},
        date(2026, 3, 2): {"USD": "1.1900", "JPY": "181"},
    }
    assert audited(database, tenant) == ["rates.loaded", "rates.loaded"]
    assert [(each.first_on, each.last_on) for each in told] == [
        (date(2026, 2, 26), date(2026, 2, 27)),
        (date(2026, 3, 2), date(2026, 3, 2)),
    ]


def test_another_rate_for_a_known_day_loads_nothing(database: Database, tenant: Tenant) -> None:
    load_rates(database, tenant, SYSTEM, FILE)

    with pytest.raises(RatesDifferError, match="2026-02-27"):
        load_rates(database, tenant, SYSTEM, MORE.replace(b"1.18,", b"1.181,"))
    load_rates(database, tenant, SYSTEM, MORE.replace(b"1.18,", b"1.181,"), source="House bank")

    assert [(row.source, row.on) for row in rows(database, tenant, RateDayRow)] == [
        ("ECB", date(2026, 2, 26)),
        ("ECB", date(2026, 2, 27)),
        ("House bank", date(2026, 2, 27)),
        ("House bank", date(2026, 3, 2)),
    ]


def test_a_day_ahead_or_none_left_is_refused(database: Database, tenant: Tenant) -> None:
    with pytest.raises(InputInvalidError, match="lies ahead"):
        load_rates(database, tenant, SYSTEM, FILE.replace(b"2026-02-27", b"2026-03-04"))
    with pytest.raises(InputInvalidError, match="no day from"):
        load_rates(database, tenant, SYSTEM, FILE, since=date(2026, 3, 1))
    assert rows(database, tenant, RateDayRow) == []


def test_rates_take_the_permission_to_configure(database: Database, tenant: Tenant) -> None:
    nobody = Actor(kind="person", name="Sam Stranger")

    with pytest.raises(PermissionDeniedError):
        load_rates(database, tenant, nobody, FILE)
    with pytest.raises(PermissionDeniedError):
        show_rate(database, tenant, nobody, of="USD", into="EUR", on=date(2026, 3, 2), source="ECB", days_max=7)


def test_a_rate_is_found_until_it_is_too_old(database: Database, tenant: Tenant) -> None:
    load_rates(database, tenant, SYSTEM, FILE)

    def ask(of: str, days_max: int) -> Fraction:
        rate = show_rate(
            database, tenant, SYSTEM, of=of, into="EUR", on=date(2026, 3, 2), source="ECB", days_max=days_max
        )
        assert rate.on == date(2026, 2, 27)
        return rate.value

    assert ask("USD", 3) == 1 / Fraction("1.18")
    with pytest.raises(RateMissingError, match="load its rates"):
        ask("USD", 2)
    with pytest.raises(RateMissingError):
        ask("GBP", 3)


def test_the_last_known_day_is_found_however_old(database: Database, tenant: Tenant) -> None:
    load_rates(database, tenant, SYSTEM, FILE)

    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        rates = read_rates(tx, "ECB", [date(2027, 2, 1), date(2027, 3, 1)])

    found = rates.find("EUR", "JPY", date(2027, 2, 1))
    assert found is not None
    assert (found.on, found.value) == (date(2026, 2, 27), Fraction(Decimal("180.5")))
