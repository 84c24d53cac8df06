"""The Dockerfile as text, since a build needs an engine: what would go in, as whom it runs, what it starts."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """(keyword, rest) per instruction: comments dropped, continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(keyword, rest) for keyword, rest in pairs]


def stages() -> dict[str, list[Instruction]]:
    """Instructions by the stage's name; what stands before the first stage under ""."""
    found: dict[str, list[Instruction]] = {"": []}
    name = ""
    for keyword, rest in instructions():
        if keyword == "FROM":
            image, _, name = rest.partition(" AS ")
            found[name] = [(keyword, image)]
        else:
            found[name].append((keyword, rest))
    return found


def of(stage: str, keyword: str) -> list[str]:
    return [rest for each, rest in stages()[stage] if each == keyword]


def values() -> dict[str, str]:
    """Environment of the final stage."""
    return dict(pair.split("=", 1) for rest in of("final", "ENV") for pair in rest.split())


def test_both_stages_stand_on_one_pinned_base_image() -> None:
    assert list(stages()) == ["", "build", "final"]
    [base] = of("", "ARG")
    assert re.fullmatch(r"BASE_IMAGE=python:3\.\d+\.\d+-slim-bookworm", base)
    assert of("build", "FROM") == of("final", "FROM") == ["${BASE_IMAGE}"]


def test_packages_come_from_the_lock_file_with_hashes_as_wheels() -> None:
    [packages] = [rest for rest in of("build", "RUN") if "requirements.lock" in rest]
    assert {"--require-hashes", "--no-deps"} <= set(packages.split())
    assert "--only-binary :all:" in packages
    [project] = [rest for rest in of("build", "RUN") if "--no-build-isolation" in rest]
    assert {"--no-index", "--no-deps"} <= set(project.split())
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for tool in ("hatchling", "editables"):
        assert f"\n{tool}==" in locked
        assert re.search(rf"uninstall --yes [a-z ]*\b{tool}\b", project)


def test_the_build_sees_the_source_roots_and_nothing_else() -> None:
    roots = {package.partition("/")[0] for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    needed = roots | {"requirements.lock", "pyproject.toml", PROJECT["project"]["readme"]}
    copied = {source.rstrip("/") for rest in of("build", "COPY") for source in rest.split()[:-1]}
    assert copied == needed
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {line[1:] for line in ignore if line.startswith("!")} == needed
    assert "*" in ignore
    assert all((ROOT / path).exists() for path in needed)


def test_the_final_stage_gets_the_environment_and_three_libraries() -> None:
    assert of("final", "COPY") == ["--from=build /opt/billwright /opt/billwright"]
    [run] = of("final", "RUN")
    steps = [step.strip() for step in run.split("&&")]
    [install] = [step for step in steps if step.startswith("apt-get install")]
    packages = {word for word in install.split()[2:] if not word.startswith("-")}
    assert packages == {"libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"}
    assert "--no-install-recommends" in install
    # In the same layer, else the lists would stay in the image.
    assert steps.index("rm -rf /var/lib/apt/lists/*") > steps.index(install)
    assert "ADD" not in {keyword for keyword, _ in instructions()}


def test_it_runs_as_a_numbered_user_that_is_the_charts() -> None:
    [user] = of("final", "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    helpers = (ROOT / "helm/billwright/templates/_helpers.tpl").read_text(encoding="utf-8")
    assert f"runAsUser: {user.partition(':')[0]}\nrunAsGroup: {user.partition(':')[2]}\n" in helpers
    keywords = [keyword for keyword, _ in stages()["final"]]
    assert keywords.index("USER") > max(i for i, keyword in enumerate(keywords) if keyword in {"RUN", "COPY"})


def test_it_starts_the_console_script_without_a_shell() -> None:
    [entry] = [json.loads(rest) for rest in of("final", "ENTRYPOINT")]
    [script] = PROJECT["project"]["scripts"]
    assert entry == [f"/opt/billwright/bin/{script}"]
    assert json.loads(of("final", "CMD")[0]) == ["api"]


def test_nothing_is_written_outside_the_home_and_tmp() -> None:
    environment = values()
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["HOME"] == "/tmp"
    assert environment["XDG_CACHE_HOME"].startswith("/tmp/")
    helpers = (ROOT / "helm/billwright/templates/_helpers.tpl").read_text(encoding="utf-8")
    assert f"BILLWRIGHT_HOME: {environment['BILLWRIGHT_HOME']}\n" in helpers
    assert of("final", "WORKDIR") == [environment["BILLWRIGHT_HOME"]]


@pytest.mark.parametrize("label", ["title", "description", "version", "revision", "licenses"])
def test_the_image_says_what_it_is(label: str) -> None:
    [labels] = of("final", "LABEL")
    assert re.search(rf'org\.opencontainers\.image\.{label}="[^"]+"', labels)


def test_image_chart_and_project_carry_one_version() -> None:
    chart = yaml.safe_load((ROOT / "helm/billwright/Chart.yaml").read_text(encoding="utf-8"))
    version = PROJECT["project"]["version"]
    assert chart["appVersion"] == version
    assert f"VERSION={version}" in of("final", "ARG")
