"""Text that is no Unicode, wherever it comes from, spoils neither the request that it is in nor those after it."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest

from tests.asking import ask, client_at
from tests.endpoint import ModelEndpoint
from tests.program import FACTORIAL, model_environment, start_piped
from tests.test_batch_tasks import read

HALF = "\ud83d"


async def test_a_models_half_characters_are_replaced() -> None:
    with ModelEndpoint([f"Half {HALF}.\n", "two"]) as endpoint:
        async with client_at({"OPENAI_BASE_URL": endpoint.url}) as client:
            assert (await ask(client))[1].content == "Half \ufffd.\n"


def test_a_task_of_a_batch_can_be_sent(tmp_path: Path) -> None:
    (task,) = read(tmp_path, '{"task": "half \\ud83d", "id": "\\ud83d\\ude00"}\n')
    assert (task.task, task.key) == ("half \ufffd", "\U0001f600")


@pytest.mark.engine
@pytest.mark.parametrize("by", ["pipe", "argument"])
def test_a_whole_session_goes_on(tmp_path: Path, engine: docker.APIClient, image: str, by: str) -> None:
    task = b"Compute caf\xe9."
    with ModelEndpoint([f"{HALF}\n{FACTORIAL}", f"Again {HALF}:\n{FACTORIAL}"]) as endpoint:
        arguments = ["chat", task.decode("utf-8", "surrogateescape")] if by == "argument" else []
        typed = [*([task] if by == "pipe" else []), b"Use \xff instead.", b"APPROVE"]
        with start_piped(arguments, model_environment(endpoint, SANDBOX_IMAGE=image), tmp_path) as process:
            out, err = process.communicate(b"".join(line + b"\n" for line in typed), timeout=120)
    assert process.returncode == 0, err.decode()
    assert b"internal error" not in err
    assert "User approves result" in out.decode()
    first, second = endpoint.requests
    assert "Compute caf\ufffd." in first.texts[-1]
    assert "Use \ufffd instead." in second.texts[-1]
