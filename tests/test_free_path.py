"""Names of files that nothing has yet."""

from __future__ import annotations

from pathlib import Path

from utils.free_path import free_path


def test_a_taken_name_gets_the_first_free_number_and_a_link_to_nothing_counts(tmp_path: Path) -> None:
    path = tmp_path / "v1.2.csv"
    assert free_path(path) == path
    path.touch()
    (tmp_path / "v1.2-2.csv").symlink_to("nowhere")
    (tmp_path / "v1.2-4.csv").touch()
    assert free_path(path) == tmp_path / "v1.2-3.csv"
