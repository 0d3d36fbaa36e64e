"""What a program leaves behind takes over nothing that is started after it; the same attack wins against a sweep that is only believed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import docker
import pytest

from sandbox.runner import NOT_EMPTIED, STATE_LOST
from tests.engine_proxy import EngineProxy
from tests.soak_attacks import control, running
from tests.takeover import FORGED, GAPS, HOLD_UP, SUPPORTED, Gap, Way, attack, run, taken_over, with_the_engines_filter

pytestmark = [pytest.mark.engine, pytest.mark.skipif(not SUPPORTED, reason="the attack is written for x86-64")]


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize(("whose", "tries"), [("our filter", 3), pytest.param("the engine's filter", 10, marks=pytest.mark.soak)])
def test_nothing_is_taken_over(engine: docker.APIClient, image: str, tmp_path: Path, gap: Gap, whose: str, tries: int) -> None:
    with EngineProxy() as proxy, closing(proxy.client(30)) as client:
        if whose != "our filter":
            proxy.fail("POST .*/containers/create", "rewrite", rewrite=with_the_engines_filter, times=1000)
        with running(client, image, tmp_path) as runner:
            assert [taken_over(runner, engine, gap) for _ in range(tries)] == [False] * tries
            assert run(runner, "print('mine')").output == "mine\n"


@pytest.mark.parametrize("gap", ["program", "window"])
def test_the_control_a_sweep_that_is_only_believed_is_taken_over(engine: docker.APIClient, image: str, tmp_path: Path, gap: Gap) -> None:
    assert control(image, tmp_path, engine, gap), "the attack never won, so the tests above show nothing"


@pytest.mark.parametrize("ways", HOLD_UP)
def test_a_sweep_that_is_held_up_costs_the_container_and_that_is_said(
    engine: docker.APIClient, image: str, tmp_path: Path, ways: tuple[Way, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.container._EMPTY_SECONDS", 2)
    with running(engine, image, tmp_path) as runner:
        assert run(runner, attack(ways)).output == "left behind\n"
        done = run(runner, "print('mine')")
        assert (done.output, done.notes) in [("mine\n", (NOT_EMPTIED,)), ("mine\n", ())]
        assert run(runner, attack(ways)).output == "left behind\n"
        runner.collect()
        lost = [left.reason for left in runner.workspace.left_out]
        done = run(runner, "print('mine')")
        assert done.output == "mine\n"
        assert done.notes == ((STATE_LOST,) if lost else ())
        assert FORGED not in done.output
