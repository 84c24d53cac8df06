"""Invoices, postings and jobs against a plain drawing of them: thousands of random steps on the real use cases.

The same lives each time; ``--hypothesis-profile thorough`` lives hundreds of others, never the same twice.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from billwright.kernel.clock import SetClock
from billwright.tenancy.configuration import TenantConfiguration
from model.beginnings import BEGINNINGS
from model.machine import Life
from model.outside import ScriptedErp, ScriptedRenderer
from model.world import CONFIGURATION, World, build_handlers
from support.app import NOON
from support.mail_server import MailServerHandler, mail_server
from support.pipeline import Firm

USUAL_LIVES = 25
MUST_HAPPEN = (
    "message duplicate", "approve", "return", "permission-denied", "twice", "posted", "disputed", "settled", "void",
    "posting-state", "delivery-state",
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[MailServerHandler]:
    with mail_server() as handler:
        yield handler


@pytest.mark.slow
def test_whatever_happens_everything_is_as_drawn(
    make_firm: Callable[[TenantConfiguration], Firm], clock: SetClock, server: MailServerHandler, tmp_path: Path
) -> None:
    happened: Counter[str] = Counter()

    class Watched(Life):
        def __init__(self) -> None:
            super().__init__(make_world, server)

        def teardown(self) -> None:
            super().teardown()
            happened.update(self.happened)
            happened.update(bill.phase for bill in self.plain.bills)

    def make_world() -> World:
        clock.moment = NOON
        firm = make_firm(CONFIGURATION)
        erp, disk = ScriptedErp(), ScriptedRenderer()
        return World(firm, build_handlers(firm.database, tmp_path, erp, disk, server), erp, disk)

    assert settings.default is not None
    lives = settings.default.max_examples // 4
    for beginning in BEGINNINGS:
        run_state_machine_as_test(
            type("Begun", (Watched,), {"trouble": beginning}),
            settings=settings(
                max_examples=lives // len(BEGINNINGS), stateful_step_count=50, deadline=None,
                derandomize=lives <= USUAL_LIVES, phases=(Phase.explicit, Phase.reuse, Phase.generate),
                suppress_health_check=[*HealthCheck],
            ),
        )  # fmt: skip
    # Lives in which nothing happens prove nothing.
    missing = {word for word in MUST_HAPPEN if not happened[word]}
    assert not missing, sorted(happened.items())
