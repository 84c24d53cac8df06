"""Doing one thing to several rows: each by itself, each with its own result; one that is refused harms no other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog

from billwright.kernel.errors import DomainError, InputInvalidError, NotFoundError
from billwright.kernel.ids import read
from billwright.web.portal.forms import field

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit

TICKS_MAX: Final = 200
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What can be done to ticked rows. ``run`` takes the visit, the ticked value and the form; it gives the sentence.

    ``run`` is a use case with a transaction of its own. ``asks``: the name of the field beside the button, if any.
    """

    key: str
    label: str
    """The button: a verb and what it is done to."""
    icon: str
    needs: tuple[str, ...]
    """Any of these permissions offers it; the use case decides."""
    run: Callable[["Visit", str, Mapping[str, Any]], str]
    asks: str = ""


def hand_over(needs: str, assign: Callable[["Visit", str, UUID], None]) -> tuple[Action, Action]:
    """The deeds "Take them" and "Give them to" of a list whose rows ``assign`` gives to a person."""

    def take(visit: "Visit", tick: str, _form: Mapping[str, Any]) -> str:
        assert visit.actor.person_id is not None  # pages are for people
        assign(visit, tick, visit.actor.person_id)
        return "It is yours now."

    def give(visit: "Visit", tick: str, form: Mapping[str, Any]) -> str:
        chosen = field(dict(form), "person")
        if not chosen:
            raise InputInvalidError("Choose the person whom it is given to.", field="person")
        assign(visit, tick, read("per", chosen))
        return "It is given to the person that you chose."

    return (
        Action(key="take", label="Take them", icon="circle-user", needs=(needs,), run=take),
        Action(key="give", label="Give them to", icon="arrow-right", needs=(needs,), run=give, asks="person"),
    )


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one ticked row: what it is called, where it is (empty: no page), and a sentence."""

    label: str
    path: str
    ok: bool
    text: str


def identifier_of(tick: str) -> str:
    """The shown identifier at the start of a ticked value."""
    return tick.partition(":")[0]


def ticked_ids(prefix: str, ticks: Sequence[str]) -> list[UUID]:
    """Identifiers of ticked rows; what is none is left out here, and refused when its turn comes."""
    found = []
    for tick in ticks:
        try:
            found.append(read(prefix, identifier_of(tick)))
        except NotFoundError:
            continue
    return found


def check_ticks(ticks: Sequence[str]) -> list[str]:
    """Each ticked value once, in the order sent.

    Raises:
        InputInvalidError: nothing is ticked, or more than one page can hold.
    """
    once = list(dict.fromkeys(each for each in ticks if each))
    if not once:
        raise InputInvalidError("Nothing is ticked. Tick the rows that you mean, then press the button.", field="tick")
    if len(once) > TICKS_MAX:
        raise InputInvalidError(f"Tick at most {TICKS_MAX} rows at once.", field="tick")
    return once


def run_action(
    action: Action,
    visit: "Visit",
    ticks: Sequence[str],
    form: Mapping[str, Any],
    names: Mapping[str, tuple[str, str]],
) -> list[RowResult]:
    """Do ``action`` to each of ``ticks``, one transaction each. ``names``: shown identifier to (words, path)."""
    results = []
    for tick in ticks:
        shown = identifier_of(tick)
        label, path = names.get(shown, (shown, ""))
        try:
            results.append(RowResult(label, path, ok=True, text=action.run(visit, tick, form)))
        except DomainError as refusal:
            results.append(RowResult(label, path, ok=False, text=str(refusal)))
        except Exception:  # one row's failure, whatever it is, must not stop the rows after it
            log.exception("bulk action failed", action=action.key, subject=shown)
            text = f"This one failed on our side and was left as it was. Say {visit.trace_id} when you ask about it."
            results.append(RowResult(label, path, ok=False, text=text))
    return results
