"""The doctor: one line for each part, the remedy if one fails, the first failure's exit status, and no secret."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cli.commands.doctor import doctor
from cli.wiring import Wiring
from tests.engine_proxy import EngineProxy, without
from tests.fakes import unused
from utils.errors import ExitStatus, ModelError
from utils.settings import load_settings

PARTS = ["settings", "key", "model", "engine", "machine", "image", "languages", "limits", "workspace", "history"]


async def answer(settings: object) -> str:
    return "OK\n"


def wiring(model: str | ModelError = "test-model") -> Wiring:
    def check(settings: object) -> str:
        if isinstance(model, ModelError):
            raise model
        return model

    return Wiring(never, check, lambda: [], answer, unused)  # type: ignore[arg-type]


def never(settings: object, notify: object, resumed: object) -> None:
    raise AssertionError("the doctor opens no session")


async def run(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    flags: dict[str, str | None],
    *,
    model: str | ModelError = "test-model",
    ask: bool = False,
) -> tuple[ExitStatus, dict[str, str]]:
    environment = {
        "OPENAI_API_KEY": "sk-canary",
        "PIP_INDEX_URL": "https://jo:canary@index.example/simple",
        "SANDBOX_INDEX_CREDENTIALS": "yes",
    }
    flags = {"workspace": str(tmp_path / "workspace"), **flags}
    settings = load_settings(flags, environment)
    status = await doctor(settings, wiring(model), ask=ask)
    out = capsys.readouterr().out
    assert "canary" not in out
    assert "\x1b" not in out
    lines = out.splitlines()
    assert all(line[:2] in ("✔ ", "✘ ", "– ") for line in lines)
    return status, {line.split()[1]: line for line in lines}


@pytest.mark.engine
async def test_all_is_well(capsys: pytest.CaptureFixture[str], tmp_path: Path, image: str) -> None:
    status, lines = await run(capsys, tmp_path, {"image": image}, ask=True)
    assert status is ExitStatus.DONE
    assert list(lines) == PARTS
    assert all(line.startswith("✔") for line in lines.values())
    assert f"SANDBOX_IMAGE={image} (--image)" in lines["settings"]
    assert "PIP_INDEX_URL=set (the environment)" in lines["settings"]
    assert "OPENAI_API_KEY is set (the environment)" in lines["key"]
    assert "it answers: 'OK'" in lines["model"]
    assert "unix://" in lines["engine"]
    assert "processes" in lines["limits"]
    assert not list((tmp_path / "workspace").iterdir())


@pytest.mark.engine
async def test_what_fails_has_its_remedy_and_the_first_decides_the_status(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "workspace").write_text("a file")
    flags: dict[str, str | None] = {"image": "no/such:1", "memory": "100000g"}
    status, lines = await run(capsys, tmp_path, flags, model=ModelError("there is no key", "Set one."))
    assert status is ExitStatus.MODEL
    for part, remedy in (("model", "Set one."), ("machine", "--memory"), ("image", "docker pull no/such:1"), ("workspace", "--workspace")):
        assert lines[part].startswith("✘")
        assert remedy in lines[part].partition(" → ")[2]
    assert "limits" not in lines, "there is no container to look at"
    status, lines = await run(capsys, tmp_path, {"image": "no/such:1"})
    assert status is ExitStatus.ENGINE


@pytest.mark.engine
async def test_a_limit_that_is_not_in_force_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EngineProxy() as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.url)
        proxy.fail("POST .*/containers/create", "rewrite", rewrite=without("PidsLimit"))
        status, lines = await run(capsys, tmp_path, {"image": image})
    assert status is ExitStatus.ENGINE
    assert "processes ignored" in lines["limits"]
    assert proxy.url in lines["engine"]


async def test_without_an_engine_the_rest_is_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody listens
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free.getsockname()[1]}")
        status, lines = await run(capsys, tmp_path, {})
    assert status is ExitStatus.ENGINE
    assert list(lines) == ["settings", "key", "model", "engine", "looked", "workspace", "history"]
    assert "DOCKER_HOST" in lines["engine"].partition(" → ")[2]


async def test_each_place_that_was_looked_at_is_listed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setenv("DOCKER_HOST", url)
        settings = load_settings({"workspace": str(tmp_path)}, {})
        status = await doctor(settings, wiring(), ask=False)
    out = capsys.readouterr().out
    assert status is ExitStatus.ENGINE
    assert "– key        none is set" in out
    assert f"– looked at  DOCKER_HOST ({url}): nothing answers there" in out
