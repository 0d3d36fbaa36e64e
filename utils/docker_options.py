"""What of a container depends on its image and its engine: images that are refused, a bound for the disk, a stronger runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from utils.errors import EngineError

_WITH_SIZE = ("btrfs", "zfs", "devicemapper")  # storage drivers that can bound a container's layer on any of their file systems
_MOUNTS = Path("/proc/self/mounts")


def refuse_volumes(name: str, image: Mapping[str, Any]) -> None:
    """Raise EngineError for an image with volumes: nothing counts what is written there, and they outlive the container."""
    volumes = sorted((image.get("Config") or {}).get("Volumes") or {})
    if volumes:
        hint = "choose an image without VOLUME; `docker export` and `docker import` make one from a container of this image"
        raise EngineError(f"the image {name} has volumes ({', '.join(volumes)}), which no limit bounds", hint, kind="image")


def size_option(image: Mapping[str, Any], limit: int) -> dict[str, str]:
    """Return the storage option that bounds a container of this image to so many bytes; nothing if the engine cannot do that."""
    driver = image.get("GraphDriver") or {}
    upper = str((driver.get("Data") or {}).get("UpperDir") or "")
    if driver.get("Name") in _WITH_SIZE or (driver.get("Name") == "overlay2" and upper and _has_quota(upper)):
        return {"size": str(limit)}
    return {}


def runtime_option(info: Callable[[], Mapping[str, Any]], name: str, strict: bool) -> dict[str, str]:
    """Return the option that names the runtime: the one of this name, or gVisor's for the strict profile if the engine has it.

    `info` gives what the engine says of itself. EngineError if it has none of this name.
    """
    if not name and not strict:
        return {}
    there = sorted(info().get("Runtimes") or {})
    wanted = name or "runsc"  # gVisor: a program's system calls do not reach the kernel of the engine's machine
    if wanted in there:
        return {"Runtime": wanted}
    if name:
        told = f"the engine has no runtime {name!r}, only: {', '.join(there)}"
        raise EngineError(told, "install it in the engine, or leave SANDBOX_RUNTIME empty", kind="runtime")
    return {}


def _has_quota(folder: str) -> bool:
    """Whether the folder is on XFS with project quotas; for an engine elsewhere the answer may be wrong, and the engine then refuses."""
    rows: list[list[str]] = []
    with suppress(OSError):
        rows = [line.split() for line in _MOUNTS.read_text().splitlines()]
    holding = [row for row in rows if len(row) > 3 and PurePosixPath(folder).is_relative_to(row[1])]
    if not holding:
        return False
    _, _, kind, options, *_ = max(holding, key=lambda row: len(row[1]))
    return kind == "xfs" and bool({"prjquota", "pquota"} & set(options.split(",")))
