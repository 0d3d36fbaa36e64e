"""Finds a container engine: the one that the user named, or the first usual socket that answers; says why others were not taken."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
from docker.context import ContextAPI
from docker.context.config import get_current_context_name
from docker.errors import DockerException
from docker.utils import kwargs_from_env

from sandbox.engine.ssh import SshLink
from utils.docker_utils import ENGINE_FAILURES
from utils.errors import EngineError
from utils.platform import ENGINE_PERMISSION, ENGINE_START, pipe_is_there, unix_socket, usual_engines

_PROBE_SECONDS = 5
_CALL_SECONDS = 60
_SSH_SECONDS = 20  # the first answer over SSH has to wait for a whole login
_INSTALL = "install one (https://docs.docker.com/engine/install/), start it, and check that `docker info` works"


@dataclass(frozen=True)
class Place:
    """Where an engine may be."""

    name: str  # as shown to the user
    arguments: Mapping[str, Any]  # docker-py's, base_url among them
    named: bool = False  # the user named it, so that no other one is taken in its place

    @property
    def address(self) -> str:
        """The engine's URL, or nothing if it could not be read."""
        return str(self.arguments.get("base_url", ""))


@dataclass(frozen=True)
class Attempt:
    """The result for one place: taken, or why not."""

    place: Place
    failure: str = ""  # nothing: this is the one that was taken


@dataclass(frozen=True)
class FoundEngine:
    """An engine that answers, and how it was found."""

    client: docker.APIClient
    attempts: Sequence[Attempt]  # in the order of trying; the last is the one that was taken
    behind: Sequence[Place] = ()  # places that were not tried, because this one answered

    @property
    def place(self) -> Place:
        """Where it was found."""
        return self.attempts[-1].place


class NoEngine(EngineError):
    """No engine answers; `attempts` says what was tried."""

    def __init__(self, message: str, hint: str, attempts: Sequence[Attempt], *, kind: str) -> None:
        """Take the sentence, the remedy, what was tried, and the short word."""
        super().__init__(message, hint, kind=kind)
        self.attempts = attempts


class _Client(docker.APIClient):
    """A client that takes the SSH link under it down with it."""

    link: SshLink | None = None

    def close(self) -> None:
        super().close()
        if self.link is not None:
            self.link.close()


def connect_engine() -> docker.APIClient:
    """Connect to the engine that find_engine finds; blocks up to 5 s for each socket that is there and does not answer.

    Raises EngineError with the remedy.
    """
    return find_engine().client


def find_engine(environment: Mapping[str, str] | None = None) -> FoundEngine:
    """Connect to the first engine that answers: DOCKER_HOST, else DOCKER_CONTEXT, else the CLI's current context, then the usual sockets.

    What DOCKER_HOST and DOCKER_CONTEXT name is taken or nothing is. Raises NoEngine with the remedy.
    """
    environment = os.environ if environment is None else environment
    attempts: list[Attempt] = []
    places = _places(environment)
    for place in places:
        try:
            return FoundEngine(_connect(place), (*attempts, Attempt(place)), tuple(places))
        except (*ENGINE_FAILURES, EngineError, ValueError) as error:
            attempts.append(Attempt(place, _why_not(error)))
    raise _no_engine(attempts)


def describe_engine(client: docker.APIClient) -> str:
    """Return what the engine calls itself, its version, and what it runs on."""
    seen: Mapping[str, Any] = client.version()
    components = seen.get("Components") or [{}]
    name = (seen.get("Platform") or {}).get("Name") or components[0].get("Name") or "Engine"
    return f"{name} {seen.get('Version', '')} (API {seen.get('ApiVersion', '')}, {seen.get('Os', '')}/{seen.get('Arch', '')})"


def _places(environment: Mapping[str, str]) -> Iterator[Place]:
    if environment.get("DOCKER_HOST"):
        host = environment["DOCKER_HOST"]
        yield Place("DOCKER_HOST", _read(lambda: kwargs_from_env(environment=dict(environment)), host), named=True)
        return
    context = environment.get("DOCKER_CONTEXT")
    if context and context != "default":
        yield Place(f"DOCKER_CONTEXT={context}", _read(lambda: _of_context(context)), named=True)
        return
    current = "default" if context else get_current_context_name()
    if current != "default":
        yield Place(f"the Docker context {current}", _read(lambda: _of_context(current)))
    seen: set[str] = set()
    for name, address in usual_engines(environment):
        real = os.path.realpath(address.removeprefix("unix://"))  # Docker Desktop and others link /var/run/docker.sock to their own
        if real not in seen:
            seen.add(real)
            yield Place(name, {"base_url": address})


