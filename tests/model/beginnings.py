"""How lives may begin: with what goes wrong among people, and in the middle of trouble that chance alone seldom makes."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from model import world as facts
from model.world import MILESTONES

if TYPE_CHECKING:
    from model.machine import Life

SCRIPTS: Final = (
    [("Amy", "approve", False), ("Amy", "approve", False), ("Fin", "approve", False)],
    [("Max", "approve", False), ("Fin", "return", False)],
    [("Fin", "approve", False), ("Mia", "approve", False), ("Max", "approve", True)],
)
"""What goes wrong among people: one for two roles, a change of mind, the wrong one and the one who saw an older draft."""


def nothing_special(_: "Life") -> None:
    """The usual day."""


def terms_change_between_approval_and_issue(life: "Life") -> None:
    """The job that issues is under way already when the contract's new terms are stored and applied."""
    life.accept("M2")
    life._work_off(8)
    life.right_people_approve(0)
    life._give_leases()
    life._send("contract", "K1", facts.contract(14), 14)
    life._give_leases()
    life._work(life.leases.pop())
    while life.leases:
        life._work(life.leases.pop(0))


def mail_is_asked_for_while_it_goes(life: "Life") -> None:
    """A clerk asks for a mail again while a worker has it: the wish is a job of its own, and the mail must go once."""
    life.outside_changes(erp="good", mail="later", disk="good", then=0)
    life.accept("M1")
    life._work_off(8)
    life.firm.clock.moment += timedelta(days=1)
    life._give_leases()
    life.clerk_mails_again(which=0, then=0)
    life.outside_changes(erp="good", mail="taken", disk="good", then=0)
    while life.leases:
        life._work(life.leases.pop(0))
    life._work_off(2)


def erp_is_away_while_mails_go(life: "Life") -> None:
    life.outside_changes(erp="away", mail="taken", disk="good", then=0)
    life.accept("M1")
    life._work_off(8)


def erp_fails_for_everybody(life: "Life") -> None:
    """Four invoices at once, and more failures in a row than the breaker bears."""
    life.outside_changes(erp="error", mail="taken", disk="good", then=0)
    life.paper_comes("evidence", then=0)
    life.paper_comes("order", then=0)
    for ref in MILESTONES:
        life.accept(ref)
    life._work_off(8)
    life.right_people_approve(8)


BEGINNINGS: Final[tuple[Callable[["Life"], None], ...]] = (
    nothing_special,
    terms_change_between_approval_and_issue,
    mail_is_asked_for_while_it_goes,
    erp_is_away_while_mails_go,
    erp_fails_for_everybody,
)
