"""A session's sandbox, and what the wiring hands to the commands."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import docker
import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from cli.session import explain_failure

from sandbox.opening import limits_of, make_executor, make_session_folder, open_sandbox
from sandbox.verdicts import Verdict
from utils.docker_utils import LABEL, owner
from utils.errors import EngineError, ModelError, UsageError
from utils.settings import Settings, load_settings


def settings_for(folder: Path, **changes: str) -> Settings:
    return load_settings({"workspace": str(folder), **changes}, {})


def silent(notice: str) -> None:
    """Drop a notice."""


# --- sandbox/opening.py -----------------------------------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    limits = limits_of(settings_for(tmp_path, timeout="7", memory="64m", network="off"))
    assert (limits.timeout, limits.memory, limits.network) == (7, 64 * 1024**2, "off")
    settings = load_settings({}, {"SANDBOX_CPUS": "0.5", "SANDBOX_PIDS": "32"})
    assert (limits_of(settings).cpus, limits_of(settings).pids) == (0.5, 32)


def test_each_session_has_a_folder_of_its_own_for_this_user_only(tmp_path: Path) -> None:
    folders = {make_session_folder(tmp_path / "kept") for _ in range(20)}
    assert len(folders) == 20
    for folder in folders:
        assert folder.parent == tmp_path / "kept" / "sessions"
        assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", folder.name)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_workspace_that_cannot_be_written_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="WORKSPACE is .*file.*Not a directory") as caught:
        make_session_folder(tmp_path / "file")
    assert caught.value.hint


def test_of_a_bundle_only_the_certificates_are_copied(tmp_path: Path) -> None:
    first, second = (f"-----BEGIN CERTIFICATE-----\nMIIB{name}+/=\n-----END CERTIFICATE-----\n" for name in ("a", "b"))
    key = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
    cut = "-----BEGIN CERTIFICATE-----\nMIIB\n"
    bundle = tmp_path / "bundle.crt"
    bundle.write_text(f"canary = 1\n{first}{key}{cut}{key}{second}canary\n")
    settings = load_settings({"workspace": str(tmp_path)}, {"SANDBOX_CA_BUNDLE": str(bundle)})
    executor = make_executor(settings, docker.APIClient(version="1.44"), tmp_path)
    assert executor._certificates.decode() == first + second
    assert executor.kept_out == (tmp_path, tmp_path / "sessions")


@pytest.mark.engine
async def test_the_container_and_the_folder_live_as_long_as_the_session(tmp_path: Path, image: str, engine: docker.APIClient) -> None:
    async with open_sandbox(settings_for(tmp_path, image=image), silent) as executor:
        (container,) = engine.containers(filters={"label": f"{LABEL}.owner={owner()}"})
        (folder,) = (tmp_path / "sessions").iterdir()
        assert container["Labels"][f"{LABEL}.session"] == folder.name
        run = await executor.run_block(CodeBlock(code="print(1)", language="python"), CancellationToken())
        assert (run.verdict, run.output) == (Verdict.OK, "1\n")
    assert engine.containers(all=True, filters={"id": container["Id"]}) == []
    assert [file.name for file in folder.iterdir()] == ["program.py"]


@pytest.mark.engine
async def test_a_session_in_which_nothing_ran_leaves_no_folder(tmp_path: Path, image: str) -> None:
    async with open_sandbox(settings_for(tmp_path, image=image), silent):
        assert len(list((tmp_path / "sessions").iterdir())) == 1
    assert list((tmp_path / "sessions").iterdir()) == []


@pytest.mark.engine
async def test_a_session_that_fails_leaves_no_container_and_no_folder(tmp_path: Path, image: str, engine: docker.APIClient) -> None:
    with pytest.raises(KeyError):
        async with open_sandbox(settings_for(tmp_path, image=image), silent):
            raise KeyError("ours")
    assert engine.containers(all=True, filters={"label": f"{LABEL}.owner={owner()}"}) == []
    assert list((tmp_path / "sessions").iterdir()) == []


@pytest.mark.engine
async def test_without_the_image_no_folder_is_made(tmp_path: Path) -> None:
    notices: list[str] = []
    with pytest.raises(EngineError, match="cannot be pulled"):
        async with open_sandbox(settings_for(tmp_path, image="127.0.0.1:1/nobody/nothing:1"), notices.append):
            pass
    assert notices[0] == "pulling 127.0.0.1:1/nobody/nothing:1"
    assert list(tmp_path.iterdir()) == []


# --- cli/session.py ---------------------------------------------------------------------------------------------------------------


def test_a_known_error_is_told_as_it_is() -> None:
    known = ModelError("The key was refused.", "Set OPENAI_API_KEY.")
    assert explain_failure(RuntimeError("AutoGen's long text"), known) is known
    assert explain_failure(known, None) is known


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("KeyError: 'x'\nTraceback:\n  File a\nKeyError: 'x'\n"), "internal error: KeyError: 'x'"),
        (ValueError(), "internal error: ValueError"),
    ],
)
def test_any_other_error_is_our_own_and_told_in_one_line(error: Exception, message: str) -> None:
    explained = explain_failure(error, None)
    assert explained.message == message
    assert "--traceback" in explained.hint
    assert "\n" not in explained.message
