"""Rules that an operator added, and the documents that they are for."""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

Syntax = Literal["ubl", "cii"]


class InstalledRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that the operator added. The text goes by its hash; ``syntax`` None: of both."""

    name: str
    applies_to: str
    syntax: Syntax | None
    sha256: str


def applies(applies_to: str, specification: str) -> bool:
    """Whether rules for ``applies_to`` hold for a document of ``specification``.

    Specifications are chains: ``base#compliant#restriction#conformant#extension``. Rules hold for all that builds on what they
    are for, so a link or a run of links of the chain is enough.
    """
    wanted, chain = links(applies_to), links(specification)
    return any(chain[at : at + len(wanted)] == wanted for at in range(len(chain) - len(wanted) + 1))


def links(specification: str) -> list[str]:
    """The chain of a specification, base first."""
    return re.split(r"#(?:compliant|conformant)#", specification.strip())


def installed_rules(installed: Sequence[InstalledRules], syntax: Syntax, specification: str) -> list[InstalledRules]:
    """The operator's rules for a document."""
    return [each for each in installed if each.syntax in {None, syntax} and applies(each.applies_to, specification)]
