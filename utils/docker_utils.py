"""The container engine: how it is reached, where images come from, and the one place that says what a container may do."""

from __future__ import annotations

import io
import os
import shutil
import socket
import tarfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig, Ulimit
from requests.exceptions import RequestException

from utils.errors import EngineError

LABEL = "multi-agent-codegen"
WORKSPACE = "/workspace"
HOME = "/home/sandbox"
PROGRAM_USER = "1000:1000"  # programs; no name in the image's passwd is needed
MONITOR_USER = "65534:65534"  # the container's main process, which programs can neither signal nor read
NETWORK = "bridge"  # the engine's own default network
ENGINE_FAILURES = (DockerException, RequestException, OSError)
_PROBE_SECONDS = 5
_CALL_SECONDS = 60
_REMOVAL_SECONDS = 10
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """What one program may use, and what is taken out of its container afterwards."""

    timeout: int = 60  # seconds a program may run
    memory: int = 2048 * _MIB  # bytes; no swap beside it
    cpus: float = 2.0  # clamped to what the engine has
    pids: int = 256  # processes and threads
    output: int = _MIB  # bytes read before the program is stopped
    file_size: int = 1024 * _MIB  # bytes of one file that a program writes
    copied_files: int = 200  # files taken out after a run
    copied_file: int = 50 * _MIB  # bytes of one of them
    copied_total: int = 200 * _MIB  # bytes of all of them
    network: str = "off"  # off, install (attached only while packages are installed) or on
    lifetime: int = 86400  # seconds after which a container ends by itself, whatever happened to us


@dataclass(frozen=True)
class ContainerRequest:
    """What the caller chooses about a container; everything else is the profile."""

    image: str
    name: str
    limits: Limits
    session: str = ""
    binds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # host path -> {"bind": path, "mode": "rw"}
    hosts: Mapping[str, str] = field(default_factory=dict)  # name -> address
    devices: Sequence[DeviceRequest] = ()
    remove_when_stopped: bool = True
    tied_to_us: bool = True  # its main process loses its standard input, and ends, when our process is gone


def owner() -> str:
    """Name this process so that no other process, now or later, bears the same name: host, user, process and its start."""
    pid = os.getpid()
    user = os.getuid() if hasattr(os, "getuid") else 0
    return f"{socket.gethostname()}:{user}:{pid}:{_started(pid)}"


def _started(pid: int) -> str:
    # Process ids are used again. The kernel's start time (field 22, after the name in parentheses) tells two of them apart.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"


def connect_engine() -> docker.APIClient:
    """Connect to the engine that DOCKER_HOST or the Docker context names and see that it answers; blocks up to 5 s.

    Raises EngineError with the remedy.
    """
    try:
        client = docker.from_env(timeout=_PROBE_SECONDS).api
    except ENGINE_FAILURES as error:
        raise _unreachable(error) from error
    client.timeout = _CALL_SECONDS
    return client


def _unreachable(error: Exception) -> EngineError:
    text = str(error)
    host = os.environ.get("DOCKER_HOST", "")
    if "Permission denied" in text or "PermissionError" in text:
        hint = "add yourself to the group `docker` (sudo usermod -aG docker $USER), log in again, and try once more"
        return EngineError("the Docker engine does not let this user in", hint, kind="engine-permission")
    if host:
        hint = "start the engine there, correct DOCKER_HOST, or unset it"
        return EngineError(f"no Docker engine answers at DOCKER_HOST={host}", hint, kind="engine-host")
    if shutil.which("docker") is None:
        hint = "install it (https://docs.docker.com/engine/install/), start it, and check that `docker info` works"
        return EngineError("no Docker engine is installed here", hint, kind="engine-missing")
    hint = "start Docker Desktop, or run `sudo systemctl start docker`, and check that `docker info` works"
    return EngineError("the Docker engine is not running", hint, kind="engine-stopped")


