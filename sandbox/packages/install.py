"""The install window: the network is attached for pip alone, and gone before a program runs again.

Nothing that a program left behind takes part: all of its processes are killed before the network comes, pip is the image's own, and it
runs as a user of its own. It reads no setting, start-up file, module or metadata from a folder that programs can write to: what a planted
`requires` asks for would be fetched, and built by the program's own code, with the network attached. What pip installs, programs can read.

The network is the engine's default one. On a network of its own, a container gets the engine's name server for good: it stays behind when
the network is detached, makes every later lookup wait 10 s (measured, Engine 20.10), and may answer from the host.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import docker
from docker.errors import APIError, NotFound

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command, Outcome
from sandbox.packages.names import Package, normalize
from sandbox.packages.pip_runner import RUNNER
from sandbox.verdicts import Ended, Verdict
from utils.docker_utils import ENGINE_FAILURES, NETWORK, PIP_USER, SHELL, WORKSPACE, engine_error
from utils.errors import ContainerLost, EngineError

INSTALL_SECONDS = 600
"""How long one `pip install` may take."""

STRICT = "the strict profile has no network"
_READ_LIMIT = 64 * 1024
_LINES_SHOWN = 15
_READ = 'PATH=${PATH#*:}; if [ -f "$1" ] && [ -r "$1" ]; then exec head -c "$2" -- "$1"; else exit 1; fi'
_CLEAR = 'PATH=${PATH#*:}; rm -rf -- "$PYTHONUSERBASE/.pip"'
_PRESENT = 'for name; do if [ -e "$name" ] || [ -e "$name.py" ]; then printf "%s\\n" "$name"; fi; done'

# pip runs isolated (-I), as a user of its own, away from the working folder and with a new home. What it is to install from a folder of the
# program's is copied: a build writes into its sources, which belong to the program.
# The address of the index comes by standard input: it may hold a password, and arguments can be listed.
_SCRIPT = r"""
PATH=${PATH#*:}
umask 022
mark=$1 limit=$2 workspace=$3 runner=$4
shift 4
IFS= read -r PIP_INDEX_URL || exit 1
IFS= read -r PIP_TRUSTED_HOST || exit 1
read -r size || exit 1
if [ -n "$PIP_INDEX_URL" ]; then export PIP_INDEX_URL; else unset PIP_INDEX_URL; fi
if [ -n "$PIP_TRUSTED_HOST" ]; then export PIP_TRUSTED_HOST; else unset PIP_TRUSTED_HOST; fi
export PYTHONNOUSERSITE=1 HOME="$PYTHONUSERBASE/.pip"
export XDG_CONFIG_HOME="$HOME" TMPDIR="$HOME"
rm -rf -- "$HOME" && mkdir -m 700 -- "$HOME" && cd "$HOME" && head -c "$size" >lock.txt || exit 1
count=$#
while [ "$count" -gt 0 ]; do
  each=$1 count=$((count - 1))
  shift
  case $each in "$workspace"/*)
    if [ -d "$each" ]; then
      mkdir "folder-$count" && cp -R "$each/." "folder-$count" && each=$HOME/folder-$count || exit 1
    fi ;;
  esac
  set -- "$@" "$each"
done
found=
for each in python3 python; do
  if command -v "$each" >/dev/null; then found=$each; break; fi
done
if [ -z "$found" ]; then
  echo "The image has no Python to run pip with."
  echo "end $mark" >&2
  exit 1
fi
timeout -k 2 "$limit" "$found" -I -c "$runner" "$mark" "$@" 3>&2 </dev/null 2>&1
code=$?
cd / && rm -rf -- "$HOME"
echo "end $mark" >&2
exit "$code"
"""
_PIP = (
    *("install", "--user", "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--prefer-binary"),
    "--no-warn-script-location",
)


@dataclass(frozen=True)
class PipRequest:
    """One call of pip: options that it may be given, and what to install: requirements, and the text of a file of requirements."""

    requirements: tuple[str, ...]
    options: tuple[str, ...] = ()
    lock: str = ""

    def __str__(self) -> str:
        """Write it as it would be typed."""
        return " ".join(("pip install", *self.options, *self.requirements, *(("-r lock.txt",) if self.lock else ())))


@dataclass(frozen=True)
class Installation:
    """What became of some calls of pip."""

    verdict: Verdict
    exit_code: int | None
    installed: tuple[Package, ...]
    output: str  # all that pip printed
    seconds: float

    @property
    def last_lines(self) -> str:
        """Return the end of what pip printed, where it says why it failed."""
        return "\n".join(self.output.rstrip().splitlines()[-_LINES_SHOWN:])


def attach_network(client: docker.APIClient, container: SandboxContainer) -> None:
    """Give the container a way out; whatever runs in it is ended first. Raises EngineError, and ContainerLost."""
    container.empty()
    try:
        client.connect_container_to_network(container.id, NETWORK)
    except APIError as error:  # a container of the strict profile was made without a network, and cannot get one
        raise engine_error(error, "attaching the network") from error


def detach_network(client: docker.APIClient, container: SandboxContainer) -> None:
    """End whatever runs, take every network away and see from inside that only the loopback is left.

    ContainerLost when that cannot be: the container must not be used any more.
    """
    try:
        container.empty()
        for name in client.inspect_container(container.id)["NetworkSettings"]["Networks"]:
            client.disconnect_container_from_network(container.id, name, force=True)
        left = container.empty().networks - {"lo"}
    except NotFound:
        return
    except ENGINE_FAILURES as error:
        raise ContainerLost(engine_error(error, "detaching the network").message, "start again") from error
    if left:
        raise ContainerLost(f"the network could not be detached: {', '.join(sorted(left))} is still there", "start again")


def network_switch(network: str, *, strict: bool) -> Callable[[docker.APIClient, SandboxContainer], None]:
    """Return what switches a container's network to "on", "install" or "off"; EngineError where the profile has none to switch."""
    if strict and network != "off":
        raise EngineError(STRICT, "start without --strict", kind="network")
    return attach_network if network == "on" else detach_network


@contextmanager
def _window(client: docker.APIClient, container: SandboxContainer, network: str) -> Iterator[None]:
    if network == "on":  # attached for the session
        container.empty()
        try:
            yield
        finally:
            container.empty()
        return
    try:
        attach_network(client, container)
        yield
    finally:
        detach_network(client, container)


def install_packages(
    client: docker.APIClient,
    container: SandboxContainer,
    requests: Sequence[PipRequest],
    *,
    network: str,
    index_url: str,
    disk: int,
    stop: threading.Event,
    on_text: Callable[[str], None],
) -> Installation:
    """Run pip for each request in order, up to the first that fails, with the network attached meanwhile; blocks.

    It is stopped when all files of the container take more than `disk` bytes.

    Raises ContainerLost when the network cannot be detached again: the container is then to be removed. EngineError when it cannot be
    attached, or is off.
    """
    if network == "off":
        raise EngineError("nothing can be installed: the network is off", "set SANDBOX_NETWORK=install", kind="network")
    outcomes: list[Outcome] = []
    installed: list[Package] = []
    try:
        with container.watch_disk(disk, stop) as watch, _window(client, container, network):
            for request in requests:
                outcome, packages = _run_pip(container, request, index_url, watch.stop, on_text)
                outcomes.append(outcome)
                installed += packages
                if outcome.ended is not Ended.EXIT or outcome.exit_code != 0:
                    break
    except ENGINE_FAILURES as error:
        raise engine_error(error, "attaching the network") from error
    last = outcomes[-1]
    if watch.full and last.ended is Ended.CANCEL:
        last.ended = Ended.DISK
    return Installation(
        _judge(last),
        last.exit_code,
        tuple(installed),
        hide_password("".join(outcome.output.decode("utf-8", "replace") for outcome in outcomes), index_url),
        sum(outcome.seconds for outcome in outcomes),
    )


def _run_pip(
    container: SandboxContainer, request: PipRequest, index_url: str, stop: threading.Event, on_text: Callable[[str], None]
) -> tuple[Outcome, list[Package]]:
    mark = uuid4().hex
    # What is to be edited in place is installed as it is: pip's copy of it does not stay.
    wanted = [each.removeprefix("-e ") for each in request.requirements]
    lock = request.lock.encode()
    arguments = [*_PIP, *request.options, *wanted, *(("-r", "lock.txt") if lock else ())]
    outcome = container.run(
        Command(
            [SHELL, "-c", _SCRIPT, "sh", mark, str(INSTALL_SECONDS), WORKSPACE, RUNNER, *arguments],
            stdin=f"{index_url}\n{_trusted_host(index_url)}\n{len(lock)}\n".encode() + lock,
            seconds=INSTALL_SECONDS + 10,
            end_mark=f"end {mark}\n".encode(),
            user=PIP_USER,
        ),
        stop,
        lambda piece: on_text(hide_password(piece.decode("utf-8", "replace"), index_url)),
    )
    if outcome.ended is not Ended.EXIT:
        container.run(Command([SHELL, "-c", _CLEAR], seconds=30, user=PIP_USER))
    return outcome, _listed(outcome.words.decode("utf-8", "replace"), mark)


def _trusted_host(url: str) -> str:
    # pip leaves an index without TLS out unless it is told to trust the host; who has set such an address means it.
    return urlsplit(url).netloc.rpartition("@")[2] if url.startswith("http:") else ""


def _listed(words: str, mark: str) -> list[Package]:
    found = words.partition(f"installed {mark} ")[2].partition("\n")[0]
    try:
        items = json.loads(found) if found else []
    except ValueError:
        return []
    parts = ((*name.rpartition("-"), sha256, requested) for name, sha256, requested in items)
    return [Package(normalize(name), version, sha256, requested) for name, _, version, sha256, requested in parts if name]


def _judge(outcome: Outcome) -> Verdict:
    if outcome.ended is Ended.EXIT:
        return {0: Verdict.OK, None: Verdict.LOST}.get(outcome.exit_code, Verdict.FAILED)
    stopped = {Ended.CANCEL: Verdict.CANCELLED, Ended.LOST: Verdict.LOST, Ended.DEADLINE: Verdict.TIME, Ended.DISK: Verdict.DISK}
    return stopped.get(outcome.ended, Verdict.FAILED)


def hide_password(text: str, url: str) -> str:
    """Return the text without the name and password of the address, wherever pip printed them."""
    before, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    if not at:
        return text
    for part in (before, before.partition(":")[2]):
        text = text.replace(part, "****") if len(part) > 2 else text
    return text


def read_text(container: SandboxContainer, name: str) -> str | None:
    """Return a text file of the working folder, its first 64 KiB; None when it is not there."""
    outcome = container.run(Command([SHELL, "-c", _READ, "sh", f"./{name}", str(_READ_LIMIT)], output_limit=_READ_LIMIT, seconds=10))
    return outcome.output.decode("utf-8", "replace") if outcome.ended is Ended.EXIT and outcome.exit_code == 0 else None


def names_present(container: SandboxContainer, names: Sequence[str]) -> set[str]:
    """Return which of these modules are files or folders in the working folder."""
    outcome = container.run(Command([SHELL, "-c", _PRESENT, "sh", *(f"./{name}" for name in names)], seconds=10))
    return {line.removeprefix("./") for line in outcome.output.decode("utf-8", "replace").split()}
