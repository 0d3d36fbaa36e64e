"""The network of a container: given for a session if the user wants it, and taken away so that its absence is seen from inside.

It is the engine's default one. On a network of its own, a container gets the engine's name server for good: it stays behind when the
network is detached, makes every later lookup wait 10 s (measured, Engine 20.10), and may answer from the host.
"""

from __future__ import annotations

from collections.abc import Callable

from docker.errors import APIError, NotFound

from sandbox.container import SandboxContainer
from utils.docker_utils import ENGINE_FAILURES, NETWORK, engine_error
from utils.errors import ContainerLost, EngineError

STRICT = "the strict profile has no network"
NOT_STRICT = "start without --strict"
"""What to do about that."""


def attach_network(container: SandboxContainer) -> None:
    """Give the container a way out; whatever runs in it is ended first. Raises EngineError, and ContainerLost."""
    container.empty()
    try:
        container.client.connect_container_to_network(container.id, NETWORK)
    except APIError as error:  # a container of the strict profile was made without a network, and cannot get one
        raise engine_error(error, "attaching the network") from error


def detach_network(container: SandboxContainer) -> None:
    """End whatever runs, take every network away and see from inside that only the loopback is left.

    ContainerLost when that cannot be: the container must not be used any more.
    """
    try:
        container.empty()
        for name in container.client.inspect_container(container.id)["NetworkSettings"]["Networks"]:
            container.client.disconnect_container_from_network(container.id, name, force=True)
        left = container.empty().networks - {"lo"}
    except NotFound:
        return
    except ENGINE_FAILURES as error:
        raise ContainerLost(engine_error(error, "detaching the network").message, "start again") from error
    if left:
        raise ContainerLost(f"the network could not be detached: {', '.join(sorted(left))} is still there", "start again")


def network_switch(network: str, *, strict: bool) -> Callable[[SandboxContainer], None]:
    """Return what switches a container's network to "on", "install" or "off"; EngineError if the profile has none to switch."""
    if strict and network != "off":
        raise EngineError(STRICT, NOT_STRICT, kind="network")
    return attach_network if network == "on" else detach_network
