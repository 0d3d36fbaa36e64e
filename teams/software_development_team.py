"""The team: the agents take turns in a round robin until a word ends the talk, a step is stopped, or the model fails."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from autogen_agentchat.base import ChatAgent, TaskResult
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken

from agents import code_generator_agent, user_proxy_agent
from agents.code_generator_agent import word_of_the_generator
from agents.events import AGENT_EVENTS, TASK_SOURCE, Journal, MemoryJournal
from teams.recovery import Recovery
from teams.restoring import MANAGER, outcome_of, restore_recovery, restored_state, without_steps_gone_back
from teams.termination import JournalCondition, SpokenWordTermination
from utils.words import APPROVE, NOTES, STOP, STOPPED_STEP, spoken_word

TeamEvent = BaseAgentEvent | BaseChatMessage | TaskResult
_KEPT_MESSAGES = 20  # at most in AutoGen's own thread, which nobody reads; the journal has all of them


def quiet_autogen() -> None:
    """Keep AutoGen from printing: it logs a traceback for each step that is stopped, and we report failures ourselves."""
    for name in ("autogen_core", "autogen_core.events", "autogen_agentchat", "autogen_agentchat.events"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"autogen_\w+")


class SoftwareDevelopmentTeam:
    """Three agents, or more, that take turns; the conversation is kept from one task to the next.

    AutoGen's RoundRobinGroupChat is dead after a cancelled turn or an agent's exception, and after any other end it goes on with the
    next in turn where a new task is for the generator. So each run gets a RoundRobinGroupChat of its own, made from the state that
    the run before left behind: there is one way to begin, whatever happened.
    """

    def __init__(self, participants: Sequence[ChatAgent], recovery: Recovery, journal: Journal | None = None) -> None:
        """Take the agents in the order of their turns, the generator first, the policy for failed runs, and where messages are kept."""
        self._recovery = recovery
        self._journal = journal or MemoryJournal()
        self._participants = list(participants)
        self._state: Mapping[str, Any] | None = None
        self._said: list[BaseChatMessage] = []  # the whole conversation
        self._was_stopped = False
        self.goes_on = False
        """Whether the next run without a message goes on with whoever is due, rather than with the generator."""

    async def run_stream(
        self, message: str | None, cancellation_token: CancellationToken, notes: str = ""
    ) -> AsyncGenerator[TeamEvent, None]:
        """Yield everything that the agents say and do about the message, the TaskResult last.

        `stop_reason` of the TaskResult is the word that ended the talk, and its last message's source is who said it. None as the message
        asks the generator again; `notes` is what the model reads before the message. Cancelling the token ends the run with
        CancelledError; what was said until then is kept.
        """
        goes_on, self.goes_on = self.goes_on and message is None, False
        if not goes_on:
            self._recovery.start_again()
            self._state = None if self._state is None else _ready_for_next_message(self._state)
        team = self._build()
        if self._state is None:
            for agent in self._participants:
                await agent.on_reset(cancellation_token)
        else:
            await team.load_state(self._state)
        stream = team.run_stream(task=self._task(message, notes), cancellation_token=cancellation_token)
        try:
            async with aclosing(_stopped_with_its_reader(stream, cancellation_token)) as events:
                async for event in events:
                    yield event
        finally:
            self._was_stopped = cancellation_token.is_cancelled()
            self._state = _ready_for_next_message(await team.save_state())

    async def restore(self, messages: Sequence[BaseChatMessage], *, was_stopped: bool = False) -> None:
        """Take up a conversation of an earlier process: the next run without a message goes on with whoever is due.

        `was_stopped` says that the user stopped the step that followed the messages.
        """
        self._said = messages = without_steps_gone_back(messages)
        team = self._build()
        for agent in self._participants:
            await agent.on_reset(CancellationToken())
        self._state = restored_state(await team.save_state(), messages, [agent.name for agent in self._participants])
        self._was_stopped = was_stopped
        self.goes_on = not was_stopped and bool(messages) and not outcome_of(messages)
        restore_recovery(self._recovery, messages)

    async def end(self, word: TextMessage) -> None:
        """End a task whose last step did not finish with the user's word."""
        await self.restore([*self._said, word])

    @property
    def next_speaker(self) -> str:
        """Return whose turn a run without a message begins with."""
        place = self._state["agent_states"][MANAGER]["next_speaker_index"] if self.goes_on and self._state else 0
        return self._participants[place].name

    def forget(self) -> None:
        """Start a fresh conversation with the next message."""
        self._state = None
        self._said = []
        self._was_stopped = self.goes_on = False

    def messages(self) -> list[Mapping[str, Any]]:
        """Return the newest messages of the conversation, oldest first, as AutoGen dumps them; the journal has all of them."""
        return [] if self._state is None else list(self._state["agent_states"][MANAGER]["message_thread"])

    def _task(self, message: str | None, notes: str) -> list[BaseChatMessage] | None:
        if message is None:
            return None
        note = [TextMessage(source=TASK_SOURCE, content=STOPPED_STEP)] if self._was_stopped else []
        counted = {NOTES: str(len(notes))} if notes else {}
        return [*note, TextMessage(source=TASK_SOURCE, content=notes + message, metadata=counted)]

    def _build(self) -> RoundRobinGroupChat:
        approved = SpokenWordTermination(APPROVE, {user_proxy_agent.NAME: spoken_word})
        stopped = SpokenWordTermination(STOP, {user_proxy_agent.NAME: spoken_word, code_generator_agent.NAME: word_of_the_generator})
        return RoundRobinGroupChat(
            list(self._participants),
            termination_condition=JournalCondition(self._journal, self._said) | approved | stopped,
            custom_message_types=list(AGENT_EVENTS),
        )


async def _stopped_with_its_reader(stream: AsyncGenerator[TeamEvent, None], token: CancellationToken) -> AsyncGenerator[TeamEvent, None]:
    """Yield what the team's stream yields; cancel the token if the reader leaves or is cancelled.

    Without that, AutoGen would wait for agents whose questions nobody answers any more.
    """
    step: asyncio.Future[TeamEvent | None] | None = None
    try:
        while True:
            # A task of its own: a reader that is cancelled must not cancel AutoGen in the middle of its own waiting.
            step = asyncio.ensure_future(anext(stream, None))
            await asyncio.wait({step})
            event = step.result()
            if event is None:
                return
            yield event
    except (GeneratorExit, asyncio.CancelledError):
        token.cancel()
        if step is not None:
            await asyncio.wait({step})
        with suppress(asyncio.CancelledError):
            await stream.aclose()
        raise


def _ready_for_next_message(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a state saved after any end into one from which the generator speaks next.

    An agent that was stopped or failed in the middle of its turn has the messages of that turn twice: in its model context, where it
    copied them before the model was called, and in the buffer of messages not yet seen. The second copy is dropped.
    """
    state: dict[str, Any] = json.loads(json.dumps(saved))
    for name, agent in state["agent_states"].items():
        if name == MANAGER:
            agent["message_thread"] = agent["message_thread"][-_KEPT_MESSAGES:]
            agent["next_speaker_index"] = 0
            agent["current_turn"] = 0
            continue
        buffered = agent.get("message_buffer") or []
        context = ((agent.get("agent_state") or {}).get("llm_context") or {}).get("messages") or []
        seen = [(message.get("source"), message.get("content")) for message in context[-len(buffered) :]] if buffered else []
        if buffered and seen == [(message["source"], message["content"]) for message in buffered]:
            agent["message_buffer"] = []
    return state
