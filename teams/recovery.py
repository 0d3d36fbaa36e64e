"""When a failed run goes back to the generator unasked, and when the person is asked instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from autogen_agentchat.messages import BaseChatMessage, TextMessage

from agents import code_executor_agent, code_generator_agent, user_proxy_agent
from sandbox.verdicts import Verdict

# A program that somebody stopped, or whose result is unknown, is no failure of the generator's.
_NOT_FAILURES = {Verdict.OK.value, Verdict.CANCELLED.value, Verdict.LOST.value, code_executor_agent.REFUSED}


@dataclass
class Recovery:
    """Decide after each run who comes next: the generator, to mend it, or the person.

    A failed run goes back at most `max_retries` times. The same error twice in a row, a time-out twice, or an answer without code twice
    asks the person at once. The count starts again with each message of the person.
    """

    max_retries: int
    tried: list[str] = field(default_factory=list)
    asked_because: str = ""
    _person_spoke: bool = True

    def start_again(self) -> None:
        """Count from the start at the next decision: the person has spoken."""
        self._person_spoke = True

    def decide(self, messages: Sequence[BaseChatMessage]) -> TextMessage | None:
        """Return the message that goes back to the generator, or None to ask the person, with the reason in `asked_because`."""
        if self._person_spoke:
            self.tried.clear()
            self._person_spoke = False
        message = self._send_back(messages)
        # Whoever is asked speaks next; what was tried stays readable until then.
        self._person_spoke = message is None
        return message

    def _send_back(self, messages: Sequence[BaseChatMessage]) -> TextMessage | None:
        result = next((m for m in reversed(messages) if m.source == code_executor_agent.NAME), None)
        verdict = result.metadata.get("verdict", "") if result else ""
        if verdict in _NOT_FAILURES or not verdict or self._is_plain_talk(messages, verdict):
            self.asked_because = ""
            return None
        failure = _describe(result.metadata if result else {}, verdict)
        reason = self._reason_to_ask(failure)
        self.tried.append(failure)
        self.asked_because = reason or ""
        if reason is not None:
            return None
        return TextMessage(
            source=user_proxy_agent.NAME,
            content=user_proxy_agent.SEND_CODE if verdict == code_executor_agent.NO_CODE else user_proxy_agent.MEND,
            metadata={"automatic": failure, "attempt": str(len(self.tried) + 1), "attempts": str(self.max_retries + 1)},
        )

    def _is_plain_talk(self, messages: Sequence[BaseChatMessage], verdict: str) -> bool:
        # An answer in prose to the person's own question is theirs to read. It is a failure only where code was due: after a failed run,
        # or where the answer holds blocks that could not be run.
        if verdict != code_executor_agent.NO_CODE or self.tried:
            return False
        answer = next((m for m in reversed(messages) if m.source == code_generator_agent.NAME), None)
        return not (isinstance(answer, TextMessage) and ("```" in answer.content or "~~~" in answer.content))

    def _reason_to_ask(self, failure: str) -> str | None:
        if self.tried and self.tried[-1] == failure:
            return "the same failure came twice in a row"
        if failure.startswith(_TIME) and any(earlier.startswith(_TIME) for earlier in self.tried):
            return "it took too long twice"
        if len(self.tried) >= self.max_retries:
            return f"{self.max_retries + 1} attempts failed" if self.max_retries else ""
        return None


_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit|Warning|Iteration)\b|[A-Za-z_][\w.]*: |Not installed: ")
_TIME = "stopped after the time limit"
_FAILURES = {
    code_executor_agent.NO_CODE: "no program in the answer",
    Verdict.TIME.value: _TIME,
    Verdict.MEMORY.value: "used more memory than allowed",
    Verdict.PROCESSES.value: "started too many processes",
    Verdict.OUTPUT.value: "printed too much",
    Verdict.DISK.value: "wrote too much",
    Verdict.KILLED.value: "was killed",
}


def _describe(metadata: dict[str, str], verdict: str) -> str:
    """Say in one line how the run failed."""
    error = metadata.get("error", "")
    if verdict == code_executor_agent.NO_CODE and error:
        return error
    if verdict == Verdict.NOT_RUN.value:
        return f"was not run: {error[:200]}"
    if verdict in _FAILURES:
        return _FAILURES[verdict]
    code = metadata.get("exit_code", "")
    if not error:
        return f"exit code {code} and no output"
    # A traceback ends with what went wrong; any other last line needs the exit code beside it to be understood.
    return error[:200] if _EXCEPTION.match(error) else f"exit code {code}; last line: {error[:200]}"
