"""The settings: where they come from, which come first, and what a wrong one says."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest

from utils.errors import ExitStatus, UsageError
from utils.setting_sources import Source
from utils.settings import NETWORKS, PROVIDERS, SETTINGS, STRICT_OFF, Settings, load_settings

MIB = 1024**2


def load(environment: dict[str, str] | None = None, **flags: str | None) -> Settings:
    return load_settings(flags, environment or {})


def write(folder: Path, text: str | bytes) -> Path:
    dotenv = folder / ".env"
    dotenv.write_bytes(text.encode() if isinstance(text, str) else text)
    return dotenv


def test_defaults() -> None:
    settings = load()
    assert settings.image == "python:3.12-slim"
    assert (settings.timeout, settings.memory, settings.cpus, settings.pids) == (60, 2048 * MIB, 2.0, 256)
    assert (settings.provider, settings.model, settings.store, settings.model_timeout) == ("", "", None, 120)
    assert (settings.network, settings.max_retries, settings.confirm, settings.workspace) == ("install", 3, False, Path("workspace"))
    assert (settings.demo, settings.quiet, settings.no_color, settings.traceback) == (False, False, False, False)


def test_a_flag_beats_the_environment_which_beats_dotenv_which_beats_the_user_wide_file_which_beats_the_default(tmp_path: Path) -> None:
    dotenv, user_wide = write(tmp_path, "SANDBOX_TIMEOUT=30\n"), tmp_path / "env"
    user_wide.write_text("SANDBOX_TIMEOUT=40\nMODEL=m\n")
    environment = {"SANDBOX_TIMEOUT": "20"}
    steps: list[tuple[dict[str, str | None], dict[str, str], Path | None, Path | None, int, Source]] = [
        ({"timeout": "10"}, environment, dotenv, user_wide, 10, Source.FLAG),
        ({"timeout": None}, environment, dotenv, user_wide, 20, Source.ENVIRONMENT),
        ({}, {}, dotenv, user_wide, 30, Source.DOTENV),
        ({}, {}, None, user_wide, 40, Source.USER_FILE),
        ({}, {}, None, None, 60, Source.DEFAULT),
    ]
    for flags, variables, here, wide, timeout, source in steps:
        settings = load_settings(flags, variables, here, wide)
        assert (settings.timeout, settings.source("SANDBOX_TIMEOUT")) == (timeout, source)
    assert load_settings({}, environment, dotenv, user_wide).model == "m"


def test_every_setting_can_be_set_by_variable_and_flag(tmp_path: Path) -> None:
    certificates = tmp_path / "authorities.pem"
    certificates.write_text("-----BEGIN CERTIFICATE-----\n")
    values = {
        "provider": "anthropic",
        "model": "m",
        "store": "false",
        "model_timeout": "1",
        "image": "localhost:5000/a/b:1",
        "timeout": "1",
        "memory": "16m",
        "cpus": "0.5",
        "pids": "16",
        "network": "off",
        "packages": "any",
        "ca_bundle": str(certificates),
        "index_url": "https://pypi.example/simple",
        "registry_url": "https://npm.example/",
        "index_credentials": "true",
        "strict": "true",
        "runtime": "runsc",
        "max_retries": "0",
        "confirm": "yes",
        "max_tokens": "1000",
        "max_cost": "0.5",
        "notify": "bell",
        "editing_mode": "vi",
        "workspace": "elsewhere",
        "price_in": "0.4",
        "price_out": "1.6",
        "history_days": "30",
    }
    assert values.keys() == {setting.field for setting in SETTINGS}
    default = load()
    by_variable = load({setting.variable: values[setting.field] for setting in SETTINGS})
    by_flag = load_settings(values, {})
    for setting in SETTINGS:
        assert getattr(by_variable, setting.field) == getattr(by_flag, setting.field) != getattr(default, setting.field)


def test_each_setting_has_a_field_of_its_own() -> None:
    assert {setting.field for setting in SETTINGS} <= {field.name for field in fields(Settings)}
    for names in ([s.field for s in SETTINGS], [s.variable for s in SETTINGS], [s.flag for s in SETTINGS if s.flag]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider", "acme"),
        ("store", "maybe"),
        ("model_timeout", "0"),
        ("model_timeout", "1.5"),
        ("image", "a b"),
        ("image", "-v"),
        ("timeout", "0"),
        ("timeout", "-1"),
        ("timeout", "86401"),
        ("timeout", "1m"),
        ("memory", "15m"),
        ("memory", "2t"),
        ("memory", "-1"),
        ("cpus", "0"),
        ("cpus", "nan"),
        ("cpus", "inf"),
        ("cpus", "two"),
        ("pids", "15"),
        ("network", "maybe"),
        ("packages", "all"),
        ("ca_bundle", "missing.pem"),
        ("ca_bundle", "."),
        ("index_credentials", "maybe"),
        ("strict", "maybe"),
        ("max_retries", "-1"),
        ("max_retries", "101"),
        ("confirm", "2"),
        ("max_tokens", "0"),
        ("max_tokens", "many"),
        ("max_cost", "-1"),
        ("max_cost", "nan"),
        ("notify", "mail"),
        ("editing_mode", "ed"),
        ("workspace", "~nobody-of-this-name/x"),
        ("price_in", "free"),
    ],
)
def test_a_wrong_value_names_setting_value_and_what_is_allowed(field: str, value: str) -> None:
    setting = next(setting for setting in SETTINGS if setting.field == field)
    with pytest.raises(UsageError) as caught:
        load({setting.variable: value})
    assert setting.variable in caught.value.message
    assert repr(value) in caught.value.message
    assert setting.kind.allowed in caught.value.hint
    assert caught.value.status is ExitStatus.USAGE
    with pytest.raises(UsageError, match=setting.flag or setting.variable):
        load_settings({field: value}, {})


@pytest.mark.parametrize("value", ["", "   "])
def test_a_blank_variable_is_not_set_but_a_blank_flag_is_wrong(value: str) -> None:
    assert load({"SANDBOX_TIMEOUT": value}).timeout == 60
    with pytest.raises(UsageError, match="--timeout"):
        load(timeout=value)


def test_a_value_keeps_no_blanks_around_it() -> None:
    settings = load({"OPENAI_API_KEY": " sk-1\n", "MODEL": " m "})
    assert (settings.environment["OPENAI_API_KEY"], settings.model) == ("sk-1", "m")


def test_a_cost_limit_needs_both_prices() -> None:
    with pytest.raises(UsageError, match="MAX_COST") as caught:
        load({"MAX_COST": "1", "MODEL_PRICE_IN": "0.4"})
    assert "MODEL_PRICE_OUT" in caught.value.hint
    assert load({"MAX_COST": "1", "MODEL_PRICE_IN": "0.4", "MODEL_PRICE_OUT": "1"}).max_cost == 1
    assert load().max_cost is None


def test_home_is_written_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "authorities.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    settings = load({"WORKSPACE": "~/made", "SANDBOX_CA_BUNDLE": "~/authorities.pem"})
    assert (settings.workspace, settings.ca_bundle) == (tmp_path / "made", tmp_path / "authorities.pem")


def test_each_language_can_have_its_own_image() -> None:
    settings = load({"SANDBOX_IMAGE_RUBY": "ruby:3", "SANDBOX_IMAGE_CPP": "gcc:14", "SANDBOX_IMAGE": "mine"})
    assert (settings.image, settings.images) == ("mine", {"ruby": "ruby:3", "cpp": "gcc:14"})
    with pytest.raises(UsageError, match="SANDBOX_IMAGE_RUBY is '-v'"):
        load({"SANDBOX_IMAGE_RUBY": "-v"})


def test_a_blank_variable_does_not_hide_the_file(tmp_path: Path) -> None:
    assert load_settings({}, {"MODEL": ""}, write(tmp_path, "MODEL=a")).model == "a"


@pytest.mark.parametrize("value", [*PROVIDERS, "OpenAI", " azure "])
def test_providers_in_any_case(value: str) -> None:
    assert load({"MODEL_PROVIDER": value}).provider == value.strip().lower()


@pytest.mark.parametrize("value", NETWORKS)
def test_networks(value: str) -> None:
    assert load(network=value.upper()).network == value


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("yes", True), ("on", True), ("0", False), ("No", False)])
def test_yes_and_no(text: str, value: bool) -> None:
    assert load({"CONFIRM_RUN": text, "OPENAI_STORE": text}).confirm is value
    assert load({"OPENAI_STORE": text}).store is value


def test_certificates_are_looked_at_before_the_session_begins(tmp_path: Path) -> None:
    no_pem = tmp_path / "authorities.der"
    no_pem.write_bytes(b"0\x82\x01")
    with pytest.raises(UsageError, match="SANDBOX_CA_BUNDLE"):
        load({"SANDBOX_CA_BUNDLE": str(no_pem)})
    no_pem.write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    assert load({"SANDBOX_CA_BUNDLE": str(no_pem)}).ca_bundle == no_pem


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "NPM_CONFIG_REGISTRY"])
@pytest.mark.parametrize("url", ["pypi.org/simple", "file:///simple", "https://", "https://[", "https://a b/simple", "https://a\x1b[2J/"])
def test_an_index_is_an_address(url: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is not the address"):
        load({name: url})


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "NPM_CONFIG_REGISTRY"])
@pytest.mark.parametrize("url", ["https://jo:secret@pypi.example/simple", "https://secret@pypi.example/simple"])
def test_a_password_for_the_index_has_to_be_meant_and_is_never_told(url: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} holds") as caught:
        load({name: url})
    assert "secret" not in caught.value.message + caught.value.hint
    assert "SANDBOX_INDEX_CREDENTIALS" in caught.value.hint
    settings = load({name: url, "SANDBOX_INDEX_CREDENTIALS": "true"})
    assert settings.index_url + settings.registry_url == url
    assert "secret" not in repr(settings)


def test_the_repr_shows_no_key(tmp_path: Path) -> None:
    dotenv = write(tmp_path, "ANTHROPIC_API_KEY=sk-from-file")
    settings = load_settings({}, {"OPENAI_API_KEY": "sk-from-environment"}, dotenv)
    assert settings.environment["OPENAI_API_KEY"] == "sk-from-environment"
    assert settings.environment["ANTHROPIC_API_KEY"] == "sk-from-file"
    assert "sk-" not in repr(settings) + str(settings)
    assert "timeout=60" in repr(settings)


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("MODEL=a", "a"),
        ("export MODEL=a\n", "a"),
        ("MODEL = a\n", "a"),
        ('MODEL="a b"\r\n', "a b"),
        ("MODEL='a#b' # why\n", "a#b"),
        ("MODEL=a # why\n", "a"),
        ("# MODEL=b\n\nMODEL=a\n", "a"),
        ("MODEL=a$HOME\n", "a$HOME"),
        ("MODEL=\n", ""),
        ("MODEL\n", ""),
        ("MODEL=a\nMODEL=b\n", "b"),
        (b"\xef\xbb\xbfMODEL=a\n", "a"),
    ],
)
def test_the_file(tmp_path: Path, text: str | bytes, model: str) -> None:
    assert load_settings({}, {}, write(tmp_path, text)).model == model


@pytest.mark.parametrize("name", ["none", "file/none", "link", "null"])
def test_a_file_that_is_not_there_sets_nothing_and_is_not_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("none")
    (tmp_path / "null").symlink_to(os.devnull)
    settings = load_settings({}, {}, tmp_path / name, tmp_path / name)
    assert (settings.model, settings.warnings) == ("", ())


def test_switches() -> None:
    assert load_settings({}, {}, demo=True).demo is True


def test_strict_has_no_network_and_fewer_processes_whatever_else_is_set() -> None:
    settings = load({"SANDBOX_STRICT": "true", "SANDBOX_NETWORK": "on", "SANDBOX_PIDS": "1000"})
    assert (settings.strict, settings.network, settings.pids) == (True, "off", 128)
    assert load({"SANDBOX_PIDS": "20"}, strict="true").pids == 20
    assert load().strict is False


def test_a_network_that_strict_overrules_is_named() -> None:
    asked = load(network="on", strict="true")
    assert (asked.network, asked.warnings) == ("off", (STRICT_OFF.format("on"),))
    assert load({"SANDBOX_NETWORK": "install", "SANDBOX_STRICT": "1"}).warnings == (STRICT_OFF.format("install"),)
    for settings in (load(strict="true"), load(network="off", strict="true"), load(network="on")):
        assert settings.warnings == ()
