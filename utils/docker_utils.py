"""Docker management: the one place that says what a container may do, and where it is made and removed."""

from __future__ import annotations

import io
import tarfile
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig, Ulimit
from requests.exceptions import RequestException

from utils.docker_options import refuse_volumes, runtime_option, size_option
from utils.errors import EngineError
from utils.owner import owner
from utils.platform import pipe_failure

LABEL = "multi-agent-codegen"
WORKSPACE = "/workspace"
HOME = "/home/sandbox"
PROGRAM_USER = "1000:1000"  # programs; no name in the image's passwd is needed
PIP_USER = "1001:1001"  # pip and npm: what they install, programs can read and not change
PACKAGES = "/opt/sandbox-packages"  # what pip installs, laid out as Python's folder for a user (PYTHONUSERBASE); npm's is beside it
MONITOR_USER = "65534:65534"  # the container's main process, which programs can neither signal nor read
SHELL = "/opt/sandbox-shell/sh"  # what our own scripts run with: programs can execute it and not read it, and so not trace what runs it
HOSTNAME = "sandbox"
NETWORK = "bridge"  # the engine's own default network
CERTIFICATES = "/etc/sandbox-certificates.pem"  # the user's certificate authorities, in the container; programs cannot change it
_SHELL_FOLDER = str(PurePosixPath(SHELL).parent)
ENGINE_FAILURES = (DockerException, RequestException, OSError, pipe_failure())
_REMOVAL_SECONDS = 10
_TRUST = {name: CERTIFICATES for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")}
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECCOMP = Path(__file__).with_name("seccomp.json")  # the filter of system calls: an allow-list
_MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """What one program may use, and what is taken out of its container afterwards."""

    timeout: int = 60  # seconds a program may run
    memory: int = 2048 * _MIB  # bytes, without swap
    cpus: float = 2.0  # at most as many as the engine has
    pids: int = 256  # processes and threads
    output: int = _MIB  # bytes read before the program is stopped
    file_size: int = 1024 * _MIB  # bytes of one file that a program writes
    disk: int = 4096 * _MIB  # bytes in the container's layer, looked at every 2 s while a program runs
    disk_files: int = 200_000  # files in it, counted once there are many
    copied_files: int = 200  # files taken out after a run
    copied_file: int = 50 * _MIB  # bytes of one of them
    copied_total: int = 200 * _MIB  # bytes of all of them
    network: str = "off"  # off, install (only pip and npm, through this program) or on
    lifetime: int = 86400  # seconds after which a container ends by itself, even if this program is gone


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
    strict: bool = False  # the strict profile: see _strict
    runtime: str = ""  # what runs the container; "": runsc for the strict profile if the engine has it, else the engine's default
    caches: Path | None = None  # the folder of this machine for what toolchains have compiled of their own library
    certificates: bytes = b""  # PEM: the authorities that pip and programs trust, in place of the image's


def engine_error(error: Exception, doing: str) -> EngineError:
    """Tell an engine's failure as one line: what we were doing and the engine's own reason."""
    return EngineError(f"{doing} failed: {reason(error)}", "check that `docker info` works, then try again", kind="engine")


def reason(error: Exception) -> str:
    """Return the engine's own words on one line, shortened."""
    text = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    return " ".join(str(text).split())[:300]


def create_container(client: docker.APIClient, request: ContainerRequest, command: Sequence[str]) -> str:
    """Create, but do not start, a container by the profile that will run the command; return its id.

    Raises EngineError, with the kind "image" where that is not here; nothing is left behind then.
    """
    try:
        image = dict(client.inspect_image(request.image))  # type: ignore[no-untyped-call]
        refuse_volumes(request.image, image)
        made = _create(client, request, image, command)
    except ImageNotFound as error:
        raise EngineError(f"the image {request.image} is not here", f"run `docker pull {request.image}`", kind="image") from error
    except ENGINE_FAILURES as error:
        _discard(client, request.name)
        raise _refused(error, f"creating a container from {request.image}", request) from error
    container = str(made["Id"])
    if request.strict:
        return container  # its folders are mounts of their own, and it has no network to be detached from
    try:
        client.put_archive(container, "/", _contents(request.certificates))
        if request.limits.network != "on":
            # Created attached and detached before it starts: it starts with only the loopback interface, and the network can
            # still be attached by `/network on`, which an engine refuses for a container created with the network "none".
            client.disconnect_container_from_network(container, NETWORK, force=True)
    except ENGINE_FAILURES as error:
        _discard(client, container)
        raise engine_error(error, f"preparing a container from {request.image}") from error
    return container


def _discard(client: docker.APIClient, name: str) -> None:
    # The engine may have made it although its answer was lost. What cannot be removed now is found by its label at the next start.
    with suppress(*ENGINE_FAILURES, EngineError):
        _make_room(client, name)


def _refused(error: Exception, doing: str, request: ContainerRequest) -> EngineError:
    told = engine_error(error, doing)
    if request.strict:
        return EngineError(told.message, "this engine may not have what --strict asks for: leave it out, or use another", kind="strict")
    return told


def _create(client: docker.APIClient, request: ContainerRequest, image: Mapping[str, Any], command: Sequence[str]) -> Mapping[str, Any]:
    # Asking first whether the name is free and what the engine can do would cost every start; the engine's refusal tells.
    cpus = request.limits.cpus
    storage = size_option(image, request.limits.disk)
    for _ in range(4):
        try:
            profile = _profile(client, request, image, cpus, storage)
            return dict(client.create_container(image["Id"], name=request.name, entrypoint=list(command), **profile))
        except APIError as error:
            said = str(error.explanation)
            if error.status_code == 409:
                _make_room(client, request.name)
            elif error.status_code == 400 and "CPUs" in said:
                cpus = min(cpus, float(client.info()["NCPU"]))
            elif storage and "storage" in said.lower():
                storage = {}
            else:
                raise
    raise EngineError(f"a container named {request.name} appears again and again", "choose another name")


def _profile(
    client: docker.APIClient, request: ContainerRequest, image: Mapping[str, Any], cpus: float, storage: Mapping[str, str]
) -> dict[str, Any]:
    limits = request.limits
    settings = {**_host_config(client, request, cpus), **({"StorageOpt": dict(storage)} if storage else {})}
    return {
        "user": MONITOR_USER,
        "working_dir": WORKSPACE,
        "hostname": HOSTNAME,
        "environment": {**_environment(image, cpus), **(_TRUST if request.certificates and not request.strict else {})},
        "labels": {
            LABEL: "1",
            f"{LABEL}.name": request.name,
            f"{LABEL}.session": request.session,
            f"{LABEL}.owner": owner(),
            f"{LABEL}.lifetime": str(limits.lifetime),
            f"{LABEL}.created": str(int(time.time())),
            f"{LABEL}.tied": "yes" if request.tied_to_us else "no",
        },
        "healthcheck": {"test": ["NONE"]},
        "stdin_open": True,
        "detach": not request.tied_to_us,  # not detached: the engine closes its standard input once the first client is gone
        "use_config_proxy": False,  # the library would hand the user's proxy, with its password, to every container
        "host_config": {
            **settings,
            **(strict_changes() if request.strict else {}),
            **runtime_option(client.info, request.runtime, request.strict),
        },
    }


def strict_changes() -> dict[str, Any]:
    """Return what the strict profile changes in the host configuration: a read-only system, folders in memory, no network."""
    uid, gid = PROGRAM_USER.split(":")
    monitor = MONITOR_USER.partition(":")[0]
    writable = f"rw,exec,nosuid,nodev,nr_inodes=50000,uid={uid},gid={gid},mode=0755"  # noexec would break numpy
    return {
        "ReadonlyRootfs": True,
        "NetworkMode": "none",
        "Tmpfs": {
            WORKSPACE: f"{writable},size=256m",
            HOME: f"{writable},size=512m",
            "/tmp": "rw,noexec,nosuid,nodev,size=64m",
            _SHELL_FOLDER: f"rw,exec,nosuid,nodev,nr_inodes=10,uid={monitor},mode=0755,size=8m",
        },
    }


def _host_config(client: docker.APIClient, request: ContainerRequest, cpus: float) -> dict[str, Any]:
    limits = request.limits
    return dict(
        client.create_host_config(
            auto_remove=request.remove_when_stopped,
            init=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges", f"seccomp={_SECCOMP.read_text('utf-8')}"],
            pids_limit=limits.pids,
            mem_limit=limits.memory,
            memswap_limit=limits.memory,
            nano_cpus=int(cpus * 10**9),  # an engine refuses more than it has: see _create
            ipc_mode="private",
            shm_size="64m",
            oom_score_adj=500,
            ulimits=[Ulimit(name=n, soft=most, hard=most) for n, most in (("nofile", 1024), ("core", 0), ("fsize", limits.file_size))],
            log_config=LogConfig(type="none"),
            network_mode=NETWORK,
            binds={host: dict(bind) for host, bind in request.binds.items()} or None,
            # Servers look up the name of their own host; without an answer here, that would count as a use of the network.
            extra_hosts={HOSTNAME: "127.0.0.1", **request.hosts},
            device_requests=list(request.devices) or None,
        )
    )


def _environment(image: Mapping[str, Any], cpus: float) -> dict[str, str]:
    threads = str(max(1, int(cpus)))
    given = (image.get("Config") or {}).get("Env") or []
    path = next((line[5:] for line in given if line.startswith("PATH=")), _DEFAULT_PATH)
    return {
        "PATH": f"{PACKAGES}/bin:{path}",
        "HOME": HOME,
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "LANG": "C.UTF-8",
        # In place of ~/.local, where a program could leave start-up files and modules for the programs after it.
        "PYTHONUSERBASE": PACKAGES,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8:replace",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INPUT": "1",
        "PIP_RETRIES": "1",  # where there is no network, a program that calls pip waits ten seconds otherwise; our own calls try more often
        "CGO_ENABLED": "0",  # Go without a C compiler beside it
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads),
    }


def _contents(certificates: bytes) -> bytes:
    # A plain tar: an engine unpacks a compressed one with the container's own tools, as the host's root (CVE-2026-41567).
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        # pip's user, as whom the code of a package may run while it is built, cannot look into the programs' folders.
        for name, user in ((WORKSPACE, PROGRAM_USER), (HOME, PROGRAM_USER), (PACKAGES, PIP_USER), (_SHELL_FOLDER, MONITOR_USER)):
            mode = 0o700 if user == PROGRAM_USER else 0o755
            uid, gid = (int(part) for part in user.split(":"))
            member = tarfile.TarInfo(name.lstrip("/"))
            member.type, member.mode, member.uid, member.gid, member.mtime = tarfile.DIRTYPE, mode, uid, gid, int(time.time())
            archive.addfile(member)
        if certificates:
            member = tarfile.TarInfo(CERTIFICATES.lstrip("/"))
            member.size, member.mtime = len(certificates), int(time.time())
            archive.addfile(member, io.BytesIO(certificates))
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
    """Make a name that no other container has."""
    return f"{LABEL}-{uuid.uuid4().hex[:12]}"
