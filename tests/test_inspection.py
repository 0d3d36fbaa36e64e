"""What the doctor finds out about images and folders; the rest is in tests/test_doctor.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox.engine import inspection
from sandbox.engine.find import Attempt, FoundEngine, Place, _no_engine
from sandbox.engine.inspection import Finding, inspect_folder, inspect_sandbox
from sandbox.languages import LANGUAGES
from tests.images import image_of
from utils.docker_utils import LABEL, Limits
from utils.errors import ExitStatus
from utils.owner import owner

LIMITS = Limits(memory=256 * 1024**2, pids=50)


def test_a_folder_is_made_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    assert inspect_folder(tmp_path / "a" / "b") > 0
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        inspect_folder(tmp_path / "file")


@pytest.fixture
def nothing_left(engine: docker.APIClient) -> Iterator[None]:
    ours: dict[str, Any] = {"label": f"{LABEL}.owner={owner()}"}
    before = {each["Id"] for each in engine.containers(all=True, filters=ours)}
    yield
    assert {each["Id"] for each in engine.containers(all=True, filters=ours)} <= before


def finding_of(findings: Iterator[Finding], subject: str) -> Finding:
    return next(finding for finding in list(findings) if finding.subject == subject)


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("gone", "told"), [("python", "no python"), ("timeout", "timeout"), ("sh", "sh, cp and timeout")])
def test_an_image_without_a_tool_is_told_with_the_remedy(engine: docker.APIClient, image: str, gone: str, told: str) -> None:
    with image_of(engine, image, without=gone) as broken:
        finding = finding_of(inspect_sandbox(broken, LIMITS, strict=False), "image")
    assert finding.error is not None
    assert told in finding.text
    assert "SANDBOX_IMAGE" in finding.error.hint


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_an_image_with_its_own_ideas_is_fine(engine: docker.APIClient, image: str) -> None:
    with image_of(engine, image, Entrypoint=["false"], User="0:0", WorkingDir="/nowhere", Cmd=["false"]) as odd:
        findings = list(inspect_sandbox(odd, LIMITS, strict=False))
    assert [finding.subject for finding in findings if finding.error] == []


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_an_image_with_volumes_is_refused(engine: docker.APIClient, image: str) -> None:
    with image_of(engine, image, Volumes={"/workspace": {}, "/data": {}}) as odd:
        errors = [finding.error for finding in inspect_sandbox(odd, LIMITS, strict=False) if finding.error]
    assert [error.message for error in errors] == [f"the image {odd} has volumes (/data, /workspace), which no limit bounds"]
    assert "VOLUME" in errors[0].hint


def test_without_any_engine_each_place_is_told_and_the_doctor_is_not_sent_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = [Attempt(Place("Docker", {"base_url": "unix:///x"}), "nothing answers there"), Attempt(Place("Podman", {}), "it is odd")]

    def none() -> FoundEngine:
        raise _no_engine(attempts)

    monkeypatch.setattr(inspection, "find_engine", none)
    first, *others = inspect_sandbox("img:1", LIMITS, strict=False)
    assert first.error is not None
    assert first.error.status is ExitStatus.ENGINE
    assert "doctor" not in first.error.hint
    assert "systemctl start docker" in first.error.hint
    assert [(each.text, each.fine, each.error) for each in others] == [
        ("Docker (unix:///x): nothing answers there", False, None),
        ("Podman (no address): it is odd", False, None),
    ]


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_each_language_is_here_or_has_to_be_pulled(engine: docker.APIClient, image: str) -> None:
    with image_of(engine, image) as own:
        images = {"ruby": own, "go": "sandbox-none:missing"}
        text = finding_of(inspect_sandbox(image, LIMITS, strict=False, images=images), "languages").text
    here, own_image, pull = (part.partition(": ")[2] for part in text.split("; "))
    assert {"python", "sh"} <= set(here.split(", "))
    assert f"ruby ({own})" in own_image
    assert "go (sandbox-none:missing)" in pull
    assert "rust (rust:1-slim, about 300 MB)" in pull
    assert all(language.name in text for language in LANGUAGES)
