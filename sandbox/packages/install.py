"""The install window: pip gets a way to the package index, and nothing else does, before a program runs again.

Nothing that a program left behind takes part: all of its processes are killed first, pip is the image's own, and it runs as a user of its
own, who cannot read the programs' folders. It reads no setting, start-up file, module or metadata from a folder that programs can write
to: what a planted `requires` asks for would be fetched. What pip installs, programs can read.

The container gets no network for it: pip's connections are carried by relay.py, which lets them out to the index only, and asks for a
password that programs cannot read. With the network "on", which is the user's choice for the session, pip uses that.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from sandbox.container import SandboxContainer
from sandbox.disk_watch import DiskWatch
from sandbox.exec_stream import Command, Outcome
from sandbox.packages.gate import Gate, gate_for
from sandbox.packages.names import Package, normalize
from sandbox.packages.relay import Relay
from sandbox.verdicts import TIMED_OUT, Ended, Verdict
from utils.docker_utils import ENGINE_FAILURES, PIP_USER, SHELL, WORKSPACE, engine_error
from utils.errors import EngineError

INSTALL_SECONDS = 600
"""How long one `pip install` may take."""

_READ_LIMIT = 64 * 1024
_LINES_SHOWN = 15
_READ = 'PATH=${PATH#*:}; if [ -f "$1" ] && [ -r "$1" ]; then exec head -c "$2" -- "$1"; else exit 1; fi'
_RESULT = 'PATH=${PATH#*:}; cd "$PYTHONUSERBASE" && if [ -f .pip/result.json ]; then cat .pip/result.json; fi; rm -rf -- .pip'
_PRESENT = 'for name; do if [ -e "$name" ] || [ -e "$name.py" ]; then printf "%s\\n" "$name"; fi; done'

# pip runs isolated (-I), away from the working folder and with a new home. What it is to install from a folder of the program's is copied:
# a build writes into its sources, which belong to the program.
# The addresses come by standard input: they may hold a password, and arguments can be listed.
_SCRIPT = r"""
PATH=${PATH#*:}
umask 022
mark=$1 limit=$2 shared=$3 runner=$4
shift 4
IFS= read -r PIP_INDEX_URL && IFS= read -r PIP_TRUSTED_HOST && IFS= read -r https_proxy && read -r size || exit 1
if [ -n "$PIP_INDEX_URL" ]; then export PIP_INDEX_URL; else unset PIP_INDEX_URL; fi
if [ -n "$PIP_TRUSTED_HOST" ]; then export PIP_TRUSTED_HOST; else unset PIP_TRUSTED_HOST; fi
if [ -n "$https_proxy" ]; then http_proxy=$https_proxy; export http_proxy https_proxy; else unset https_proxy; fi
unset PIP_RETRIES
export PYTHONNOUSERSITE=1 HOME="$PYTHONUSERBASE/.pip"
export XDG_CONFIG_HOME="$HOME" TMPDIR="$HOME"
rm -rf -- "$HOME" && mkdir -m 700 -- "$HOME" && cd "$HOME" && head -c "$size" >lock.txt || exit 1
count=$#
while [ "$count" -gt 0 ]; do
  each=$1 count=$((count - 1))
  shift
  case $each in "$shared"/*)
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
timeout -k 2 "$limit" "$found" -I -c "$runner" "$@" </dev/null 2>&1
code=$?
echo "end $mark" >&2
exit "$code"
"""
# Run as the programs' user, because pip's may not look into the working folder; prints where it put the copy.
_SHARE = r"""
PATH=${PATH#*:}
umask 022
shared=$1 number=0
rm -rf -- "$shared" && mkdir -- "$shared" || exit 1
shift
for each; do
  number=$((number + 1))
  mkdir "$shared/$number" && cp -R -- "$each" "$shared/$number/" && chmod -R a+rX "$shared/$number" || exit 1
done
"""
_UNSHARE = 'PATH=${PATH#*:}; rm -rf -- "$1"'
_RUNNER = Path(__file__).with_name("pip_runner.py")
_PIP = (
    *("install", "--user", "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--prefer-binary"),
    "--no-warn-script-location",
)
_WHEELS_ONLY = "--only-binary=:all:"  # a package built from source runs its own code while it is installed


@dataclass(frozen=True)
class PipRequest:
    """One call of pip: options that it may be given, and what to install: requirements, and the text of a file of requirements.

    `build` allows building from source code, which runs that code. What a lock names by its hash may be built as it was the first time.
    """

    requirements: tuple[str, ...]
    options: tuple[str, ...] = ()
    lock: str = ""
    build: bool = False

    def __str__(self) -> str:
        """Write it as it would be typed."""
        return " ".join(("pip install", *self.options, *self.requirements, *(("-r lock.txt",) if self.lock else ())))

    @property
    def has_address(self) -> bool:
        """Whether something is fetched from an address rather than from the index."""
        return any("://" in each for each in self.requirements)


@dataclass(frozen=True)
class Installation:
    """The result of some calls of pip."""

    verdict: Verdict
    exit_code: int | None
    installed: tuple[Package, ...]
    output: str  # all that pip printed
    seconds: float
    sources: tuple[str, ...] = ()
    """Requirements that exist as source code only, which the failed call was not allowed to build."""
    refused: tuple[str, ...] = ()
    """Why connections were not let out."""
    tool: str = "pip"
    errors: tuple[str, ...] = ()
    """Why it failed, in the tool's words, which it need not have printed."""
    unreachable: tuple[tuple[str, str], ...] = ()
    """Hosts that could not be connected to, and why."""
    too_much: str = ""
    """Which of TOO_MUCH stopped it."""

    @property
    def last_lines(self) -> str:
        """Return the end of what pip printed, where it says why it failed."""
        return "\n".join(self.output.rstrip().splitlines()[-_LINES_SHOWN:])


@contextmanager
def open_window(container: SandboxContainer, gate: Gate, network: str, *, node: bool = False) -> Iterator[Relay]:
    """End what programs left running, and give the way out while it is entered, carried by Node in an image that may have no Python."""
    relay = Relay(container, gate, node=node)
    container.empty()
    try:
        if network == "on":  # attached for the session
            yield relay
        else:
            with relay:
                yield relay
    finally:
        container.empty()


def install_packages(
    container: SandboxContainer,
    requests: Sequence[PipRequest],
    *,
    network: str,
    index_url: str,
    disk: int,
    stop: threading.Event,
) -> Installation:
    """Run pip for each request in order, up to the first that fails; blocks.

    It is stopped when all files of the container take more than `disk` bytes. EngineError if the network is off or the engine fails,
    ContainerLost if what pip has started cannot be ended: the container must not be used any more.
    """
    if network == "off":
        raise EngineError("nothing can be installed: the network is off", "set SANDBOX_NETWORK=install", kind="network")
    calls: list[_Call] = []
    gate = gate_for(index_url, addresses=any(request.has_address for request in requests))
    try:
        with container.watch_disk(disk, stop) as watch, open_window(container, gate, network) as relay:
            for request in requests:
                calls.append(_run_pip(container, request, index_url, relay, watch.stop))
                if calls[-1].failed:
                    break
    except ENGINE_FAILURES as error:
        raise engine_error(error, "installing packages") from error
    last = calls[-1].outcome
    if watch.full and last.ended is Ended.CANCEL:
        last.ended = Ended.DISK
    return Installation(
        judge(last),
        last.exit_code,
        tuple(package for call in calls for package in call.installed),
        "".join(call.output for call in calls),
        sum(call.outcome.seconds for call in calls),
        calls[-1].sources if calls[-1].failed else (),
        errors=calls[-1].errors if calls[-1].failed else (),
        **seen_by_us(relay, watch),
    )


def seen_by_us(relay: Relay, watch: DiskWatch) -> dict[str, Any]:
    """Return the fields of Installation that neither pip nor npm knows."""
    return {"refused": tuple(relay.refused), "unreachable": tuple(relay.unreachable), "too_much": watch.why}


@dataclass(frozen=True)
class _Call:
    outcome: Outcome
    output: str
    installed: tuple[Package, ...]
    sources: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def failed(self) -> bool:
        return self.outcome.ended is not Ended.EXIT or self.outcome.exit_code != 0


def _run_pip(container: SandboxContainer, request: PipRequest, index_url: str, relay: Relay, stop: threading.Event) -> _Call:
    def shown(data: bytes) -> str:
        return hide_password(relay.hide(data.decode("utf-8", "replace")), index_url)

    mark, shared = uuid4().hex, f"/tmp/pip-{uuid4().hex}"
    # What is to be edited in place is installed as it is: pip's copy of it does not stay.
    wanted = [each.removeprefix("-e ") for each in request.requirements]
    own = [each for each in wanted if each.startswith(f"{WORKSPACE}/")]
    if own:
        container.run(Command([SHELL, "-c", _SHARE, "sh", shared, *own], seconds=60))
        wanted = [f"{shared}/{own.index(each) + 1}/{PurePosixPath(each).name}" if each in own else each for each in wanted]
    lock = request.lock.encode()
    wheels_only = [] if request.build or lock else [_WHEELS_ONLY]
    arguments = [*_PIP, *wheels_only, *request.options, *wanted, *(("-r", "lock.txt") if lock else ())]
    outcome = container.run(
        Command(
            [SHELL, "-c", _SCRIPT, "sh", mark, str(INSTALL_SECONDS), shared, _RUNNER.read_text("utf-8"), *arguments],
            stdin=f"{index_url}\n{_trusted_host(index_url)}\n{relay.url}\n{len(lock)}\n".encode() + lock,
            seconds=INSTALL_SECONDS + 10,
            end_mark=f"end {mark}\n".encode(),
            user=PIP_USER,
        ),
        stop,
    )
    if own:
        container.run(Command([SHELL, "-c", _UNSHARE, "sh", shared], seconds=30))
    result = container.run(Command([SHELL, "-c", _RESULT], seconds=30, user=PIP_USER)).output
    installed, sources, errors = _read_result(result.decode("utf-8", "replace"))
    return _Call(outcome, shown(outcome.output), installed, sources, tuple(shown(each.encode()) for each in errors))


def _read_result(text: str) -> tuple[tuple[Package, ...], tuple[str, ...], tuple[str, ...]]:
    # Code that a build ran may have written it; it says no more than what that code could have installed.
    try:
        result = json.loads(text) if text else {"installed": [], "sources": [], "errors": []}
        packages = [
            Package(normalize(str(name)), str(version), str(sha256), bool(asked)) for name, version, sha256, asked in result["installed"]
        ]
        return tuple(packages), tuple(map(str, result["sources"])), tuple(map(str, result["errors"]))
    except (ValueError, LookupError, TypeError):
        return (), (), ()


def _trusted_host(url: str) -> str:
    # pip leaves out an index without TLS unless its host is trusted; a user who has set such an address means it.
    return urlsplit(url).netloc.rpartition("@")[2] if url.startswith("http:") else ""


def judge(outcome: Outcome) -> Verdict:
    """Say how an installation ended."""
    if outcome.ended is Ended.EXIT and outcome.exit_code in TIMED_OUT and outcome.seconds > INSTALL_SECONDS - 1:
        return Verdict.TIME
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
