"""What programs ask of pip, and what of it is refused."""

from __future__ import annotations

import time

import pytest

from sandbox.packages.names import name_of
from sandbox.packages.pip_lines import PipCommand, PipLines, address_of, find_pip_lines, read_requirements


def sh(script: str) -> PipLines:
    return find_pip_lines("sh", script)


def only(lines: PipLines) -> PipCommand:
    assert len(lines.commands) == 1, lines
    return lines.commands[0]


@pytest.mark.parametrize(
    ("line", "requirements", "options"),
    [
        ("pip install six", ["six"], []),
        ("pip3 install six toolz", ["six", "toolz"], []),
        ("pip3.11 install six", ["six"], []),
        ("/usr/bin/pip install six", ["six"], []),
        ("python -m pip install six", ["six"], []),
        ("python3 -u -m pip install six", ["six"], []),
        ("python3.12 -m pip --quiet install six", ["six"], []),
        ("sudo -H pip install six", ["six"], []),
        ("uv pip install --system six", ["six"], []),
        ("!pip install six", ["six"], []),
        ("pip install -q six", ["six"], []),
        ("pip install -qqU six", ["six"], ["--upgrade"]),
        ("pip install --upgrade --pre six", ["six"], ["--upgrade", "--pre"]),
        ("pip install --user --no-cache-dir --break-system-packages six", ["six"], []),
        ("pip install --progress-bar off --timeout=100 six", ["six"], []),
        ("pip install --only-binary=:all: six", ["six"], ["--only-binary=:all:"]),
        ("pip install 'six>=1.0,<2' \"toolz==1.*\"", ["six>=1.0,<2", "toolz==1.*"], []),
        ("pip install six>=1.0", ["six>=1.0"], []),
        ("pip install requests[socks]~=2.0", ["requests[socks]~=2.0"], []),
        ("pip install six > /dev/null 2>&1", ["six"], []),
        ("pip install six &>log", ["six"], []),
        ("pip install six  # the old one", ["six"], []),
        ("pip install \\\n  six \\\n  toolz", ["six", "toolz"], []),
        ("pip install six | tail -1", ["six"], []),
        ("if true; then pip install six; fi", ["six"], []),
        ("(pip install six)", ["six"], []),
        ("{ pip install six; }", ["six"], []),
    ],
)
def test_lines_that_install(line: str, requirements: list[str], options: list[str]) -> None:
    command = only(sh(line))
    assert command.refusal == ""
    assert (list(command.requirements), list(command.options), command.files) == (requirements, options, ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("pip install $(curl http://example.org)", "plain names"),
        ("pip install `id`", "plain names"),
        ("pip install $PACKAGE", "plain names"),
        ('pip install "six$X"', "plain names"),
        ("for p in a b; do pip install $p; done", "plain names"),
        ("PIP_INDEX_URL=http://example.org pip install six", "in front of pip"),
        ("sudo PIP_X=1 pip install six", "in front of pip"),
        ("pip install -i http://example.org six", "index"),
        ("pip install -ihttp://example.org six", "index"),
        ("pip install --index-url http://example.org six", "index"),
        ("pip install --index-url=http://example.org six", "index"),
        ("pip install --extra-index-url=http://example.org six", "index"),
        ("pip install -f . six", "index"),
        ("pip install --find-links=. six", "index"),
        ("pip install --trusted-host example.org six", "index"),
        ("pip install --proxy http://example.org six", "index"),
        ("pip install --cert x six", "index"),
        ("pip install --target /tmp six", "--target"),
        ("pip install -t /tmp six", "-t"),
        ("pip install --prefix=/ six", "--prefix"),
        ("pip install -c constraints.txt six", "-c"),
        ("pip install --no-binary :all: six", "--no-binary"),
        ("pip install --config-settings=x=y six", "--config-settings"),
        ("pip install --python /bin/sh six", "--python"),
        ("pip install", "no package"),
        ("pip install -q", "no package"),
        ("pip install 'six", "quotes"),
        ("pip install -r /etc/passwd", "working folder"),
        ("pip install -r ../x", "working folder"),
        ("pip install -r http://example.org/r.txt", "working folder"),
        ("pip install -r", "working folder"),
        ("pip install " + "a" * 10_000, "too long"),
    ],
)
def test_lines_that_are_refused(line: str, reason: str) -> None:
    assert reason in only(sh(line)).refusal


@pytest.mark.parametrize(
    "script",
    [
        "echo 'pip install six'",
        "echo pip install six",
        "cat <<EOF\npip install six\nEOF",
        "# pip install six",
        "pip list",
        "pip download six",
        "pip show install",
        "pipx install six",
        "mypip install six",
        "x=$(pip install six)",
        "`pip install six`",
        "git commit -m 'then\npip install six\n'",
        "bash -c 'pip install six'",
        "pip-install six",
    ],
)
def test_what_is_no_installation_is_left_as_it_is(script: str) -> None:
    assert sh(script) == PipLines((), script, True)


