"""The port by which later rooms have their say about drafts: what they found, and for which drafts they still wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from billwright.checks.examine import Examined, Said
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``said`` by draft, each with the examiner's own name as the rule, under which no waiver can be asked for.

    Drafts in ``waiting`` stay where they are, unapproved: the examiner has put a job in line that asks for the checks again.
    """

    said: Mapping[UUID, Sequence[Said]] = field(default_factory=dict)
    waiting: frozenset[UUID] = frozenset()


class Examiner(Protocol):
    """One or two statements for all drafts, inside the checks' transaction; no call to anything else."""

    def __call__(self, tx: Tx, drafts: Sequence[AnyRow], /) -> Answer: ...


def with_answers(examined: Mapping[UUID, Examined], answers: Sequence[Answer]) -> dict[UUID, Examined]:
    """What rules and examiners said together."""
    return {
        draft_id: Examined(
            [*each.said, *(said for answer in answers for said in answer.said.get(draft_id, ()))], each.failed
        )
        for draft_id, each in examined.items()
    }
