"""Where images come from: those that the engine has, and those that it pulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound

from utils.docker_utils import ENGINE_FAILURES, engine_error, reason
from utils.errors import EngineError


def ensure_image(client: docker.APIClient, image: str, on_progress: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Return what the engine knows about the image, after pulling it if it is missing; progress is reported as short lines.

    Raises EngineError naming the image and the remedy.
    """
    try:
        return _inspect(client, image)
    except ImageNotFound:
        pass
    except ENGINE_FAILURES as error:
        raise engine_error(error, f"looking for the image {image}") from error
    try:
        _pull(client, image, on_progress)
        return _inspect(client, image)
    except ENGINE_FAILURES as error:
        hint = f"check the name and the network, run `docker pull {image}`, or set SANDBOX_IMAGE to an image that is here"
        raise EngineError(f"the image {image} is not here and cannot be pulled: {reason(error)}", hint, kind="image") from error


def digest_of(image: Mapping[str, Any]) -> str:
    """Return the name by which exactly this image can be run: a repository with a digest, or the ID of one that was built here."""
    return str(next(iter(image.get("RepoDigests") or ()), image["Id"]))


def _inspect(client: docker.APIClient, image: str) -> dict[str, Any]:
    return dict(client.inspect_image(image))  # type: ignore[no-untyped-call]


def _pull(client: docker.APIClient, image: str, on_progress: Callable[[str], None]) -> None:
    layers: dict[str, tuple[int, int]] = {}
    on_progress(f"pulling {image}")
    tag = None if ":" in image.rpartition("/")[2] or "@" in image else "latest"  # without a tag, the engine would pull them all
    last = ""
    for event in client.pull(image, tag=tag, stream=True, decode=True):
        if "error" in event:
            raise DockerException(str(event["error"]))
        detail = event.get("progressDetail") or {}
        if event.get("status") == "Downloading" and detail.get("total"):
            layers[event["id"]] = (int(detail.get("current", 0)), int(detail["total"]))
        elif event.get("status") == "Download complete" and event.get("id") in layers:
            layers[event["id"]] = (layers[event["id"]][1],) * 2
        done, total = (sum(part[i] for part in layers.values()) for i in (0, 1))
        line = f"pulling {image}: {done // 10**6} of {total // 10**6} MB"
        if total and line != last:
            on_progress(line)
            last = line
