"""How one program's run is followed while it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock as AutoGenBlock

from agents.events import Preparing, ProgramOutput
from sandbox.sandbox import Sandbox
from sandbox.verdicts import ProgramRun
from utils.code_blocks import CodeBlock

MOST_OUTPUT = 65536  # characters of a program's output that are sent as they come: AutoGen keeps every event of a task
_PIECE_MILLISECONDS = 40


async def run_live(
    source: str, sandbox: Sandbox, block: CodeBlock, waits: list[str], token: CancellationToken
) -> AsyncGenerator[Preparing | ProgramOutput | ProgramRun, None]:
    """Run the block; yield what it waits for, its output piece by piece up to MOST_OUTPUT characters, and the finished run.

    `waits` is filled by the sandbox and emptied here.
    """
    room, more = MOST_OUTPUT, 0
    pieces: list[str] = []
    program = AutoGenBlock(code=block.code, language=block.language)
    files = [(file.name, file.text) for file in block.files]
    run = asyncio.ensure_future(sandbox.run_block(program, token, pieces.append, name=block.name, files=files))
    try:
        while not run.done():
            await asyncio.wait({run}, timeout=_PIECE_MILLISECONDS / 1000)
            while waits:
                yield Preparing(source=source, what=waits.pop(0))
            text = "".join(pieces)
            pieces.clear()
            shown = text[:room]
            room -= len(shown)
            more += len(text) - len(shown)
            if shown:
                yield ProgramOutput(source=source, content=shown)
        if more:
            yield ProgramOutput(source=source, content="", more=more)
        yield run.result()
    finally:
        if not run.done():
            run.cancel()
            await asyncio.wait({run})  # the program has to be dead before the team goes on
