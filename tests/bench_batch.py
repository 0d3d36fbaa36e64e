"""Measures a batch beside two shell loops that run the same programs with the bare engine: `python -m tests.bench_batch`.

Both are measured in slices that take turns, so that a busy moment of the machine falls on both.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.conftest import IMAGE
from tests.endpoint import ModelEndpoint
from tests.program import FACTORIAL, model_environment, start_piped

TASKS = int(os.environ.get("BENCH_TASKS", "200"))
JOBS = 2
SLICES = 4
TARGET = 0.75  # of the bare limit
FLAT = 1.10  # the peak of memory at the last task over that at the twentieth
PROGRAM = re.findall(r"```python\n(.*?)```", FACTORIAL, re.DOTALL)[0]
# What the engine does for one program, by its command line alone: a container, the program in it, and its end.
_LOOP = """
i=0
while [ $i -lt "$1" ]; do
  name="bench-$2-$i"
  docker run --detach --name "$name" --entrypoint sleep "$IMAGE" 600 >/dev/null &&
    printf %s "$PROGRAM" | docker exec --interactive "$name" python3 - >/dev/null && docker rm --force "$name" >/dev/null || exit 1
  i=$((i + 1))
done
"""


def measure_bare(tasks: int) -> float:
    """Return the seconds that the shell loops take for so many programs."""
    environment = {**os.environ, "IMAGE": IMAGE, "PROGRAM": PROGRAM}
    began = time.monotonic()
    loops = [
        subprocess.Popen(["sh", "-c", _LOOP, "sh", str(tasks // JOBS), f"{os.getpid()}-{number}"], env=environment)
        for number in range(JOBS)
    ]
    statuses = [loop.wait(timeout=600) for loop in loops]
    assert statuses == [0] * JOBS
    return time.monotonic() - began


class Memory:
    """The peak of memory of the batch's process (bytes) when the twentieth and the last result were there."""

    def __init__(self) -> None:
        self.early = self.late = 0

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Read the lines of results as they come."""
        assert process.stderr is not None
        for number, line in enumerate((line for line in process.stderr if line.startswith("✔".encode())), 1):
            if number == 20:
                self.early = peak(process.pid)
            if number % 10 == 0 or number > TASKS - 5:
                self.late = max(self.late, peak(process.pid))
            del line


def peak(pid: int) -> int:
    """Return the most memory (bytes) that the process has had so far; 0 if it has ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def measure_batch(tasks: int, folder: Path) -> tuple[float, Memory]:
    """Return the seconds from the first task's begin to the end of the last one, by a batch with an instant model."""
    lines = "".join(json.dumps({"id": f"t{number}", "task": f"task {number}"}) + "\n" for number in range(tasks))
    memory = Memory()
    with ModelEndpoint([FACTORIAL], repeat=True) as endpoint:
        began = time.monotonic()
        process = start_piped(["batch", "-", "--jobs", str(JOBS)], model_environment(endpoint, SANDBOX_IMAGE=IMAGE), folder)
        watching = threading.Thread(target=memory.watch, args=(process,))
        watching.start()
        assert process.stdin is not None
        process.stdin.write(lines.encode())
        process.stdin.close()
        assert process.stdout is not None
        results = [json.loads(line) for line in process.stdout]
        assert process.wait(timeout=60) == 0
        seconds = time.monotonic() - began
        watching.join()
    assert [result["output"] for result in results] == ["factorial(5) = 120\n"] * tasks
    return seconds, memory


def main() -> int:
    """Compare both, and return 1 if a target is not met."""
    bare = 0.0
    with tempfile.TemporaryDirectory() as name:
        for _ in range(SLICES // 2):
            bare += measure_bare(TASKS // SLICES)
        ours, memory = measure_batch(TASKS, Path(name))
        for _ in range(SLICES // 2):
            bare += measure_bare(TASKS // SLICES)
    share = bare / ours
    growth = memory.late / memory.early
    print(f"{TASKS} tasks with an instant model, --jobs {JOBS}, and the same programs by the docker command in {JOBS} shell loops\n")
    print(f"bare limit  {bare:>7.1f} s  {TASKS / bare:>5.2f} tasks/s")
    print(f"batch       {ours:>7.1f} s  {TASKS / ours:>5.2f} tasks/s  (start and end included)")
    print(f"\nTarget: at least {TARGET:.0%} of the bare limit: {'met' if share >= TARGET else 'NOT met'} ({share:.0%}).")
    print(
        f"Target: memory flat: peak {memory.early / 2**20:.0f} MiB at task 20, {memory.late / 2**20:.0f} MiB at the end: "
        f"{'met' if growth <= FLAT else 'NOT met'} ({growth:.0%})."
    )
    return 0 if share >= TARGET and growth <= FLAT else 1


if __name__ == "__main__":
    sys.exit(main())