def ensure_image(client: docker.APIClient, image: str, on_progress: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Return what the engine knows about the image, after pulling it where it is missing; progress is told as short lines.

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
        raise EngineError(f"the image {image} is not here and cannot be pulled: {_reason(error)}", hint, kind="image") from error


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


def engine_error(error: Exception, doing: str) -> EngineError:
    """Tell an engine's failure as one line: what we were doing and the engine's own reason."""
    return EngineError(f"{doing} failed: {_reason(error)}", "check that `docker info` works, then try again", kind="engine")


def _reason(error: Exception) -> str:
    text = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    return " ".join(str(text).split())[:300]


def create_container(client: docker.APIClient, request: ContainerRequest, command: Sequence[str]) -> str:
    """Create, but do not start, a container by the profile that will run the command; return its id. Raises EngineError."""
    image = ensure_image(client, request.image)
    try:
        _make_room(client, request.name)
        processors = int(client.info()["NCPU"])
        made = client.create_container(
            image["Id"], name=request.name, entrypoint=list(command), **_profile(client, request, image, processors)
        )
    except ENGINE_FAILURES as error:
        raise engine_error(error, f"creating a container from {request.image}") from error
    container = str(made["Id"])
    try:
        client.put_archive(container, "/", _folders())
        if request.limits.network != "on":
            # Created attached and detached before it starts: it starts with the loopback interface alone, and the network can
            # still be attached for an installation, which an engine refuses for a container created with the network "none".
            client.disconnect_container_from_network(container, NETWORK, force=True)
    except ENGINE_FAILURES as error:
        remove_container(client, container)
        raise engine_error(error, f"preparing a container from {request.image}") from error
    return container


def _profile(client: docker.APIClient, request: ContainerRequest, image: Mapping[str, Any], processors: int) -> dict[str, Any]:
    limits = request.limits
    return {
        "user": MONITOR_USER,
        "working_dir": WORKSPACE,
        "hostname": "sandbox",
        "environment": _environment(image, limits, processors),
        "labels": {
            LABEL: "1",
            f"{LABEL}.session": request.session,
            f"{LABEL}.owner": owner(),
            f"{LABEL}.lifetime": str(limits.lifetime),
            f"{LABEL}.created": str(int(time.time())),
        },
        "healthcheck": {"test": ["NONE"]},
        "stdin_open": True,
        "detach": not request.tied_to_us,  # not detached: the engine closes its standard input once the first client is gone
        "use_config_proxy": False,  # the library would hand the person's proxy, with its password, to every container
        "host_config": _host_config(client, request, processors),
    }


def _host_config(client: docker.APIClient, request: ContainerRequest, processors: int) -> dict[str, Any]:
    limits = request.limits
    return dict(
        client.create_host_config(
            auto_remove=request.remove_when_stopped,
            init=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            pids_limit=limits.pids,
            mem_limit=limits.memory,
            memswap_limit=limits.memory,
            nano_cpus=int(min(limits.cpus, processors) * 10**9),  # an engine refuses more than it has
            ipc_mode="private",
            shm_size="64m",
            oom_score_adj=500,
            ulimits=[
                Ulimit(name="nofile", soft=1024, hard=1024),
                Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="fsize", soft=limits.file_size, hard=limits.file_size),
            ],
            log_config=LogConfig(type="none"),
            network_mode=NETWORK,
            binds={host: dict(bind) for host, bind in request.binds.items()} or None,
            extra_hosts=dict(request.hosts) or None,
            device_requests=list(request.devices) or None,
        )
    )


def _environment(image: Mapping[str, Any], limits: Limits, processors: int) -> dict[str, str]:
    threads = str(max(1, int(min(limits.cpus, processors))))
    given = (image.get("Config") or {}).get("Env") or []
    path = next((line[5:] for line in given if line.startswith("PATH=")), _DEFAULT_PATH)
    return {
        "PATH": f"{HOME}/.local/bin:{path}",
        "HOME": HOME,
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8:replace",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INPUT": "1",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }


def _folders() -> bytes:
    # A plain tar: an engine unpacks a compressed one with the container's own tools, as the host's root (CVE-2026-41567).
    buffer = io.BytesIO()
    uid, gid = (int(part) for part in PROGRAM_USER.split(":"))
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in (WORKSPACE, HOME):
            member = tarfile.TarInfo(name.lstrip("/"))
            member.type, member.mode, member.uid, member.gid, member.mtime = tarfile.DIRTYPE, 0o755, uid, gid, int(time.time())
            archive.addfile(member)
    return buffer.getvalue()


def _make_room(client: docker.APIClient, name: str) -> None:
    try:
        labels = client.inspect_container(name)["Config"]["Labels"] or {}
    except NotFound:
        return
    if labels.get(f"{LABEL}.owner") != owner():
        raise EngineError(f"a container named {name} is here already, and it is not ours", "remove it, or choose another name")
    remove_container(client, name)


def remove_container(client: docker.APIClient, container: str) -> None:
    """Remove the container, running or not, with the volumes that only it used; nothing happens when it is gone already."""
    try:
        client.remove_container(container, force=True, v=True)
    except NotFound:
        pass
    except APIError as error:
        if error.status_code != 409:
            raise
        _wait_until_gone(client, container)  # its removal has begun already: it removes itself when it ends


def _wait_until_gone(client: docker.APIClient, container: str) -> None:
    until = time.monotonic() + _REMOVAL_SECONDS
    while time.monotonic() < until:
        try:
            client.inspect_container(container)
        except NotFound:
            return
        time.sleep(0.02)


def unique_name() -> str:
    """Make a name that no other container bears."""
    return f"{LABEL}-{uuid.uuid4().hex[:12]}"
