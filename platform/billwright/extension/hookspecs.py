"""Hook specifications of rule and trigger plugins (pluggy project ``billwright``)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pluggy

from billwright.extension.views import ContractView, DraftView, Finding, ItemProposal

PROJECT: Final = "billwright"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# A specification has only its docstring: pluggy never calls it, hence each ignored `empty-body`.
class Hooks:
    """All hooks; each has a page in ``docs/hooks/``."""

    @hookspec
    def propose_items(self, contract: ContractView) -> Sequence[ItemProposal]:  # type: ignore[empty-body]
        """Billable items that the facts of ``contract`` make or would make; ``[]`` if none.

        Pure: no I/O, no clock but ``contract.now``; the same view always gives the same answer. A proposal that is not
        ready carries reason codes. The core refuses two proposals with one transaction key.
        """

    @hookspec
    def propose_settlements(  # type: ignore[empty-body]
        self, contract: ContractView, items: Sequence[ItemProposal]
    ) -> Sequence[ItemProposal]:  # pyright: ignore[reportReturnType]  # a specification has no body
        """Billable items that settle ``items`` against what was paid in advance; ``[]`` if there is nothing to settle.

        Pure. ``items`` is everything that the triggers propose for ``contract``, with the settlements of those before this
        one. Asked only where ``contract.settles``, and only when every trigger could answer. A settlement of one item names it
        in ``follows`` and has a negative amount, at most as large as what is left of it.
        """

    @hookspec
    def examine_draft(self, draft: DraftView, settings: Mapping[str, Any]) -> Sequence[Finding]:  # type: ignore[empty-body]
        """Findings about ``draft``; ``[]`` if there is nothing to say.

        Pure. ``settings`` is the tenant's configuration of this rule, already checked against the plugin's
        ``Settings`` struct. A rule that raises, or runs past its time limit, becomes a technical, blocking finding
        under its own name.
        """
