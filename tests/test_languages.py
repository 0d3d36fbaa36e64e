import time
from pathlib import Path

import pytest

from agents.answers.reading import read_answer
from sandbox.java import read_java
from sandbox.languages import (
    ALIASES,
    BINARY,
    BUILT,
    BY_NAME,
    CLASSES,
    LANGUAGES,
    find_language,
)
from utils.docker_utils import HOME


def test_aliases_lead_to_python_and_sh() -> None:
    assert {ALIASES[word] for word in ("python", "py", "python3")} == {"python"}
    assert {ALIASES[word] for word in ("sh", "bash", "shell")} == {"sh"}


def test_a_fence_word_is_found_in_any_case_and_an_unknown_one_is_not() -> None:
    assert find_language(" Python3 ") is BY_NAME["python"]
    assert find_language("../../python") is None
    assert find_language("") is None


def test_no_two_rows_share_an_alias_or_a_file_name() -> None:
    words = [alias for language in LANGUAGES for alias in language.aliases]
    assert len(words) == len(set(words)) == len(ALIASES)
    assert len({language.file_name for language in LANGUAGES}) == len(LANGUAGES)


def test_every_entry_can_be_named_in_settings_and_says_what_it_cannot_do() -> None:
    assert len({language.key for language in LANGUAGES}) == len(LANGUAGES)
    assert {language.image_setting for language in LANGUAGES if not language.image} == {"SANDBOX_IMAGE"}
    assert BY_NAME["c++"].image_setting == "SANDBOX_IMAGE_CPP"
    assert [language.name for language in LANGUAGES if language.image and not (language.cannot or language.packages)] == []
    assert [language.name for language in LANGUAGES if bool(language.build) and language.check] == []


def test_what_is_built_lies_hidden_in_the_programs_home() -> None:
    assert BUILT == HOME
    assert {Path(place).parent for place in (BINARY, CLASSES)} == {Path(HOME)}
    assert all(Path(place).name.startswith(".") for place in (BINARY, CLASSES))


@pytest.mark.parametrize(
    ("code", "file", "main"),
    [
        ("public class Hello { public static void main(String[] a) {} }", "Hello.java", "Hello"),
        ("class Helper {}\nclass App { static public void main(String... a) {} }", "App.java", "App"),
        ("package com.ex.app;\npublic class Main { public static void main(String[] a) {} }", "Main.java", "com.ex.app.Main"),
        ("// public class Wrong\n/* class Not { */ public record Right(int x) { }", "Right.java", "Right"),
        ('class A { String s = "public class B {"; }\npublic final class C { static void main(String[] a) {} }', "C.java", "C"),
        ("public class Outer { static class Inner {} public static void main(String[] a) {} }", "Outer.java", "Outer"),
        ("public interface Shape {}\nclass Main { public static void main(String[] a) {} }", "Shape.java", "Main"),
        ("int x;", "Main.java", "Main"),
    ],
)
def test_the_file_and_the_main_class_of_java_are_read_from_its_text(code: str, file: str, main: str) -> None:
    assert read_java(code) == (file, main)
    assert BY_NAME["java"].named(code, "src/program.java") == f"src/{file}"
    assert BY_NAME["java"].arguments(BY_NAME["java"].run, file, code)[-1] == main


@pytest.mark.parametrize("code", ["/*" * 200_000, '"""' + "\\a" * 200_000, "static a " * 100_000, "public " * 100_000, "{class A" * 50_000])
def test_reading_java_takes_no_long_time(code: str) -> None:
    began = time.process_time()
    read_java(code)
    assert time.process_time() - began < 5


def test_files_named_in_one_answer_make_one_program() -> None:
    beside = [("util.c", "int twice(int x) { return 2 * x; }"), ("util.h", ""), ("other.c", "int main(void) {}"), ("notes.txt", "")]
    c = BY_NAME["c"]
    assert c.build is not None
    assert [word for word in c.arguments(c.build, "main.c", "", beside) if word.endswith(".c")] == ["main.c", "util.c"]
    go = BY_NAME["go"]
    assert go.build is not None
    java = BY_NAME["java"]
    beside = [("A.java", "class A {}"), ("ATest.java", "import org.junit.Test;\nclass ATest {}")]
    assert java.build is not None
    assert java.arguments(java.build, "Main.java", "", beside)[-2:] == ["Main.java", "A.java"]
    assert go.arguments(go.build, "main.go", "", [("a.go", "package main"), ("a_test.go", "package main")])[-2:] == ["main.go", "a.go"]


def test_an_answer_with_a_part_of_a_program_runs_the_program() -> None:
    text = (
        "**util.h**\n```c\nint twice(int x);\n```\n**util.c**\n```c\nint twice(int x) { return 2 * x; }\n```\n"
        '**main.c**\n```c\n#include "util.h"\nint main(void) { return twice(0); }\n```\n'
    )
    answer = read_answer(text, ALIASES)
    assert [block.name for block in answer.blocks] == ["main.c"]
    assert {file.name for file in answer.blocks[0].files} == {"util.h", "util.c"}
