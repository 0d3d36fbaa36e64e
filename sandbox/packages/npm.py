"""The install window for npm: its packages, without their install scripts, where programs find them and cannot change them.

It is the window of install.py: nothing of a program is left running, npm runs as the installer's user, away from the programs' folders, and
its connections are let out to the registry only. A package's install scripts would be foreign code, so they never run.
"""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.packages.gate import NPM as REGISTRY
from sandbox.packages.gate import gate_for
from sandbox.packages.install import INSTALL_SECONDS, Installation, hide_password, judge, open_window, seen_by_us
from sandbox.packages.names import Package
from sandbox.packages.npm_names import NPM
from sandbox.packages.relay import Relay
from sandbox.verdicts import Ended
from utils.docker_utils import ENGINE_FAILURES, PACKAGES, PIP_USER, SHELL, engine_error
from utils.errors import EngineError
from utils.setting_values import without_password

# Node looks for packages in every folder above a program's, so this one serves `require` and `import` alike.
_FOUND_IN = "/node_modules"
_FOLDER = f"{PACKAGES}/npm"
_SCRIPT = r"""
PATH=${PATH#*:}
umask 022
mark=$1 limit=$2 folder=$3
shift 3
IFS= read -r registry && IFS= read -r login && IFS= read -r https_proxy || exit 1
if [ -n "$https_proxy" ]; then http_proxy=$https_proxy; export http_proxy https_proxy; else unset https_proxy; fi
export HOME="$PYTHONUSERBASE/.npm"
export TMPDIR="$HOME" XDG_CONFIG_HOME="$HOME"
rm -rf -- "$HOME" && mkdir -m 700 -- "$HOME" && mkdir -p -- "$folder" && cd "$folder" || exit 1
if [ -n "$registry" ]; then printf 'registry=%s\n%s\n' "$registry" "$login" >"$HOME/.npmrc"; fi
if command -v npm >/dev/null; then
  timeout -k 2 "$limit" npm install --prefix "$folder" "$@" </dev/null 2>&1
  code=$?
else
  echo "The image has no npm."
  code=1
fi
cd / && rm -rf -- "$HOME"
echo "end $mark" >&2
exit "$code"
"""
_OPTIONS = (
    *("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--omit=dev", "--save-exact"),
    *("--loglevel=error", "--fetch-retries=1", "--"),
)
_LISTED = 'PATH=${PATH#*:}; if [ -f "$1" ]; then exec cat -- "$1"; fi'
_LINK = 'if [ -L "$1" ]; then echo link; elif [ -e "$1" ]; then echo taken; fi'
# Node itself knows its own modules, and where it would look for others.
_CHECK = """
const fs = require("node:fs"), path = require("node:path"), { createRequire, isBuiltin } = require("node:module");
const [file, ...names] = process.argv.slice(1);
const beside = new Set([".", path.dirname(file)].flatMap((each) => fs.readdirSync(each)).map((each) => path.parse(each).name));
const places = createRequire(path.resolve(file)).resolve.paths("a-package");
const there = (name) => isBuiltin(name) || beside.has(name.split("/")[0]) || places.some((each) => fs.existsSync(path.join(each, name)));
for (const name of names) if (!there(name)) console.log(name);
"""
_ERROR = re.compile(r"^npm (?:error|ERR!) .*", re.MULTILINE)
_RUN_CHECK = 'PATH=${PATH#*:}; check=$1; shift; exec node -e "$check" -- "$@"'


@dataclass(frozen=True)
class NpmRequest:
    """One call of npm: names of packages, some with `@` and a version, for programs of a language."""

    requirements: tuple[str, ...]
    language: str = "javascript"

    def __str__(self) -> str:
        """Write it as it would be typed."""
        return " ".join(("npm install", *self.requirements))


