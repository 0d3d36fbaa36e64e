"""A few sessions in a row leave nothing behind, and the soak test notices what does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import docker
import pytest

from tests.soak import RSS_GROWTH, look, soak
from utils.docker_utils import LABEL, remove_container, unique_name
from utils.owner import owner
from utils.settings import load_settings


@pytest.mark.engine
async def test_a_few_sessions_leave_nothing_behind(image: str, tmp_path: Path) -> None:
    assert await soak(3, load_settings({"workspace": str(tmp_path), "image": image}, {}), print) == []


@pytest.mark.engine
def test_what_is_left_is_noticed(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    before = look(engine)
    labels = {LABEL: "1", f"{LABEL}.owner": owner()}
    container = engine.create_container(image, ["true"], name=unique_name(), labels=labels)["Id"]
    volume = engine.create_volume(unique_name(), labels=labels)["Name"]
    try:
        with (tmp_path / "open").open("w"):
            after = look(engine)
    finally:
        remove_container(engine, container)
        engine.remove_volume(volume)
    assert [line.partition(":")[0] for line in after.beyond(before)] == ["containers", "volumes", "files"]
    assert replace(before, rss=before.rss + RSS_GROWTH + 1).beyond(before)
    assert not replace(before, rss=before.rss + RSS_GROWTH).beyond(before)
