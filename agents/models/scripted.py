"""The model of the demo: it answers from a script, so that the rest of the program can be seen at work without a key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from autogen_core.models import AssistantMessage, CreateResult, LLMMessage, UserMessage
from autogen_ext.models.replay import ReplayChatCompletionClient

from agents.models.demo_scenes import SCENES, Scene
from utils.errors import ModelError

_OFF_SCRIPT = "(scripted) This demo has answers for its own tasks only. Type STOP, and take the line that is suggested next."


class ScriptedModel(ReplayChatCompletionClient):
    """AutoGen's replay client, which finds the next answer from the conversation itself and streams it as a real model does."""

    def __init__(self, scenes: Sequence[Scene] = SCENES, *, seconds_per_piece: float = 0.0) -> None:
        """Take the scenes, and how long to wait between two pieces of an answer."""
        super().__init__([])
        self.last_error: ModelError | None = None  # as the other clients have it; a script does not fail
        self.calls = 0
        self._scenes = scenes
        self._seconds_per_piece = seconds_per_piece

    async def create(self, messages: Sequence[LLMMessage], **kwargs: Any) -> CreateResult:
        """Return the answer that the script has for the conversation."""
        # The list grows by the answer that is due, so that the replay client's own place in it is right.
        self.calls += 1
        self.chat_completions.append(self._answer(messages))
        return await super().create(messages, **kwargs)

    async def create_stream(self, messages: Sequence[LLMMessage], **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the answer piece by piece, then whole; the base class would take the line breaks out of the pieces."""
        result = await self.create(messages, **kwargs)
        for piece in re.findall(r"\s*\S+|\s+$", str(result.content)):
            if self._seconds_per_piece:
                await asyncio.sleep(self._seconds_per_piece)
            yield piece
        yield result

    def _answer(self, messages: Sequence[LLMMessage]) -> str:
        tasks = {scene.task: scene for scene in self._scenes}
        answered = 0
        for message in reversed(messages):
            if isinstance(message, AssistantMessage):
                answered += 1
            elif isinstance(message, UserMessage) and message.content in tasks:
                answers = tasks[str(message.content)].answers
                return answers[answered] if answered < len(answers) else _OFF_SCRIPT
        return _OFF_SCRIPT
