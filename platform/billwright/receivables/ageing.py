"""How old open items are. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

Bucket = Literal["not_due", "1_30", "31_60", "61_90", "over_90"]
BUCKETS: Final[tuple[Bucket, ...]] = ("not_due", "1_30", "31_60", "61_90", "over_90")
_LAST_DAY: Final[tuple[tuple[Bucket, int], ...]] = (("not_due", 0), ("1_30", 30), ("31_60", 60), ("61_90", 90))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """Open amounts of one currency by days past their due date, in minor units."""

    currency: str
    by_bucket: dict[Bucket, int]
    retained_minor: int = 0
    """Holdback that is open and falls due only with its release; in no bucket."""

    @property
    def total_minor(self) -> int:
        return sum(self.by_bucket.values())

    @property
    def overdue_minor(self) -> int:
        return self.total_minor - self.by_bucket["not_due"]


def bucket_of(due_on: date, today: date) -> Bucket:
    """The bucket of something due on ``due_on``: on the day itself it is not late yet."""
    return bucket_of_days((today - due_on).days)


def bucket_of_days(late: int) -> Bucket:
    """The bucket of something ``late`` days past its due date; 0 or less is not late."""
    for bucket, last in _LAST_DAY:
        if late <= last:
            return bucket
    return "over_90"


def age(items: Iterable[tuple[str, int, int]], retained: Mapping[str, int] = MappingProxyType({})) -> list[Aged]:
    """``items`` are (currency, days past the due date, open amount), ``retained`` amounts by currency; one row per
    currency, by its code."""
    sums: dict[str, dict[Bucket, int]] = {}
    for currency, late, open_minor in items:
        row = sums.setdefault(currency, dict.fromkeys(BUCKETS, 0))
        row[bucket_of_days(late)] += open_minor
    empty = dict.fromkeys(BUCKETS, 0)
    return [
        Aged(currency=each, by_bucket=sums.get(each, dict(empty)), retained_minor=retained.get(each, 0))
        for each in sorted({*sums, *(currency for currency, minor in retained.items() if minor)})
    ]
