from sandbox.languages import ALIASES, BY_NAME, LANGUAGES, find_language


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
