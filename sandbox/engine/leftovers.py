"""Removes what sessions of this machine left on the engine when they died; what belongs to anybody else is not touched."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import docker

from utils.docker_utils import ENGINE_FAILURES, LABEL, remove_container
from utils.owner import owner
from utils.platform import process_start

_CLOCKS = 120  # seconds by which this machine's clock and the engine's may differ


def remove_leftovers(client: docker.APIClient) -> list[str]:
    """Remove the containers that we made and whose owner was a process of this user here that is gone; name them.

    A container that was meant to outlive its owner stays. Never raises for what the engine does: the next start tries again.
    """
    removed: list[str] = []
    with suppress(*ENGINE_FAILURES):
        for container in client.containers(all=True, filters={"label": LABEL}):
            labels = container["Labels"]
            if labels.get(f"{LABEL}.tied") != "no" and is_ours(container) and is_dead(labels.get(f"{LABEL}.owner", "")):
                with suppress(*ENGINE_FAILURES):
                    remove_container(client, container["Id"])
                    removed.append(labels[f"{LABEL}.name"])
    return removed


def is_ours(container: Mapping[str, Any]) -> bool:
    """Whether we made this container, as the engine lists it, and not somebody from an image that inherited our labels."""
    # `docker commit` of one of our containers writes its labels into the image, and so into each container that is made of that.
    labels = container["Labels"]
    created = labels.get(f"{LABEL}.created", "")
    has_name = f"/{labels.get(f'{LABEL}.name')}" in (container["Names"] or ())
    return has_name and created.isdigit() and abs(int(created) - int(container["Created"])) <= _CLOCKS


def is_dead(label: str) -> bool:
    """Whether the label names a process of this machine and this user that has ended; in any doubt it has not."""
    ours, parts = owner().rsplit(":", 3), label.rsplit(":", 3)
    if len(parts) != 4 or parts[:2] != ours[:2] or not parts[2].isdigit():
        return False  # another machine's, another user's (whose processes may be hidden from us), or no label of ours
    number, began = int(parts[2]), parts[3]
    now = process_start(number)
    return now is None or ("0" not in (began, now) and began != now)  # the number was given to another process since
