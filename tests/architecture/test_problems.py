"""Every refusal has a status and a page; every page is about something that can happen."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import billwright
import billwright_tenants
from billwright.kernel.errors import DomainError
from billwright.web.problem import problem_text
from billwright.web.problems import HTTP_CODES, STATUS, status_of

PAGES = Path(__file__).parents[2] / "docs" / "problems"
SAID = re.compile(r"(?:^|\s)(?:HTTP |Status )?([45]\d\d)\.?\s*$")


def refusals() -> list[type[DomainError]]:
    """All subclasses in the core and in onboarding, whichever module they are in."""
    for package in (billwright, billwright_tenants):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)

    def below(base: type[DomainError]) -> Iterator[type[DomainError]]:
        for each in base.__subclasses__():
            yield each
            yield from below(each)

    ours = {each for each in below(DomainError) if each.__module__.startswith("billwright")}
    return sorted(ours, key=lambda each: (each.code, each.__qualname__))


REFUSALS = refusals()


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.__name__)
def test_every_refusal_has_a_status_and_a_page(refusal: type[DomainError]) -> None:
    status = status_of(refusal)
    assert status is not None, f"add {refusal.__name__} to STATUS in web/problems.py"
    assert 400 <= status < 600
    page = PAGES / f"{refusal.code}.md"
    assert page.is_file(), f"write {page.name}: what happened, what to do"


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.__name__)
def test_the_status_is_the_one_that_its_docstring_asks_for(refusal: type[DomainError]) -> None:
    said = SAID.search(refusal.__doc__ or "")
    if said is not None:
        assert status_of(refusal) == int(said.group(1))


def test_codes_are_unique() -> None:
    codes = [refusal.code for refusal in REFUSALS]
    assert sorted(set(codes)) == codes


def test_the_base_itself_is_never_raised_with_a_status() -> None:
    assert DomainError not in STATUS
    assert status_of(DomainError) is None


KNOWN = {refusal.code for refusal in REFUSALS} | {code for code, _ in HTTP_CODES.values()} | {"unexpected"}


def test_every_page_is_about_something_that_can_happen() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == KNOWN


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_pages_are_short_and_say_what_to_do(code: str) -> None:
    text = problem_text(code)
    assert text is not None
    assert text.startswith("# ")
    assert 3 <= len(text.splitlines()) <= 25
    assert not re.search(r"[Bb]illwright(?!-Tenant)", text), "white label: no vendor's name"
