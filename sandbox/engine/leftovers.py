"""Removes what sessions of this machine left on the engine when they died; what belongs to anybody else is not touched."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import docker

from utils.docker_utils import ENGINE_FAILURES, LABEL, remove_container
from utils.owner import owner, process_start


def remove_leftovers(client: docker.APIClient) -> list[str]:
    """Remove the containers, networks and volumes of our kind whose owner was a process of this user here that is gone; name them.

    A container that was meant to outlive its owner stays. Never raises for what the engine does: the next start tries again.
    """
    removed: list[str] = []
    filters = {"label": LABEL}
    with suppress(*ENGINE_FAILURES):
        for container in client.containers(all=True, filters=filters):
            if container["Labels"].get(f"{LABEL}.tied") != "no" and _is_orphan(container):
                with suppress(*ENGINE_FAILURES):
                    remove_container(client, container["Id"])
                    removed.append(str(container["Names"][0]).lstrip("/"))
        for network in client.networks(filters=filters):
            if _is_orphan(network):
                with suppress(*ENGINE_FAILURES):
                    client.remove_network(network["Id"])
                    removed.append(str(network["Name"]))
        for volume in client.volumes(filters=filters)["Volumes"] or []:
            if _is_orphan(volume):
                with suppress(*ENGINE_FAILURES):
                    client.remove_volume(volume["Name"])
                    removed.append(str(volume["Name"]))
    return removed


def _is_orphan(thing: Mapping[str, Any]) -> bool:
    return is_dead((thing.get("Labels") or {}).get(f"{LABEL}.owner", ""))


def is_dead(label: str) -> bool:
    """Whether the label names a process of this machine and this user that has ended; in any doubt it has not."""
    ours, parts = owner().rsplit(":", 3), label.rsplit(":", 3)
    if len(parts) != 4 or parts[:2] != ours[:2] or not parts[2].isdigit():
        return False  # another machine's, another user's (whose processes may be hidden from us), or no label of ours
    number, began = int(parts[2]), parts[3]
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    now = process_start(number)
    return "0" not in (began, now) and began != now  # the number was given to another process since
