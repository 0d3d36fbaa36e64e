"""Images made from the tests' own, as somebody's might be: without a tool, or with an entry point, a user and volumes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import docker

from utils.docker_utils import remove_container

_REMOVALS = {
    "python": "for f in /usr/bin/python* /usr/local/bin/python*; do rm -f $f; done",
    "timeout": "rm -f $(command -v timeout)",
    "odd": "cp /bin/sh /usr/bin/odd-shell",
    "sh": "rm -f /bin/sh /usr/bin/sh",
}


@contextmanager
def image_of(engine: docker.APIClient, image: str, *, without: str = "", **settings: Any) -> Iterator[str]:
    """Commit a container from the image without a tool, or with other settings; removed at the end."""
    name = f"sandbox-test:{uuid4().hex[:8]}"
    command = ["sh", "-c", _REMOVALS.get(without, "true")]
    container = engine.create_container(image, entrypoint=command)["Id"]
    try:
        engine.start(container)
        assert engine.wait(container)["StatusCode"] == 0
        repository, _, tag = name.partition(":")
        engine.commit(container, repository=repository, tag=tag, conf={"Cmd": ["sh"], **settings})
    finally:
        remove_container(engine, container)
    try:
        yield name
    finally:
        engine.remove_image(name, force=True)