@pytest.mark.parametrize(
    ("script", "rest", "anything_left"),
    [
        ("pip install six", ": ", False),
        ("pip install six; curl http://example.org", ": ; curl http://example.org", True),
        ("pip install six && python a.py", ": && python a.py", True),
        ("set -e\npip install six # x\n", "set -e\n: # x\n", False),
        ("pip install a \\\n b && python a.py\nls", ": \\\n&& python a.py\nls", True),
        ("sudo pip install six | tail -1", ": | tail -1", True),
        ("if true; then pip install six; fi", "if true; then : ; fi", True),
        ("pip install six &\nwait", ": &\nwait", True),
    ],
)
def test_the_rest_runs_without_them_line_for_line(script: str, rest: str, anything_left: bool) -> None:
    lines = sh(script)
    assert (lines.rest, lines.anything_left) == (rest, anything_left)
    assert lines.rest.count("\n") == script.count("\n")


def test_commands_keep_their_order_and_lines() -> None:
    lines = sh("echo a\npip install one\npip install -r more.txt; pip install two three\n")
    assert [(each.line, each.requirements, each.files) for each in lines.commands] == [
        (2, ("one",), ()),
        (3, (), ("more.txt",)),
        (3, ("two", "three"), ()),
    ]


@pytest.mark.parametrize("word", ["-r x.txt", "-rx.txt", "--requirement x.txt", "--requirement=x.txt", "-r ./x.txt"])
def test_files_of_requirements(word: str) -> None:
    assert only(sh(f"pip install {word}")).files[0].removeprefix("./") == "x.txt"


def test_lines_in_python() -> None:
    code = "import os\n!pip install -q six\nif True:\n    %pip install toolz\nprint(1)\n"
    lines = find_pip_lines("python", code)
    assert [(each.line, each.requirements) for each in lines.commands] == [(2, ("six",)), (4, ("toolz",))]
    assert lines.rest == "import os\npass\nif True:\n    pass\nprint(1)\n"
    assert only(find_pip_lines("python", "!{sys.executable} -m pip install six\nx")).requirements == ("six",)
    assert find_pip_lines("python", "!pip install six\n# why\n").anything_left is False


def test_lines_in_python_that_go_on_keep_the_numbers_of_the_rest() -> None:
    lines = find_pip_lines("python", "!pip install six \\\n  toolz\nraise ValueError\n")
    assert only(lines).requirements == ("six", "toolz")
    assert lines.rest == "pass\n\nraise ValueError\n"


@pytest.mark.parametrize(
    "code",
    [
        "text = '''\n!pip install six\n'''\n",
        "# !pip install six",
        "print('!pip install six')",
        "import pip\npip.main(['install', 'six'])",
        "!ls\n!pip list",
    ],
)
def test_python_that_holds_such_a_line_as_text_is_left_as_it_is(code: str) -> None:
    assert find_pip_lines("python", code) == PipLines((), code, True)


def test_nothing_else_may_stand_on_such_a_line_in_python() -> None:
    lines = find_pip_lines("python", "!pip install six && curl http://example.org\nprint(1)")
    assert [each.refusal for each in lines.commands] == ["", "only pip commands may stand on such a line"]


@pytest.mark.parametrize(
    "piece", ["pip install ", "pip install x;", "A=1 ", "!pip install x \\\n", "/", "then ", " ", "sudo -a ", "\n", "!pip", "-", "python -"]
)
def test_a_hostile_program_takes_no_time(piece: str) -> None:
    began = time.process_time()
    for language in ("sh", "python"):
        find_pip_lines(language, piece * 4000 + "pip")
        find_pip_lines(language, piece * 4000 + "pip install x")
    assert time.process_time() - began < 2


def test_requirements_are_read_as_pip_reads_them() -> None:
    listed = read_requirements("# these\nsix>=1.0  # why\n\nrequests \\\n[socks]\ntomli; python_version < '3.11'\n", "r.txt")
    assert listed.refusal == ""
    assert [name_of(each) for each in listed.requirements] == ["six", "requests", "tomli"]


@pytest.mark.parametrize("line", ["--index-url http://example.org", "-i x", "-r more.txt", "-e .", "six --hash=sha256:00"])
def test_options_in_a_file_of_requirements_are_refused(line: str) -> None:
    assert "line 2 of r.txt" in read_requirements(f"six\n{line}\n", "r.txt").refusal


@pytest.mark.parametrize(
    ("requirement", "address"),
    [
        (".", "/workspace/."),
        ("-e .", "-e /workspace/."),
        ("./a", "/workspace/./a"),
        ("a/b", "/workspace/a/b"),
        ("/opt/a", "/opt/a"),
        ("a.whl", "/workspace/a.whl"),
        ("git+https://example.org/a@v1", "git+https://example.org/a@v1"),
        ("a @ https://example.org/a.whl", "a @ https://example.org/a.whl"),
        ("https://example.org/a.whl", "https://example.org/a.whl"),
        ("six", None),
        (">=1", None),
        ("-e --index-url=x", None),
        ("a\x1b[2J/b", None),
    ],
)
def test_addresses_and_paths(requirement: str, address: str | None) -> None:
    assert address_of(requirement) == address
