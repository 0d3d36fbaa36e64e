import pytest

from sandbox.file_names import HostNames, header_name, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.txt", "a.txt"),
        ("sub/./a.txt", "sub/a.txt"),
        ("-rf", "_rf"),
        ("a\nb\x1b[2J", "a_b_[2J"),
        ("left\u202eright", "left_right"),
        ("x:y|z?", "x_y_z_"),
        ("CON", "_CON"),
        ("aux.py", "_aux.py"),
        ("console.py", "console.py"),
        ("ends. ", "ends_"),
        ("..", None),
        ("a/../../b", None),
        (".git/config", None),
        ("sub/.GIT/hooks/post-checkout", None),
        ("", None),
        ("/".join("abcdefghijklmnopqrstuvwxyz"), None),
        ("/".join(["x" * 190] * 6), None),
    ],
)
def test_a_name_is_made_safe_or_refused(name: str, safe: str | None) -> None:
    assert safe_name(name) == safe


def test_a_long_name_is_cut_and_keeps_its_ending() -> None:
    cut = safe_name("é" * 200 + ".csv")
    assert cut is not None
    assert cut.endswith(".csv")
    assert len(cut.encode()) <= 200


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("print(1)", None),
        ("# filename: a.py\nprint(1)", "a.py"),
        ("\n\n# filename: a.py\r\nprint(1)", "a.py"),
        ("#filename:a.py", "a.py"),
        ("// filename: a.js", "a.js"),
        ("# filename: `sub/a.py`", "sub/a.py"),
        ("# filename: /workspace/a.py", "a.py"),
        ("# filename: sub/../a.py", "a.py"),
        ("# filename: -c", "_c"),
        ("# filename: ", None),
        ("print(1)\n# filename: a.py", None),
    ],
)
def test_the_header_names_the_file(code: str, name: str | None) -> None:
    assert header_name(code) == name


@pytest.mark.parametrize(
    "asked", ["/tmp/a.py", "../a.py", "a/../../b.py", "a\0b", "C:\\a.py", "c:a.py", "a\\b.py", "/workspace", ".", "x/" * 1500]
)
def test_a_name_outside_of_the_working_folder_is_refused(asked: str) -> None:
    with pytest.raises(ValueError, match="Filename is not in the workspace"):
        header_name(f"# filename: {asked}\nprint(1)")


def test_two_files_never_get_one_name_and_each_keeps_its_own() -> None:
    names = HostNames()
    given = [names.name(name) for name in ("A.txt", "a.txt", "x:y", "x_y", "A.txt")]
    assert given == ["A.txt", "a~2.txt", "x_y", "x_y~2", "A.txt"]
    assert names.name("../x") is None
