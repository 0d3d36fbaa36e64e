"""The simple commands of shell scripts, found without running anything."""

from __future__ import annotations

import pytest

from sandbox.packages.shell_scan import ends_in_here_document, simple_commands


def found(script: str) -> list[str]:
    return [script[each.start : each.end].strip() for each in simple_commands(script)]


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("", []),
        ("a\nb", ["a", "b"]),
        ("a; b && c || d | e & f", ["a", "b", "c", "d", "e", "f"]),
        ("a # b; c\nd", ["a", "d"]),
        ("a#b", ["a#b"]),
        ("a \\\n b\nc", ["a \\\n b", "c"]),
        ("a 'b; c' \"d && e\"", ["a 'b; c' \"d && e\""]),
        ("a 'b\nc'", ["a 'b\nc'"]),
        ('a "b\\"; c"', ['a "b\\"; c"']),
        ("a > x 2>&1; b", ["a > x 2>&1", "b"]),
        ("a &> x", ["a &> x"]),
        ("(a; b)", ["a", "b"]),
        ("if a; then b; fi", ["if a", "then b", "fi"]),
        ("cat <<EOF\na; b\nEOF\nc", ["cat <<EOF", "c"]),
        ("cat <<-'EOF' | x\n\ta\n\tEOF\nc", ["cat <<-'EOF'", "x", "c"]),
        ("cat <<A <<B\n1\nA\n2\nB\nc", ["cat <<A <<B", "c"]),
        ("cat <<EOF\na\n EOF\nb", ["cat <<EOF"]),
        ("cat <<< a\nb", ["cat <<< a", "b"]),
        ("a 'never closed\nb", ["a 'never closed\nb"]),
        ("a $(b; c) d", ["a $(b; c) d"]),
        ("a `b; c` d", ["a `b; c` d"]),
        ("a $'it\\'s; b'; c", ["a $'it\\'s; b'", "c"]),
        ("a ${b:-c;d}; e", ["a ${b:-c;d}", "e"]),
        ("a\\", ["a\\"]),
    ],
)
def test_commands(script: str, commands: list[str]) -> None:
    assert found(script) == commands


@pytest.mark.parametrize(
    ("script", "expands"),
    [("a b", False), ("a '$b'", False), ("a $b", True), ('a "$b"', True), ("a `b`", True), ("a $(b)", True), ("a \\$b", False)],
)
def test_what_the_shell_would_replace_is_marked(script: str, expands: bool) -> None:
    assert [each.expands for each in simple_commands(script)] == [expands]


def test_the_mark_is_of_one_command_alone() -> None:
    assert [each.expands for each in simple_commands("a $b; c")] == [True, False]


def test_a_hostile_script_takes_no_time() -> None:
    for piece in ("$(", "<<E\n", "'", '"$(', "${", "&", "\\", "`"):
        assert len(found(piece * 50_000)) <= 50_000


@pytest.mark.parametrize(
    ("script", "is_open"),
    [
        ("cat <<EOF\na\n", True),
        ("cat <<EOF\na\nEOF\n", False),
        ("cat <<A <<B\n1\nA\n2\n", True),
        ("cat <<'EOF' > x\n# a\nEOF\necho b\n", False),
        ("echo $((1 << 2))\n", False),
        ("cat <<< a\n", False),
        ("# cat <<EOF\n", False),
        ("echo 'cat <<EOF'\n", False),
    ],
)
def test_an_open_here_document_is_noticed(script: str, is_open: bool) -> None:
    assert ends_in_here_document(script) is is_open
