"""The lock files hold what the requirements allow, with hashes, and nothing of the machine that wrote them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = {"requirements/run.lock": "requirements.txt", "requirements/dev.lock": "requirements/dev.txt"}
_PINNED = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def wanted(file: str) -> list[Requirement]:
    """Return what a file of requirements asks for, with the files that it names."""
    found = []
    for line in (ROOT / file).read_text("utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            found += wanted(str((Path(file).parent / line[3:]).as_posix()).replace("requirements/../", ""))
        elif line:
            found.append(Requirement(line))
    return found


def pinned(lock: str, python: str) -> dict[str, str]:
    """Return the version of each package that the lock names for this Python on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux", "platform_system": "Linux"}
    found: dict[str, str] = {}
    for name, version, marker, _ in _PINNED.findall((ROOT / lock).read_text("utf-8")):
        if not marker or Marker(marker).evaluate({**environment, "platform_python_implementation": "CPython"}):
            assert name not in found, f"{name} has two versions for Python {python}"
            found[canonicalize_name(name)] = version
    return found


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_its_requirements_on_every_python(lock: str, python: str) -> None:
    versions = pinned(lock, python)
    for requirement in wanted(LOCKS[lock]):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_everything_and_names_no_index_or_path(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    rest = _PINNED.sub("", text)
    assert all(line.startswith("#") for line in rest.splitlines()), rest
    assert not re.search(r"https?:|file:|--(?:extra-)?index|--find-links|^/|@ ", text, re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
def test_tests_run_with_the_versions_that_the_program_runs_with(python: str) -> None:
    run, dev = (pinned(lock, python) for lock in LOCKS)
    assert run.items() <= dev.items()


def test_every_requirement_is_bounded_on_both_sides() -> None:
    for file in ("requirements.txt", *map(str, (ROOT / "requirements").glob("*.txt"))):
        for requirement in wanted(file):
            operators = {clause.operator for clause in requirement.specifier}
            assert operators & {"==", "<", "<="}, requirement
            assert operators & {"==", ">", ">=", "~="}, requirement


def test_make_installs_from_the_locks() -> None:
    for target, lock in ((".venv/run.stamp", "run"), (".venv/dev.stamp", "dev")):
        planned = subprocess.run(["make", "-Bn", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert f"tests/python.sh .venv requirements/{lock}.lock" in planned
    assert "--require-hashes" in (ROOT / "tests/python.sh").read_text("utf-8")