def install_from_npm(
    container: SandboxContainer,
    request: NpmRequest,
    *,
    network: str,
    registry_url: str,
    disk: int,
    stop: threading.Event,
) -> Installation:
    """Run npm for the request; blocks, and fails as install_packages does."""
    if network == "off":
        raise EngineError("nothing can be installed: the network is off", "set SANDBOX_NETWORK=install", kind="network")
    try:
        _make_findable(container)
        before = _listed(container)
        gate = gate_for(registry_url, otherwise=REGISTRY)
        with container.watch_disk(disk, stop) as watch, open_window(container, gate, network, node=True) as relay:
            outcome = container.run(_command(request, registry_url, relay), watch.stop)
        after = _listed(container)
    except ENGINE_FAILURES as error:
        raise engine_error(error, "installing packages") from error
    if watch.full and outcome.ended is Ended.CANCEL:
        outcome.ended = Ended.DISK
    asked = {each[:1] + each[1:].partition("@")[0] for each in request.requirements}
    installed = tuple(Package(f"{NPM}{name}", version, "", name in asked) for name, version in sorted(after - before))
    output = hide_password(relay.hide(outcome.output.decode("utf-8", "replace")), registry_url)
    result = (judge(outcome), outcome.exit_code, installed, output, outcome.seconds)
    return Installation(*result, tool="npm", errors=tuple(_ERROR.findall(output)), **seen_by_us(relay, watch))


def _command(request: NpmRequest, registry_url: str, relay: Relay) -> Command:
    mark = uuid4().hex
    return Command(
        [SHELL, "-c", _SCRIPT, "sh", mark, str(INSTALL_SECONDS), _FOLDER, *_OPTIONS, *request.requirements],
        stdin=f"{without_password(registry_url)}\n{_login(registry_url)}\n{relay.url}\n".encode(),
        seconds=INSTALL_SECONDS + 10,
        end_mark=f"end {mark}\n".encode(),
        user=PIP_USER,
    )


def _login(url: str) -> str:
    """Return the line of npm's settings that holds what the address says before its host: npm takes it from nowhere else."""
    parts = urlsplit(url)
    given, _, place = parts.netloc.rpartition("@")
    name, _, word = map(unquote, given.partition(":"))
    coded = base64.b64encode(f"{name}:{word}".encode()).decode()
    return f"//{place}{parts.path.rstrip('/')}/:_auth={coded}" if given else ""


def _make_findable(container: SandboxContainer) -> None:
    found = container.run(Command([SHELL, "-c", _LINK, "sh", _FOUND_IN], seconds=10)).output.decode("utf-8", "replace").strip()
    if found == "taken":
        raise EngineError(f"the image has a {_FOUND_IN} of its own, which npm's packages would hide", "use an image without it")
    if not found:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            link = tarfile.TarInfo(_FOUND_IN.lstrip("/"))
            link.type, link.linkname = tarfile.SYMTYPE, f"{_FOLDER}/node_modules"
            archive.addfile(link)
        container.client.put_archive(container.id, "/", buffer.getvalue())


def _listed(container: SandboxContainer) -> set[tuple[str, str]]:
    """Return the names and versions of the packages that programs find."""
    argv = [SHELL, "-c", _LISTED, "sh", f"{_FOLDER}/node_modules/.package-lock.json"]
    text = container.run(Command(argv, output_limit=16 * 1024**2, seconds=30, user=PIP_USER)).output.decode("utf-8", "replace")
    try:
        packages = json.loads(text)["packages"] if text else {}
        return {(str(place).rpartition("node_modules/")[2], str(each["version"])) for place, each in packages.items() if "version" in each}
    except (ValueError, LookupError, TypeError, AttributeError):
        return set()


def missing_packages(container: SandboxContainer, file: str, names: Sequence[str]) -> list[str]:
    """Return which packages a program in the file imports in vain: not Node's own modules, nor files beside it, nor installed."""
    outcome = container.run(Command([SHELL, "-c", _RUN_CHECK, "sh", _CHECK, file, *names], seconds=20))
    said = outcome.output.decode("utf-8", "replace").split() if outcome.ended is Ended.EXIT and outcome.exit_code == 0 else []
    return [name for name in names if name in said]
