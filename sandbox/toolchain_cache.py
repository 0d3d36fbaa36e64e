"""What a toolchain has compiled of its own library, kept on this machine: compiled once by a program of ours, never taken from a session.

A cache that programs could write would be a way from one session into the next. So it is filled in a container of its own, in which nothing
of a model's ever runs, and each session gets a copy.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tarfile
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import IO

import docker

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.languages import Language
from sandbox.program import Denied, Job, NotStarted, run_program
from sandbox.verdicts import Verdict
from utils.docker_utils import ENGINE_FAILURES, HOME, SHELL, ContainerRequest, unique_name
from utils.errors import EngineError

_KEPT = 2  # images whose caches are kept for each language
_FAR = 4_000_000_000  # seconds since the epoch: Go throws away what is older than some days
_FILLING = threading.Lock()  # one is filled, many wait for it
_UNPACK = 'PATH=${PATH#*:}; cd "$HOME" && exec tar -xf -'
_LOG = logging.getLogger(__name__)


def bring_cache(
    client: docker.APIClient, container: SandboxContainer, request: ContainerRequest, language: Language, stop: threading.Event
) -> None:
    """Copy the toolchain's compiled library into a container in which nothing runs, after compiling it if it is not on this machine.

    Nothing happens if it cannot be had, or is stopped while it compiles: compiling takes longer then.
    """
    if request.caches is None or not language.warm:
        return
    try:
        file = _file(client, request, language)
        with _FILLING:
            if not file.is_file():
                _fill(client, request, language, file, stop)
        with file.open("rb") as archive:
            if request.strict:  # its folders are in memory, where an engine puts nothing
                container.run(Command([SHELL, "-c", _UNPACK], stdin=archive.read(), seconds=60))
            else:
                client.put_archive(container.id, HOME, archive)
        os.utime(file)  # the newest are kept
    except (*ENGINE_FAILURES, NotStarted, Denied, EngineError, tarfile.TarError) as error:
        _LOG.info("the compiled library of %s is not there: %s", language.name, error)


def _file(client: docker.APIClient, request: ContainerRequest, language: Language) -> Path:
    image = client.inspect_image(request.image)["Id"]  # type: ignore[no-untyped-call]
    mark = hashlib.sha256("\0".join((image, language.warm, repr(language.build))).encode()).hexdigest()[:16]
    return Path(str(request.caches), f"{language.key}-{mark}.tar")


def _fill(client: docker.APIClient, request: ContainerRequest, language: Language, file: Path, stop: threading.Event) -> None:
    limits = replace(request.limits, network="off", timeout=language.build_seconds)
    container = SandboxContainer(client, replace(request, name=unique_name(), limits=limits, strict=False, remove_when_stopped=True))
    try:
        job = Job(language, language.warm, language.file_name, step=language.build)
        run, _ = run_program(container, job, limits, container.empty().counters, stop, lambda text: None)
        container.empty()
        if run.verdict is not Verdict.OK:
            raise EngineError(f"it does not compile: {run.output[-500:]}", "")
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile() as fetched:
            for piece in client.get_archive(container.id, f"{HOME}/{language.cache}")[0]:
                fetched.write(piece)
            fetched.seek(0)
            _keep(fetched, file, language.cache)
    finally:
        container.remove()
    for old in sorted(file.parent.glob(f"{language.key}-*.tar"), key=lambda each: each.stat().st_mtime)[:-_KEPT]:
        old.unlink(missing_ok=True)


def _keep(fetched: IO[bytes], file: Path, place: str) -> None:
    """Store the archive under its place in the programs' home, whole or not at all."""
    above = Path(place).parent
    part = file.with_name(f".{unique_name()}.part")
    try:
        with tarfile.open(fileobj=fetched, mode="r:") as source, tarfile.open(part, mode="w") as target:
            for folder in reversed((above, *(each for each in above.parents if each.name))):
                target.addfile(_folder(source, folder))
            for member in source:
                member.name, member.mtime = str(above / member.name), _FAR
                if member.isfile():
                    target.addfile(member, source.extractfile(member))
                elif member.isdir():
                    target.addfile(member)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _folder(source: tarfile.TarFile, name: Path) -> tarfile.TarInfo:
    first = source.getmembers()[0]
    member = tarfile.TarInfo(str(name))
    member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, 0o755, first.uid, first.gid
    return member