def _read(read: Any, address: str = "") -> Mapping[str, Any]:
    try:
        return dict(read())
    except (*ENGINE_FAILURES, ValueError) as error:
        return {"base_url": address, "unreadable": " ".join(str(error).split())}


def _of_context(name: str) -> Mapping[str, Any]:
    found = ContextAPI.get_context(name)
    if found is None:
        raise DockerException(f"there is no Docker context of that name (`docker context ls` lists them): {name}")
    return dict(ContextAPI.kwargs_from_context(name))


def _connect(place: Place) -> docker.APIClient:
    arguments = dict(place.arguments)
    unreadable = arguments.pop("unreadable", "")
    if unreadable:
        raise DockerException(unreadable)
    _knock(place.address)
    if not place.address.startswith("ssh://"):
        client = _Client(version="auto", timeout=_PROBE_SECONDS, **arguments)
    else:
        link = SshLink(place.address)
        try:
            client = _Client(base_url=link.url, version="auto", timeout=_SSH_SECONDS)
        except ENGINE_FAILURES as error:
            link.close()
            raise DockerException(link.failure or str(error)) from error
        client.link = link
    client.timeout = _CALL_SECONDS
    return client


def _knock(address: str) -> None:
    """See that something listens there; OSError says why not. The library would leave a socket open that it could not connect."""
    parts = urlsplit(address)
    if parts.scheme == "unix":
        with unix_socket() as door:
            door.settimeout(_PROBE_SECONDS)
            door.connect(address.removeprefix("unix://"))
    elif parts.scheme == "npipe":
        if not pipe_is_there(parts.path.rpartition("/")[2]):
            raise FileNotFoundError("No such file")
    elif parts.scheme in ("tcp", "http", "https"):
        socket.create_connection((parts.hostname or "", parts.port or 2375), _PROBE_SECONDS).close()


def _why_not(error: Exception) -> str:
    text = " ".join(str(error).split())
    for sign, words in (
        ("Permission denied", "this user may not use it"),
        ("Access is denied", "this user may not use it"),
        ("No such file", "there is no such socket"),
        ("Connection refused", "nothing answers there"),
        ("Name or service not known", "there is no host of that name"),
        ("pypiwin32", "a named pipe needs the package pywin32, which is not installed: pip install pywin32"),
        ("timed out", f"it did not answer within {_PROBE_SECONDS} s"),
    ):
        if sign in text:
            return words
    return text.removeprefix("Error while fetching server API version: ")[:200] or type(error).__name__


def _no_engine(attempts: Sequence[Attempt]) -> NoEngine:
    named = next((attempt for attempt in attempts if attempt.place.named), None)
    if named is not None:
        place = named.place
        what = f"DOCKER_HOST={place.address}" if place.name == "DOCKER_HOST" else place.name
        hint = f"start the engine there, correct {place.name.partition('=')[0]}, or unset it"
        return NoEngine(f"no Docker engine answers at {what}: {named.failure}", hint, attempts, kind="engine-host")
    refused = next((attempt for attempt in attempts if "may not use" in attempt.failure), None)
    if refused is not None:
        hint = f"{ENGINE_PERMISSION}, log in again, and try once more"
        return NoEngine(f"the engine at {refused.place.address} does not let this user in", hint, attempts, kind="engine-permission")
    there = [attempt for attempt in attempts if attempt.failure != "there is no such socket"]
    if not there and shutil.which("docker") is None and shutil.which("podman") is None:
        return NoEngine("no container engine is installed here", _INSTALL, attempts, kind="engine-missing")
    tried = "".join(f"; {attempt.place.name}: {attempt.failure}" for attempt in there)
    return NoEngine(f"no container engine is running{tried}", ENGINE_START, attempts, kind="engine-stopped")


def other_places(found: FoundEngine) -> list[str]:
    """Say for each other place that has something there why it was not taken: it failed, or was not tried."""
    tried = [_told(attempt) for attempt in found.attempts[:-1] if attempt.failure != "there is no such socket"]
    there = [place for place in found.behind if _may_be_there(place.address)]
    return [*tried, *(f"{place.name} ({place.address}): not tried, {found.place.name} answered first" for place in there)]


def _may_be_there(address: str) -> bool:
    parts = urlsplit(address)
    return pipe_is_there(parts.path.rpartition("/")[2]) if parts.scheme == "npipe" else Path(address.removeprefix("unix://")).exists()


def tried_places(error: NoEngine) -> list[str]:
    """Say for each place that was tried why it was not taken."""
    return [_told(attempt) for attempt in error.attempts]


def _told(attempt: Attempt) -> str:
    return f"{attempt.place.name} ({attempt.place.address or 'no address'}): {attempt.failure}"
