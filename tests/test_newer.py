"""Programs that are too new for the image's Python: which syntax is named, and which mistakes are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.languages import BY_NAME
from sandbox.newer import name_newer_syntax
from sandbox.verdicts import ProgramRun, Verdict, tell_model, tell_person
from utils.docker_utils import Limits

HERE = sys.version_info[:2]
TRY = "try:\n    print(1)\n"
CHECK = BY_NAME["python"].check


def checked(code: str, folder: Path) -> tuple[ProgramRun, str]:
    """Check a program as a container does, with the Python of the tests."""
    assert CHECK is not None
    file = folder / "program.py"
    file.write_text(code)
    command = [sys.executable, *(each.replace("{file}", str(file)) for each in CHECK.arguments)]
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    return ProgramRun("python", code, "program.py", Verdict.COMPILE, 1, 0.1, output, reason="SyntaxError"), output


@pytest.mark.parametrize(
    ("code", "version", "name"),
    [
        (f"{TRY}except ValueError, TypeError:\n    pass\n", (3, 14), "`except`"),
        (f"{TRY}except ValueError, socket.timeout, OSError: pass\n", (3, 14), "`except`"),
        (f"def f():\n    {TRY.replace('    p', '        p')}    except ValueError, TypeError:\n        pass\n", (3, 14), "`except`"),
        ("n = 1\nprint(t'it is {n}')\n", (3, 14), "t-strings"),
        ('x = tr"a"\n', (3, 14), "t-strings"),
        ("x = [\n    T'a',\n    1,\n]\n", (3, 14), "t-strings"),
        ("def f():\n    return t'''a\nb'''\n", (3, 14), "t-strings"),
        ("class Box[T = int]:\n    pass\n", (3, 13), "type parameters with defaults"),
        ("class Box[T]:\n    pass\n", (3, 12), "type parameters in brackets"),
        ("class Box[T: int, *U](list):\n    pass\n", (3, 12), "type parameters in brackets"),
        ("def first[T](items: list[T], n: int = 0) -> T:\n    return items[n]\n", (3, 12), "type parameters in brackets"),
        ("async def first[T](items):\n    pass\n", (3, 12), "type parameters in brackets"),
        ("type Pair = tuple[int, int]\n", (3, 12), "the `type` statement"),
        ("type Pair[T] = tuple[T, T]\n", (3, 12), "the `type` statement"),
        ("a = ['x']\nprint(f\"{'\\n'.join(a)}\")\n", (3, 12), "a backslash"),
        ('d = {"a": 1}\nprint(f"it is {d["a"]} today")\n', (3, 12), "the quotation marks"),
        ("d = {'a': 1}\nprint(f'{d.get('a')}')\n", (3, 12), "the quotation marks"),
        (f"{TRY}except* ValueError:\n    pass\n", (3, 11), "`except*`"),
        ("x = 1\nmatch x:\n    case 1:\n        pass\n", (3, 10), "`match`"),
    ],
)
def test_syntax_that_is_too_new_is_named_with_both_versions(tmp_path: Path, code: str, version: tuple[int, int], name: str) -> None:
    run, output = checked(code, tmp_path)
    seen = name_newer_syntax(run, output)
    if version <= HERE:
        assert (output.split("\n", 1)[1], seen) == ("", run)  # it compiles here
        return
    (fact,), (remedy,) = seen.notes, seen.advice
    assert fact.startswith(f"{name} ")
    assert fact.endswith(f"Python {version[0]}.{version[1]}, and the image has Python {HERE[0]}.{HERE[1]}")
    assert len(fact) <= 100
    assert f"Note: {fact}." in tell_person(seen, Limits())
    assert f"[sandbox] {fact}\n[sandbox] {remedy}\n" in tell_model(seen, Limits())


@pytest.mark.parametrize(
    "code",
    [
        f"{TRY}except ValueError, error:\n    print(error)\n",  # Python 2
        f"{TRY}except (ValueError, TypeError), error:\n    pass\n",
        f"{TRY}except ValueError, TypeError as error:\n    pass\n",
        "print 't'\n",
        "x = (at'b')\n",
        "x = 'it's a t'\n",
        "x = ('a' t 'b')\n",
        "x = 't'x'\n",
        "def f[T:\n    pass\n",
        "class f(T:\n    pass\n",
        "type = = 1\n",
        "type x == 1\n",
        "x = f'{(1}'\n",
        "x = f'{1'\n",
        "x = f'{}'\n",
        "match x = 1\n",
        "match x:\n    pass\n",
        "# except A, B:\nx = (\n",
        '"""\nclass Box[T]:\n"""\nx = = 1\n',
        "x = 1\n",
        "raise SyntaxError('invalid syntax')\n",
        "x = '\n",
    ],
)
def test_other_mistakes_are_not_called_new(tmp_path: Path, code: str) -> None:
    run, output = checked(code, tmp_path)
    assert output.startswith(f"{HERE[0]}.{HERE[1]}\n")
    assert name_newer_syntax(run, output) == run


def stopped(version: str, line: str, column: int, error: str) -> str:
    return (
        f'{version}\nTraceback (most recent call last):\n  File "/workspace/program.py", line 1\n    {line}\n    {" " * column}^\n{error}\n'
    )


@pytest.mark.parametrize(
    ("output", "needs"),
    [
        (stopped("3.13", "except A, B:", 7, "SyntaxError: multiple exception types must be parenthesized"), "Python 3.14"),
        (stopped("3.13", 'x = t"a"', 5, "SyntaxError: invalid syntax"), "Python 3.14"),
        (stopped("3.12", "class Box[T = int]:", 12, "SyntaxError: expected ']'"), "Python 3.13"),
        (stopped("3.9", "match x:", 6, "SyntaxError: invalid syntax"), "Python 3.10"),
        (stopped("3.10", "except* A:", 6, "SyntaxError: expected ':'"), "Python 3.11"),
        (stopped("3.14", 'x = t"a"', 5, "SyntaxError: invalid syntax"), ""),
        (stopped("3.12", "class Box[T]:", 9, "SyntaxError: invalid syntax"), ""),
        ("3.12\n", ""),
        ("", ""),
        ("no version\n", ""),
        (stopped("3.13", 'x = t"a"', 5, "SyntaxError: invalid syntax").partition("\n")[2], ""),
    ],
)
def test_the_version_is_what_the_image_says(output: str, needs: str) -> None:
    run = ProgramRun("python", "match x:\n    case 1:\n        pass\n", "program.py", Verdict.COMPILE, 1, 0.1, "")
    notes = name_newer_syntax(run, output).notes
    assert [needs in note for note in notes] == ([True] if needs else [])
