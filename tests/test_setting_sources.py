"""Where settings come from, and what is said about a .env that weakens the sandbox or moves something."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.setting_sources import ADDRESSES, KEYS, Source, misspelt, user_file
from utils.settings import SETTINGS, Settings, load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(folder: Path, dotenv: str, user_wide: str = "", environment: dict[str, str] | None = None, **flags: str) -> Settings:
    (folder / ".env").write_text(dotenv)
    (folder / "env").write_text(user_wide)
    (folder / "env").chmod(0o600)
    return load_settings(flags, environment or {}, folder / ".env", folder / "env")


def test_the_user_wide_file_ranks_below_dotenv_and_is_trusted_more() -> None:
    by_rank = sorted(Source)
    assert by_rank == [Source.DEFAULT, Source.USER_FILE, Source.DOTENV, Source.ENVIRONMENT, Source.FLAG]
    by_trust = sorted(Source, key=lambda source: source.trust)
    assert by_trust == [Source.DOTENV, Source.USER_FILE, Source.ENVIRONMENT, Source.FLAG, Source.DEFAULT]


def test_the_user_wide_file_is_in_the_folder_for_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/homes/jo")
    assert user_file({"XDG_CONFIG_HOME": "/etc/jo"}) == Path("/etc/jo/multi-agent-codegen/env")
    for environment in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert user_file(environment) == Path("/homes/jo/.config/multi-agent-codegen/env")


@pytest.mark.parametrize(
    ("mode", "said"), [(0o600, ""), (0o400, ""), (0o640, "read"), (0o604, "read"), (0o620, "change"), (0o666, "change")]
)
def test_a_user_wide_file_that_others_can_read_or_change_is_reported(folder: Path, mode: int, said: str) -> None:
    file = folder / "env"
    file.write_text("MODEL=m\n")
    file.chmod(mode)
    warnings = load_settings({}, {}, None, file).warnings
    assert [f"Other users can {said} {file}" in warning for warning in warnings] == ([True] if said else [])


_PEM = "-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SANDBOX_NETWORK=on", "sets the network of programs to on"),
        ("SANDBOX_PACKAGES=any", "any package be installed"),
        ("SANDBOX_IMAGE=evil:1", "evil:1"),
        ("SANDBOX_IMAGE_RUBY=evil:1", "evil:1 (SANDBOX_IMAGE_RUBY)"),
        ("SANDBOX_MEMORY=64g", "raises a limit"),
        ("SANDBOX_TIMEOUT=86400", "raises a limit to 86400"),
        ("SANDBOX_CA_BUNDLE=ca.pem", "ca.pem"),
        ("PIP_INDEX_URL=https://index.example/simple", "https://index.example/simple"),
        ("SANDBOX_INDEX_CREDENTIALS=true", "password"),
        ("OPENAI_BASE_URL=http://jo:hidden@evil.example/v1", "sends your tasks to http://evil.example/v1"),
        ("AZURE_OPENAI_ENDPOINT=http://evil.example", "http://evil.example"),
        ("ANTHROPIC_BASE_URL=http://evil.example", "http://evil.example"),
        ("OLLAMA_HOST=jo:hidden@evil.example:1", "evil.example:1"),
        ("WORKSPACE=../elsewhere", "keeps sessions outside this folder"),
        ("WORKSPACE=~/x", "keeps sessions outside this folder"),
    ],
)
def test_what_dotenv_weakens_or_moves_is_said_once(folder: Path, line: str, said: str) -> None:
    (folder / "ca.pem").write_text(_PEM)
    (warning,) = load(folder, line).warnings
    assert said in warning
    assert warning.startswith(".env in this folder ")
    assert f"({line.partition('=')[0]})" in warning
    assert "hidden" not in warning
    # The same value from where the user has set it is nothing to say, nor is one that .env sets and something above it replaces.
    name, _, value = line.partition("=")
    assert load(folder, "", environment={name: value}).warnings == ()
    assert load(folder, "", user_wide=line).warnings == ()
    assert load(folder, line, user_wide=line).warnings == ()
    assert load(folder, line, environment={name: value}).warnings == ()


@pytest.mark.parametrize(
    "line",
    ["SANDBOX_NETWORK=off", "SANDBOX_MEMORY=512m", "SANDBOX_PACKAGES=known", "SANDBOX_STRICT=true", "CONFIRM_RUN=true", "WORKSPACE=./made"]
    + ["OPENAI_API_KEY=sk-1", "MODEL=m", "OTHER=x", "SANDBOX_STRICT=false", "CONFIRM_RUN=false", "NOTIFY=bell"],
)
def test_what_weakens_nothing_is_not_said(folder: Path, line: str) -> None:
    assert load(folder, line).warnings == ()


@pytest.mark.parametrize(
    ("line", "user_wide"),
    [
        ("SANDBOX_STRICT=false", "SANDBOX_STRICT=true"),
        ("CONFIRM_RUN=false", "CONFIRM_RUN=yes"),
        ("SANDBOX_NETWORK=install", "SANDBOX_NETWORK=off"),
        ("SANDBOX_IMAGE=python:3.12-slim", "SANDBOX_IMAGE=mine"),
        ("SANDBOX_PIDS=200", "SANDBOX_PIDS=100"),
    ],
)
def test_what_undoes_your_own_settings_is_said(folder: Path, line: str, user_wide: str) -> None:
    (warning,) = load(folder, line, user_wide).warnings
    assert line.partition("=")[0] in warning


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("SANDBOX_TIMOUT=5", "SANDBOX_TIMEOUT"),
        ("OPENAI_APIKEY=x", "OPENAI_API_KEY"),
        ("openai_api_key=x", "OPENAI_API_KEY"),
        ("MAX_RETRY=1", ""),
        ("FOO=1", ""),
        ("MODEL_NAME=m", ""),
    ],
)
def test_a_misspelt_name_in_dotenv_is_said_and_what_is_somebody_elses_is_not(folder: Path, line: str, meant: str) -> None:
    name = line.partition("=")[0]
    said = (f".env in this folder has {name}, which is not a setting. Did you mean {meant}?",) if meant else ()
    assert load(folder, line).warnings == said
    assert load(folder, "", environment=dict([line.split("=")])).warnings == ()


@pytest.mark.parametrize(
    "line", ["OPENAI_API_KEY: sk-1", "sk-1", 'OPENAI_API_KEY="sk-1', "set OPENAI_API_KEY=sk-1", '{"OPENAI_API_KEY": "sk-1"}']
)
def test_a_line_that_sets_nothing_is_told_and_not_shown(folder: Path, line: str) -> None:
    settings = load(folder, f"# a comment\n\n{line}\nMODEL=m\n")
    assert settings.warnings == (".env in this folder has no NAME=value in line 3, so that line is not read.",)
    assert "OPENAI_API_KEY" not in settings.environment
    assert settings.model == "m"
    assert load(folder, "", f"{line}\n").warnings == (f"{folder / 'env'} has no NAME=value in line 1, so that line is not read.",)


def test_a_folder_in_the_place_of_dotenv_is_told(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.mkdir()
    told = ".env in this folder is a folder, so no settings are read from it: give it another name, and put settings into a file."
    assert load_settings({}, {}, dotenv).warnings == (told,)
    (dotenv / "pyvenv.cfg").touch()
    assert load_settings({}, {}, dotenv).warnings == ()


def test_every_name_of_the_example_is_known(folder: Path) -> None:
    example = (Path(__file__).parent.parent / ".env.example").read_text("utf-8")
    names = [line.lstrip("# ").partition("=")[0] for line in example.splitlines() if "=" in line and line.lstrip("# ")[:1].isupper()]
    assert "SANDBOX_TIMEOUT" in names
    assert (
        list(misspelt([name for name in names if " " not in name], [setting.variable for setting in SETTINGS] + [*ADDRESSES, *KEYS])) == []
    )
