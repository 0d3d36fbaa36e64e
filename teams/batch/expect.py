"""Whether a program's output holds what a task expects."""

from __future__ import annotations

import asyncio
import re
import sys

_SECONDS = 10.0
_SEARCH = """
import re, sys
pattern, _, text = sys.stdin.buffer.read().partition(b"\\0")
sys.exit(0 if re.search(pattern.decode("utf-8", "replace"), text.decode("utf-8", "replace")) else 1)
"""


async def expectation_fails(pattern: str, output: str, seconds: float = _SECONDS) -> str:
    """Return why the output does not hold the pattern; nothing if it does.

    A pattern with repetitions is searched for in a process of its own, for a limited time: the output is a program's, and one that is
    made for it can keep the search busy for years.
    """
    if not set(pattern) & set("*+{?"):
        return "" if re.search(pattern, output) else f"the output does not match {pattern!r}"
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", _SEARCH, stdin=pipe, stderr=nowhere)
    try:
        data = pattern.encode("utf-8", "replace") + b"\0" + output.encode("utf-8", "replace")
        await asyncio.wait_for(process.communicate(data), seconds)
    except asyncio.TimeoutError:
        return f"the output could not be searched for {pattern!r} within {seconds:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return "" if process.returncode == 0 else f"the output does not match {pattern!r}"
