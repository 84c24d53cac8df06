"""Exchange rates: exact quotients, the last day known, and amounts that add up."""

import io
import zipfile
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.canon.rate_file import FILE_BYTES_MAX, read_rate_file
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money
from billwright.kernel.rates import Rate, RateDay, Rates, carried, spread

ECB_FILE = Path(__file__).parents[3] / "shared" / "material" / "tax" / "fx" / "eurofxref-hist.zip"
FRIDAY = date(2026, 4, 10)
DAYS = (
    RateDay(on=date(2026, 4, 9), source="ECB", per_euro={"USD": Decimal("1.1700")}),
    RateDay(on=FRIDAY, source="ECB", per_euro={"USD": Decimal("1.1711"), "GBP": Decimal("0.87105"), "JPY": Decimal("186.43")}),
)  # fmt: skip
HEADER = "Date,USD,JPY,\n"


def test_a_rate_between_two_currencies_is_the_exact_quotient() -> None:
    rate = Rates(DAYS).find("USD", "JPY", FRIDAY)

    assert rate is not None
    assert rate.value == Fraction("186.43") / Fraction("1.1711")
    assert rate.text == "159.19221245"
    assert rate.convert(Money(100_00, "USD")) == Money(15_919, "JPY")
    assert rate.kept() == {
        "of": "USD", "into": "JPY", "rate": "159.19221245", "exact": "1864300/11711", "on": "2026-04-10", "source": "ECB",
    }  # fmt: skip


def test_a_weekend_has_the_rate_of_friday_until_it_is_too_old() -> None:
    rates = Rates(DAYS)

    monday = rates.find("EUR", "USD", FRIDAY + timedelta(days=3), days_max=3)
    assert monday is not None
    assert (monday.on, monday.value) == (FRIDAY, Fraction("1.1711"))
    assert rates.find("EUR", "USD", FRIDAY + timedelta(days=4), days_max=3) is None
    assert rates.find("EUR", "USD", date(2026, 4, 8)) is None
    assert rates.find("EUR", "GBP", date(2026, 4, 9)) is None


currencies = st.sampled_from(["EUR", "JPY", "KWD", "USD"])
minors = st.integers(-(10**12), 10**12)
values = st.fractions(min_value=Fraction(1, 500), max_value=500)


def _rate(of: str, into: str, value: Fraction) -> Rate:
    return Rate(of=of, into=into, value=Fraction(1) if of == into else value, on=FRIDAY, source="test")


@given(currencies, currencies, values, minors)
def test_conversion_is_within_half_a_unit_and_symmetric(of: str, into: str, value: Fraction, minor: int) -> None:
    rate = _rate(of, into, value)
    converted = rate.convert(Money(minor, of))

    digits = MINOR_UNIT_DIGITS[into] - MINOR_UNIT_DIGITS[of]
    assert abs(converted.minor - minor * rate.value * Fraction(10) ** digits) <= Fraction(1, 2)
    assert rate.convert(Money(-minor, of)) == -converted


@given(currencies, currencies, values, st.lists(minors, min_size=1, max_size=30))
def test_converted_parts_add_up_to_the_converted_sum(of: str, into: str, value: Fraction, parts: list[int]) -> None:
    rate = _rate(of, into, value)
    total = rate.convert(Money(sum(parts), of)).minor

    spread_out = spread(parts, rate, total)

    assert sum(spread_out) == total
    for part, minor in zip(parts, spread_out, strict=True):
        assert abs(minor - rate.exact_minor(part)) < Fraction(3, 2)
        assert part or not minor


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
def test_what_parts_carry_adds_up_to_the_whole(total: int, parts: list[int]) -> None:
    whole = still = sum(parts)
    taken = 0
    for part in parts:
        taken += carried(total, still, whole) - carried(total, still - part, whole)
        still -= part
    assert taken == total


def test_the_banks_own_file_is_read() -> None:
    if not ECB_FILE.exists():
        pytest.skip("the ECB's file is not here")

    days = read_rate_file(ECB_FILE.read_bytes(), source="ECB")

    assert (days[0].on, days[-1].on) == (date(1999, 1, 4), date(2026, 4, 13))
    assert days[-1].per_euro["USD"] == Decimal("1.1684")
    assert "RUB" not in days[-1].per_euro
    assert Rates(days).find("USD", "GBP", date(2020, 1, 1)).on == date(2019, 12, 31)  # type: ignore[union-attr]  # a day that has both


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first row must begin with Date"),
        ("Datum,USD\n", "first row must begin with Date"),
        ("Date,usd\n", "'usd' is no currency code"),
        ("Date,USD,USD\n", "'USD' is no currency code, or is there twice"),
        ("Date,EUR\n", "'EUR' is no currency code"),
        (HEADER, "no day"),
        (HEADER + "2026-02-30,1,2,\n", "'2026-02-30' is no date"),
        (HEADER + "2026-03-02,1,\n", "Line 2 has 3 cells"),
        (HEADER + "2026-03-02,1,2,3,\n", "Line 2 has 5 cells"),
        (HEADER + "2026-03-02,0,2,\n", "'0' is no rate of USD"),
        (HEADER + "2026-03-02,-1,2,\n", "'-1' is no rate"),
        (HEADER + "2026-03-02,NaN,2,\n", "'NaN' is no rate"),
        (HEADER + "2026-03-02,1e99,2,\n", "'1e99' is no rate"),
        (HEADER + "2026-03-02,1,2,\n2026-03-02,1,2,\n", "2026-03-02 is in the file twice"),
        (HEADER + '2026-03-02,"1,2,\n', "is no CSV"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_rates_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputInvalidError, match=said.replace("(", r"\(")):
        read_rate_file(text.encode(), source="ECB")


def _zip(*files: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_zip(), "0 CSV files"),
        (_zip(("a.csv", b""), ("b.csv", b"")), "2 CSV files"),
        (b"PK\x03\x04 cut off", "cannot be opened"),
        (_zip(("a.csv", b"0" * 60_000_000)), "unpacks to more"),
        (b"\xff\xfe\x00", "no UTF-8"),
        (b"0" * (FILE_BYTES_MAX + 1), "larger than"),
    ],
)
def test_a_bad_archive_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InputInvalidError, match=said):
        read_rate_file(data, source="ECB")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_refused_wherever_it_is_damaged(compression: int) -> None:
    """Each byte of what is compressed turned over once: never an error of ours."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("a.csv", HEADER + "2026-04-10,1.1711,186.43,\n" * 3)
    whole = buffer.getvalue()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        with suppress(InputInvalidError):
            read_rate_file(bytes(damaged), source="ECB")
