"""What can be found out about the engine, the image and the limits without a session: for the doctor."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from sandbox.container import SandboxContainer
from sandbox.engine.find import NoEngine, describe_engine, find_engine, other_places, tried_places
from sandbox.engine.limit_check import Fact, State, check_limits
from sandbox.engine.start_checks import check_memory, engine_info
from sandbox.exec_stream import Command
from sandbox.files.host_folder import HostFolder
from sandbox.languages import LANGUAGES
from utils.docker_utils import ENGINE_FAILURES, SHELL, ContainerRequest, Limits, engine_error, unique_name
from utils.errors import AppError, EngineError
from utils.text import size_text

_NEEDED = ("sh", "timeout", "cp", "head", "find")
_STEPS = [step for language in LANGUAGES for step in (language.build, language.run) if step]
_ASKED = " ".join(dict.fromkeys((*_NEEDED, *(tool for step in _STEPS for tool in step.tools))))
_TOOLS = f"for tool in {_ASKED}; do command -v $tool >/dev/null 2>&1 && echo $tool; done"


@dataclass(frozen=True)
class Finding:
    """One line of what was found: fine, what failed and what to do, or only worth knowing."""

    subject: str
    text: str
    error: AppError | None = None  # nothing: it is fine
    fine: bool = True  # False without an error: it is neither fine nor wrong


def inspect_sandbox(
    image: str, limits: Limits, strict: bool, runtime: str = "", images: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Look at the engine, the image and the limits in force, and yield what was found as it is found; blocks, and never pulls."""
    try:
        found = find_engine()
    except NoEngine as error:
        yield Finding("engine", error.message, error)
        yield from (Finding("looked at", text, fine=False) for text in tried_places(error))
        return
    try:
        others = "; not taken: " + "; ".join(other_places(found)) if other_places(found) else ""
        yield Finding("engine", f"{found.place.name} at {found.place.address}: {describe_engine(found.client)}{others}")
        yield from _inspect_machine(found.client, limits)
        yield from _inspect_image(found.client, image, limits, strict, runtime, images or {})
    except ENGINE_FAILURES as error:
        told = engine_error(error, "asking the engine")
        yield Finding("engine", told.message, told)
    finally:
        found.client.close()


def _inspect_machine(client: docker.APIClient, limits: Limits) -> Iterator[Finding]:
    info = engine_info(client)
    words = f"{info.get('NCPU', '?')} processors, {size_text(int(info.get('MemTotal') or 0) // 2**20 * 2**20)}"
    rootless = ", rootless" if any("rootless" in each for each in info.get("SecurityOptions") or []) else ""
    stronger = ", runsc" if "runsc" in (info.get("Runtimes") or {}) else ""
    text = f"{words}, cgroup v{info.get('CgroupVersion', '?')}, {info.get('Driver', '?')}{rootless}{stronger}"
    try:
        concern = check_memory(limits, info)
        yield Finding("machine", concern or text)
    except AppError as error:
        yield Finding("machine", error.message, error)


def _inspect_image(
    client: docker.APIClient, image: str, limits: Limits, strict: bool, runtime: str, images: Mapping[str, str]
) -> Iterator[Finding]:
    try:
        seen = client.inspect_image(image)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        error = EngineError(f"{image} is not here", f"run `docker pull {image}`; a session pulls it by itself", kind="image")
        yield Finding("image", error.message, error)
        return
    try:
        request = ContainerRequest(image, unique_name(), replace(limits, network="off"), strict=strict, runtime=runtime)
        container = SandboxContainer(client, request)
    except EngineError as error:
        yield Finding("image", error.message, error)
        return
    try:
        tools = container.run(Command([SHELL, "-c", _TOOLS])).output.decode("utf-8", "replace").split()
        yield _judge_tools(image, tools, int(seen.get("Size") or 0))
        yield _find_languages(client, tools, images)
        yield _judge_limits(check_limits(container, request.limits, strict=strict))
    except EngineError as error:
        yield Finding("limits", error.message, error)
    finally:
        container.remove()


def _judge_tools(image: str, tools: list[str], length: int) -> Finding:
    missing = [name for name in _NEEDED if name not in tools]
    if not {"python3", "python"} & set(tools):
        missing.append("python")
    if not missing:
        return Finding("image", f"{image} is here ({size_text(length // 2**20 * 2**20)}) and has what is needed")
    told = f"{image} has no {', '.join(missing)}"
    return Finding("image", told, EngineError(told, "set SANDBOX_IMAGE to an image that has them, such as python:3.12-slim", kind="image"))


def _find_languages(client: docker.APIClient, tools: Collection[str], images: Mapping[str, str]) -> Finding:
    """Say of each language where it runs, or what has to be pulled for it."""
    places: dict[str, list[str]] = {"here": [], "here, in an image of its own": [], "to pull": []}
    for language in LANGUAGES:
        own = images.get(language.key) or language.image
        steps = filter(None, (language.build, language.run))
        if language.key not in images and all(set(step.tools) & set(tools) for step in steps):
            places["here"].append(language.name)
        elif own and _is_here(client, own):
            places["here, in an image of its own"].append(f"{language.name} ({own})")
        elif own:
            places["to pull"].append(f"{language.name} ({own}" + (f", about {language.download} MB)" if own == language.image else ")"))
    return Finding("languages", "; ".join(f"{place}: {', '.join(names)}" for place, names in places.items() if names))


def _is_here(client: docker.APIClient, image: str) -> bool:
    try:
        client.inspect_image(image)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return False
    return True


def _judge_limits(facts: tuple[Fact, ...]) -> Finding:
    open_ones = [fact for fact in facts if fact.state is not State.IN_FORCE]
    if not open_ones:
        return Finding("limits", "in force: " + ", ".join(fact.limit for fact in facts))
    told = "; ".join(f"{fact.limit} {fact.state.value}" + (f" ({fact.seen})" if fact.seen else "") for fact in open_ones)
    hint = "use an engine that keeps them: rootless engines need cgroup v2 with delegation; --strict refuses to start without them"
    return Finding("limits", told, EngineError(told, hint, kind="limits"))


def inspect_folder(folder: Path) -> int:
    """See that the folder (made if it is not there) can be written, and return the free bytes; OSError if it cannot."""
    import shutil

    folder.mkdir(parents=True, exist_ok=True)
    store = HostFolder(folder)
    store.discard(store.begin())
    return shutil.disk_usage(folder).free
