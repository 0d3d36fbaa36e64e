"""How many tokens, and how much money, the requests of a task may cost; a request that would pass that is not made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from utils.errors import ExitStatus, ModelError, UsageError
from utils.settings import Settings

LEAST_ANSWER = 64  # tokens; less room than this is not worth a request
TEMPLATE = 40  # tokens that a model's template puts around the messages, roughly
ORDINARY_ANSWER = 16_384  # tokens; with this much room, the request names no limit: some models refuse one above their own


class BudgetReached(ModelError):
    """The limit of a task was reached: nothing failed, but the task is not done."""

    status = ExitStatus.NOT_DONE


@dataclass
class Budget:
    """The limits of one task, and what was spent of them; prices are for a million tokens."""

    max_tokens: int | None = None
    max_cost: float | None = None
    price_in: float | None = None
    price_out: float | None = None
    tokens_in: int = field(default=0, init=False)
    tokens_out: int = field(default=0, init=False)
    _characters_a_token: float = field(default=3.0, init=False)  # a cautious guess, until the service has counted

    def __post_init__(self) -> None:
        """See that a limit of the cost can be kept; raises UsageError."""
        if self.max_cost is not None and (self.price_in is None or self.price_out is None):
            hint = "set MODEL_PRICE_IN and MODEL_PRICE_OUT, the prices of a million tokens"
            raise UsageError("MAX_COST needs the prices of the model", hint, kind="setting")

    def renewed(self) -> Budget:
        """Return the same limits for the next task, with nothing spent; what was learned about tokens is kept."""
        fresh = replace(self)
        fresh._characters_a_token = self._characters_a_token
        return fresh

    @property
    def cost(self) -> float:
        """What was spent so far, in the currency of the prices."""
        return self._price(self.tokens_in, self.tokens_out)

    def room_for_answer(self, characters: int) -> int | None:
        """Return how many tokens the answer to a request of that size may have, None if any number; raises BudgetReached."""
        prompt = self._prompt_tokens(characters)
        room = float("inf")
        if self.max_tokens is not None:
            room = self.max_tokens - self.tokens_in - self.tokens_out - prompt
        if room < LEAST_ANSWER:
            used = self.tokens_in + self.tokens_out
            told = f"{self.max_tokens:,} tokens: {used:,} are used, and the next request would send about {prompt:,} more"
            raise BudgetReached(f"the task reached its limit of {told}", "Raise MAX_TOKENS.", kind="budget")
        if self.max_cost is not None:
            left = self.max_cost - self._price(self.tokens_in + prompt, self.tokens_out)
            price_out = self.price_out or 0.0
            room = min(room, left * 1e6 / price_out if price_out else (room if left >= 0 else 0))
        if room < LEAST_ANSWER:
            told = f"{self.max_cost:g}: {self.cost:.4f} is spent, and the next request would exceed it"
            raise BudgetReached(f"the task reached its cost limit of {told}", "Raise MAX_COST.", kind="budget")
        return None if room >= ORDINARY_ANSWER else int(room)

    def spend(self, sent: int, received: int, prompt_tokens: int, completion_tokens: int) -> None:
        """Count one request by its tokens; if the service has not counted them, by the characters sent and received."""
        if prompt_tokens and sent:
            self._characters_a_token = min(max(sent / max(prompt_tokens - TEMPLATE, 1), 1.0), 6.0)
        self.tokens_in += prompt_tokens or self._prompt_tokens(sent)
        self.tokens_out += completion_tokens or int(received / self._characters_a_token)

    def _prompt_tokens(self, characters: int) -> int:
        return int(characters / self._characters_a_token) + TEMPLATE

    def _price(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * (self.price_in or 0.0) + tokens_out * (self.price_out or 0.0)) / 1e6


def budget_of(settings: Settings) -> Budget | None:
    """Return the limits of one task that the settings name; None if they name none."""
    if settings.max_tokens is None and settings.max_cost is None:
        return None
    return Budget(settings.max_tokens, settings.max_cost, settings.price_in, settings.price_out)
