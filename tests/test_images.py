"""Pulling an image: how far it is, which tag, and what is said where it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import docker
import pytest
from docker.errors import ImageNotFound

from sandbox.engine.images import ensure_image
from utils.errors import EngineError


class Registry:
    """An engine that knows no image and pulls as the test says."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events
        self.pulled: list[tuple[str, str | None]] = []

    def inspect_image(self, image: str) -> dict[str, str]:
        if not self.pulled:
            raise ImageNotFound("no such image")
        return {"Id": "sha256:1"}

    def pull(self, image: str, tag: str | None, **options: Any) -> Iterator[dict[str, Any]]:
        self.pulled.append((image, tag))
        return iter(self.events)


def layer(name: str, done: int) -> dict[str, Any]:
    return {"id": name, "status": "Downloading", "progressDetail": {"current": done * 10**6, "total": 26 * 10**6}}


def test_pulling_tells_how_far_it_is() -> None:
    registry = Registry([layer("a", 5), layer("b", 0), layer("a", 5), {"id": "a", "status": "Download complete"}, layer("b", 20)])
    told: list[str] = []
    assert ensure_image(cast(docker.APIClient, registry), "python:3.12-slim", told.append) == {"Id": "sha256:1"}
    assert told == [
        "pulling python:3.12-slim",
        "pulling python:3.12-slim: 5 of 26 MB",
        "pulling python:3.12-slim: 5 of 52 MB",
        "pulling python:3.12-slim: 26 of 52 MB",
        "pulling python:3.12-slim: 46 of 52 MB",
    ]


@pytest.mark.parametrize(
    ("image", "tag"), [("python", "latest"), ("python:3", None), ("host:5000/python", "latest"), ("python@sha256:ab", None)]
)
def test_one_tag_is_pulled_and_not_all(image: str, tag: str | None) -> None:
    registry = Registry([])
    ensure_image(cast(docker.APIClient, registry), image)
    assert registry.pulled == [(image, tag)]


def test_an_image_that_cannot_be_pulled_is_named_with_the_remedy() -> None:
    registry = Registry([{"error": "toomanyrequests"}])
    with pytest.raises(EngineError, match=r"no/such:1 .*toomanyrequests") as error:
        ensure_image(cast(docker.APIClient, registry), "no/such:1")
    assert "SANDBOX_IMAGE" in error.value.hint
