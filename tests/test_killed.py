"""Sessions that are killed go on as if nothing had happened; `make soak` kills many more."""

from __future__ import annotations

from pathlib import Path

from tests.endpoint import ModelEndpoint
from tests.killing import Killer, answer_due, kept, kill_many, note

KILLED = 8


def test_killed_at_commits_from_first_to_last_a_session_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    assert kill_many(tmp_path, KILLED) == []


def test_what_is_lost_or_done_twice_is_noticed(tmp_path: Path) -> None:
    with ModelEndpoint([answer_due], repeat=True) as endpoint:
        killer = Killer(endpoint)
        killer.learn(tmp_path / "reference")
        assert killer.commits > 20
        assert killer.reference == kept(tmp_path / "reference")
        killed = tmp_path / "killed"
        killed.mkdir()
        note(killed / "screen", "an-id-that-is-kept-nowhere")
        for _ in range(2):
            note(killed / "ran", "start two")
        found = killer.kill_and_resume(killed, 3)
    assert found == ["seen and not kept: an-id-that-is-kept-nowhere", "two ran 3 times"]
