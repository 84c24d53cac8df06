"""Which supplier names are one firm. Two firms in one tenant would see each other's books, so doubt keeps them apart."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from billwright.extension.folders import TenantSeed
from billwright_connectors.agreements.lines import Row, texts_of

SLUG_LENGTH: Final = 40
NAME_LENGTH: Final = 80
NAME_WORDS: Final = 9

LEGAL_FORMS: Final = frozenset(
    "gmbh ag ltd limited llc inc corp corporation co company oy ou sas srl sarl pte pvt private klg kg ab bv dmcc fzco fze "
    "ev eood ltda plc sa".split()
)
LEGAL_FORMS_SPLIT: Final = (
    ("sp", "z", "o", "o"),
    ("d", "o", "o"),
    ("s", "r", "o"),
    ("s", "p"),
    ("e", "v"),
    ("sp", "z", "oo"),
)
NO_FIRM: Final = frozenset(
    (
        "",
        "na",
        "none",
        "individual",
        "tbd",
        "private",
        "in progress",
        "not yet available",
        "n a",
        "there is no legal structure",
    )
)
NO_FIRM_WORDS: Final = re.compile(
    r"\bno (registe?red|registred|legal)\b|provided privately|no legal structure|\(tbd\)|in the process|being registered|"
    r"about to get|will be (specified|released)|no legal entity|\bi am an individual\b|to be provided",
    re.IGNORECASE,
)


_URL: Final = re.compile(r"https?://\S*?([^/\s,]+)/?(?=[\s,]|$)")
"""An address in place of a name stands for its last part."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How one agreement names its supplier; empty where it has no usable name."""

    contract_id: str
    name: str
    legal_entity: str
    title: str
    accounts: tuple[str, ...]


def words(text: str) -> tuple[str, ...]:
    """``text`` in lower-case ASCII words: accents, punctuation and signs gone."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return tuple(re.findall(r"[a-z0-9]+", ascii_text.lower()))


def supplier_key(name: str) -> str:
    """The spelling-independent form of a firm's name: no case, punctuation or legal form. Empty if it names no firm."""
    if is_no_firm(name):
        return ""
    left = words(re.split(r"[,(]", name, maxsplit=1)[0]) or words(name)
    while left:
        ending = next(
            (form for form in LEGAL_FORMS_SPLIT if len(left) > len(form) and left[-len(form) :] == form), None
        )
        if ending is not None:
            left = left[: -len(ending)]
        elif len(left) > 1 and left[-1] in LEGAL_FORMS:
            left = left[:-1]
        else:
            break
    return "".join(left)


def is_no_firm(name: str) -> bool:
    """Whether ``name`` says that there is none yet, or is a sentence rather than a name."""
    text = name.strip()
    return (
        " ".join(words(text)) in NO_FIRM
        or NO_FIRM_WORDS.search(text) is not None
        or len(text) > NAME_LENGTH
        or len(words(text)) > NAME_WORDS
    )


def group_suppliers(contracts: Sequence[Row]) -> tuple[tuple[TenantSeed, ...], dict[str, str]]:
    """Tenants, and the tenant's slug per agreement. ``contracts`` in the order of their signing.

    One firm is: the same name or legal entity but for spelling (an agreement without either goes by its title); or the
    same payee account together with names or agreements that begin with the same word, or with no name at all. A payee
    account alone proves nothing.
    """
    namings = [naming_of(row) for row in contracts]
    groups = _join(namings)
    seeds: list[TenantSeed] = []
    slugs: dict[str, str] = {}
    taken: set[str] = set()
    for members in groups:
        seed = _seed([namings[index] for index in members], taken)
        taken.add(seed.slug)
        seeds.append(seed)
        slugs.update({namings[index].contract_id: seed.slug for index in members})
    return tuple(seeds), slugs


def naming_of(row: Row) -> Naming:
    def text(field_name: str) -> str:
        value = row.get(field_name)
        return " ".join(value.split()) if isinstance(value, str) else ""

    name, legal = _URL.sub(r"\1", text("supplier")), text("supplier_legal_entity")
    return Naming(
        contract_id=row["contract_id"],
        name=name if supplier_key(name) else "",
        legal_entity=legal if supplier_key(legal) else "",
        title=text("title")[:NAME_LENGTH],
        accounts=texts_of(row, "payee_accounts"),
    )


def _join(namings: Sequence[Naming]) -> list[list[int]]:
    """Indexes of one firm's agreements, in the order of first appearance."""
    parent = list(range(len(namings)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    by_firm: dict[str, int] = {}
    by_account: dict[str, list[int]] = defaultdict(list)
    for index, naming in enumerate(namings):
        for key in _firm_keys(naming):
            parent[root(index)] = root(by_firm.setdefault(key, index))
        for account in naming.accounts:
            for other in by_account[account]:
                if _corroborated(naming, namings[other]):
                    parent[root(index)] = root(other)
            by_account[account].append(index)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(namings)):
        groups[root(index)].append(index)
    return sorted(groups.values())


def _firm_keys(naming: Naming) -> list[str]:
    """Spelling-independent names of the firm; an agreement that names no supplier goes by its title."""
    named = [naming.name, naming.legal_entity] if naming.name or naming.legal_entity else [naming.title]
    return sorted({supplier_key(name) for name in named} - {""})


def _corroborated(one: Naming, other: Naming) -> bool:
    if not one.name or not other.name:
        return True
    return _first_word(one.name) == _first_word(other.name) or _first_word(_local(one)) == _first_word(_local(other))


def _first_word(text: str) -> str:
    found = words(text)
    return found[0] if found else text


def _local(naming: Naming) -> str:
    """The agreement's own part of its identifier: ``w3f:maintenance/Zondax-Support`` gives ``Zondax-Support``."""
    return naming.contract_id.rpartition(":")[2].rpartition("/")[2]


def _seed(members: Sequence[Naming], taken: set[str]) -> TenantSeed:
    """The firm under its latest name; without any, under the title of its first agreement."""
    names = [naming.name for naming in members if naming.name]
    legal = [naming.legal_entity for naming in members if naming.legal_entity]
    name = (names or legal or [members[0].title or _local(members[0])])[-1]
    return TenantSeed(
        slug=_slug(name, _local(members[0]), taken),
        name=name,
        legal_entity=(legal or [name])[-1],
        spellings=tuple(dict.fromkeys(names)),
    )


def _slug(name: str, fallback: str, taken: set[str]) -> str:
    base = "-".join(words(name) or words(fallback) or ("supplier",))[:SLUG_LENGTH].strip("-")
    slug, count = base, 1
    while slug in taken:
        count += 1
        slug = f"{base[: SLUG_LENGTH - len(str(count)) - 1].strip('-')}-{count}"
    return slug
