"""The command line."""

from __future__ import annotations

import pytest

from cli.arguments import COMMANDS, SWITCHES, VERSION, parse_arguments
from utils.errors import UsageError
from utils.settings import SETTINGS


def test_no_command_is_the_interactive_session() -> None:
    arguments = parse_arguments([])
    assert (arguments.command, arguments.task) == ("chat", None)


def test_the_first_task_may_be_given() -> None:
    assert parse_arguments(["chat", "count to 5"]).task == "count to 5"


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.flag], ids=lambda setting: setting.flag)
def test_a_flag_may_stand_before_or_after_the_command(setting: object) -> None:
    flag, field = setting.flag, setting.field  # type: ignore[attr-defined]
    given = [flag] if setting.default in ("true", "false") else [flag, "7"]  # type: ignore[attr-defined]
    expected = given[-1] if len(given) == 2 else "true"
    for argv in ([*given, "chat"], ["chat", *given], given):
        assert getattr(parse_arguments(argv), field) == expected
    assert getattr(parse_arguments(["chat"]), field, None) is None


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_may_stand_before_or_after_the_command(switch: str) -> None:
    name = switch.removeprefix("--").replace("-", "_")
    for argv in ([switch, "chat"], ["chat", switch], [switch]):
        assert getattr(parse_arguments(argv), name) is True
    assert getattr(parse_arguments([]), name) is False


@pytest.mark.parametrize("argv", [["--nonsense"], ["nonsense"], ["--model"], ["--dem"], ["chat", "one", "two"], ["chat", "--tim", "5"]])
def test_wrong_usage_is_an_error_of_ours(argv: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        parse_arguments(argv)
    assert "--help" in raised.value.hint


def test_help_names_every_command_flag_and_switch(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_arguments(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for name in (*COMMANDS, *SWITCHES, *(setting.flag for setting in SETTINGS if setting.flag)):
        assert name in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--version"])
    assert capsys.readouterr().out.strip().endswith(VERSION)


@pytest.mark.parametrize("argv", [["--help"], ["chat", "--help"]])
def test_the_help_is_no_markdown(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(argv)
    assert "`" not in capsys.readouterr().out
