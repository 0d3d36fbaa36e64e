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


@pytest.mark.parametrize(
    ("argv", "flag"),
    [
        (["--tim", "5", "chat"], "--tim"),
        (["chat", "--tim", "5"], "--tim"),
        (["--timeot=5"], "--timeot"),
        (["doctor", "--asks"], "--asks"),
        (["chat", "-x"], "-x"),
    ],
)
def test_a_mistyped_flag_is_named_not_the_word_behind_it(argv: list[str], flag: str) -> None:
    with pytest.raises(UsageError, match=f"there is no flag {flag}$"):
        parse_arguments(argv)


def test_a_near_flag_is_suggested_and_a_task_without_a_command_is_explained() -> None:
    with pytest.raises(UsageError) as raised:
        parse_arguments(["--timeot", "5"])
    assert "did you mean --timeout?" in raised.value.hint
    with pytest.raises(UsageError, match="there is no command 'write a poem'") as raised:
        parse_arguments(["write a poem"])
    assert 'chat "write a poem"' in raised.value.hint
    with pytest.raises(UsageError, match="there is no command 'histroy'") as raised:
        parse_arguments(["histroy"])
    assert raised.value.hint == "did you mean python main.py history? (see --help)"
    with pytest.raises(UsageError) as raised:
        parse_arguments(["Print", "the", "first", "--quiet"])
    assert 'chat "Print the first"' in raised.value.hint
    with pytest.raises(UsageError) as raised:
        parse_arguments(["history", "export", "last", "--pdf"])
    assert raised.value.hint == "see: python main.py history --help"


def test_what_is_missing_is_named_with_the_help_of_its_command() -> None:
    with pytest.raises(UsageError, match="^FILE is missing$") as raised:
        parse_arguments(["batch"])
    assert raised.value.hint == "see: python main.py batch --help"


@pytest.mark.parametrize("forms", [["--html", "--md"], ["--ipynb", "--json"]])
def test_one_format_at_a_time(forms: list[str]) -> None:
    with pytest.raises(UsageError, match="not allowed with"):
        parse_arguments(["history", "export", "last", *forms])


@pytest.mark.parametrize(("argv", "first"), [(["help"], "usage: python main.py [options]"), (["help", "run"], "usage: python main.py run")])
def test_help_is_a_command_too(argv: list[str], first: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_arguments(argv)
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(first)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_begins_with_its_own_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments([command, "--help"])
    own, _, common = capsys.readouterr().out.partition("\noptions of every command:\n")
    assert len(own.splitlines()) < 40
    assert "--timeout" in common
    assert "--timeout" not in own


def test_a_commands_own_option_and_the_flags_around_it() -> None:
    arguments = parse_arguments(["--timeout", "5", "doctor", "--ask", "--model", "m", "--quiet"])
    assert (arguments.command, arguments.ask, arguments.timeout, arguments.model, arguments.quiet) == ("doctor", True, "5", "m", True)
    with pytest.raises(UsageError, match="--ask"):
        parse_arguments(["chat", "--ask"])


def test_the_options_of_run() -> None:
    arguments = parse_arguments(["--quiet", "run", "-f", "task.txt", "--json", "--timeout=5", "--output", "out"])
    assert (arguments.command, arguments.file, arguments.json, arguments.output, arguments.timeout) == ("run", "task.txt", True, "out", "5")
    assert parse_arguments(["run", "-"]).task == "-"


@pytest.mark.parametrize("task", ["--demo", "-1", "--no flag, a task", "doctor"])
def test_a_task_may_look_like_anything(task: str) -> None:
    arguments = parse_arguments(["chat", "--timeout", "5", "--", task])
    assert (arguments.task, arguments.timeout, arguments.demo) == (task, "5", False)
    if not task.startswith("--demo"):
        assert parse_arguments(["chat", task]).task == task


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
    assert capsys.readouterr().out == f"Multi-Agent Code Generation and Execution {VERSION}\n"


@pytest.mark.parametrize("argv", [["--help"], ["chat", "--help"]])
def test_the_help_is_no_markdown(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(argv)
    assert "`" not in capsys.readouterr().out


def test_an_argument_that_is_not_utf_8_can_be_sent() -> None:
    task = b"caf\xe9".decode("utf-8", "surrogateescape")  # as Python hands it over
    for command in ("chat", "run"):
        assert parse_arguments([command, task]).task == "caf\ufffd"
    assert parse_arguments(["--workspace", task]).workspace == task, "the name of a file stays what it is"
