"""Builds the team's state from the messages alone, as if the process that wrote them had never ended.

AutoGen's own saved state is not used: its runtime is ahead of the messages, so that a state saved in the middle of a run goes on with
the wrong agent. What each agent knows follows from the messages: its model has seen all up to and with its own last one, and the
messages after that wait for its next turn.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from autogen_agentchat.messages import BaseChatMessage, TextMessage

from agents import code_generator_agent, user_proxy_agent
from agents.code_generator_agent import word_of_the_generator
from agents.events import RECOVERY_SOURCE, TASK_SOURCE, RunResult
from teams.recovery import Recovery
from utils.words import BACK_TO, spoken_word

Spoken = BaseChatMessage
"""What an agent or the user says, for those who know nothing of AutoGen."""
MANAGER = "RoundRobinGroupChatManager"
_TYPES: tuple[type[BaseChatMessage], ...] = (TextMessage, RunResult)


def dump_message(message: BaseChatMessage) -> dict[str, Any]:
    """Return the message as plain data, from which `load_message` makes it again."""
    return message.model_dump(mode="json")


def load_message(dumped: Mapping[str, Any]) -> BaseChatMessage:
    """Make a message from its data; ValueError if it is of no kind that a team sends."""
    for kind in _TYPES:
        if dumped.get("type") == kind.__name__:
            return kind.model_validate(dumped)
    raise ValueError(f"no message of a team is a {dumped.get('type')!r}")


def restored_state(template: Mapping[str, Any], messages: Sequence[BaseChatMessage], names: Sequence[str]) -> dict[str, Any]:
    """Return the state of a team that has said the messages; `template` is the state of one that has said nothing, `names` its agents."""
    state: dict[str, Any] = copy.deepcopy(dict(template))
    dumped = [message.dump() for message in messages]
    manager = state["agent_states"][MANAGER]
    manager.update(message_thread=dumped, current_turn=0, next_speaker_index=_next_speaker(messages, names))
    for name in names:
        agent = state["agent_states"][name]
        spoken = [place for place, message in enumerate(messages, 1) if _speaker(message) == name]
        seen = spoken[-1] if spoken else 0
        agent["message_buffer"] = dumped[seen:]
        if "llm_context" in agent["agent_state"]:
            agent["agent_state"]["llm_context"] = {"messages": [_as_seen(message, name) for message in messages[:seen]]}
    return state


def without_steps_gone_back(messages: Sequence[BaseChatMessage]) -> list[BaseChatMessage]:
    """Return the conversation as if each word that goes back over a step that did not finish had been said before that step."""
    kept: list[BaseChatMessage] = []
    for message in messages:
        first = next((place for place, each in enumerate(kept) if each.id == message.metadata.get(BACK_TO)), len(kept))
        kept[first:] = [message]
    return kept


def outcome_of(messages: Sequence[BaseChatMessage]) -> str:
    """Return APPROVE or STOP if the last message says so and ends the task, else ""."""
    last = messages[-1] if messages else None
    if not isinstance(last, TextMessage):
        return ""
    if last.source == user_proxy_agent.NAME:
        return spoken_word(last.content) or ""
    return (word_of_the_generator(last.content) or "") if last.source == code_generator_agent.NAME else ""


def restore_recovery(recovery: Recovery, messages: Sequence[BaseChatMessage]) -> None:
    """Let the policy decide again what it has decided, so that it counts as it did."""
    since: list[BaseChatMessage] = []
    for message in messages:
        if message.source == TASK_SOURCE:
            recovery.start_again()
        if _speaker(message) != user_proxy_agent.NAME:
            since.append(message)
            continue
        if not any(isinstance(each, RunResult) and each.said for each in since):
            recovery.decide(since)
        since = []


def _speaker(message: BaseChatMessage) -> str:
    # A failure that goes back without a question does so in the turn of the user's agent.
    return user_proxy_agent.NAME if message.source == RECOVERY_SOURCE else message.source


def _next_speaker(messages: Sequence[BaseChatMessage], names: Sequence[str]) -> int:
    last = _speaker(messages[-1]) if messages else TASK_SOURCE
    return (names.index(last) + 1) % len(names) if last in names and not outcome_of(messages) else 0


def _as_seen(message: BaseChatMessage, name: str) -> dict[str, Any]:
    if message.source == name:
        return {"content": message.to_model_text(), "thought": None, "source": name, "type": "AssistantMessage"}
    return dict(message.to_model_message().model_dump())
