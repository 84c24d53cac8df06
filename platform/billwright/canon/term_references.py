"""Objects that terms and rates name: stored with our identifiers in place of the source's keys. Pure."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from billwright.canon.incoming import Pair
from billwright.extension.canonical import Canonical, Contract, RateCard
from billwright.extension.terms_time import TimeTerms

Maybe = Callable[[str, str | None], UUID | None]
"""The identifier of (kind, ref); none for no ref."""
_NAMED: Final = ("project", "change_order")


def term_references(item: Canonical) -> list[Pair]:
    """What the caps of a contract and the rates of a card name."""
    if isinstance(item, RateCard):
        return [("project", rate.project) for rate in item.rates if rate.project is not None]
    if not isinstance(item, Contract) or item.time_terms is None:
        return []
    found = [(kind, getattr(cap, kind)) for cap in item.time_terms.caps for kind in _NAMED]
    return [(kind, ref) for kind, ref in found if ref is not None]


def stored_time_terms(terms: TimeTerms | None, identify: Maybe) -> TimeTerms | None:
    """The terms with identifiers where the source wrote keys."""
    if terms is None or not terms.caps:
        return terms
    caps = [
        msgspec.structs.replace(
            cap, **{kind: str(found) if (found := identify(kind, getattr(cap, kind))) else None for kind in _NAMED}
        )
        for cap in terms.caps
    ]
    return msgspec.structs.replace(terms, caps=tuple(caps))
