"""The number series of a tenant beside each other: none may give a number that another one gives, too."""

from collections.abc import Collection
from itertools import combinations

from sqlalchemy import select

from billwright.canon.tables import LegalEntityRow
from billwright.issuing.patterns import common_number
from billwright.issuing.tables import NumberSeriesRow
from billwright.tenancy.transaction import Tx
from billwright_tenants.errors import BlueprintInvalidError

SeriesKey = tuple[str, str]
"""(code of the legal entity, kind of document)."""


def refuse_common_numbers(tx: Tx, fresh: Collection[SeriesKey]) -> None:
    """Hold the series that are new or changed against all others of the tenant, listed in the blueprint or not.

    Two that are in use together already are left to themselves: their patterns could not be changed any more, and the
    database refuses a number that was given before. One statement.

    Raises:
        BlueprintInvalidError: with all pairs and a number that both of each could give.
    """
    query = (
        select(LegalEntityRow.code, NumberSeriesRow.document_type, NumberSeriesRow.pattern)
        .join(LegalEntityRow, LegalEntityRow.id == NumberSeriesRow.legal_entity_id)
        .order_by(NumberSeriesRow.year)
    )
    patterns = {(code, kind): pattern for code, kind, pattern in tx.session.execute(query)}
    problems = []
    for one, other in combinations(sorted(patterns), 2):
        if one not in fresh and other not in fresh:
            continue
        number = common_number(patterns[one], patterns[other])
        if number is not None:
            problems.append(
                f"legal_entities.series: {_name(one)} ({patterns[one]}) and {_name(other)} ({patterns[other]}) could both give "
                f"{number}; begin or end one of them with letters of its own."
            )
    if problems:
        raise BlueprintInvalidError(problems)


def _name(key: SeriesKey) -> str:
    code, document_type = key
    return f"{document_type.replace('_', ' ')}s of {code}"
