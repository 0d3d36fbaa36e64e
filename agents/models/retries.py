"""How often a request is made, how long the client waits in between, and what it says about that."""

from __future__ import annotations

import random

from agents.models.server_words import LONGEST_WAIT, retry_after, status_of

_FIRST_WAIT = 2.0  # seconds; doubled with each try
_MOST_DOUBLINGS = 5
_PATIENT_TRIES = 100  # if many clients ask together and the service is busy: they are why, and waiting helps
# How often a request is made in all, by the kind of failure; a kind that is not here is not asked again.
_TRIES = {
    "rate-limit": 4,
    "server": 4,
    "cut": 4,
    "hung-up": 4,
    "unreachable": 3,
    "stalled": 2,
    "empty": 2,
    "tools": 2,
    "malformed": 2,
    "html": 2,
}
_NOTICES = {
    "rate-limit": "The model is busy{status}.",
    "quota": "The quota is used up for now{status}.",
    "server": "The model's server failed{status}.",
    "cut": "The answer broke off, and the part that arrived is dropped.",
    "hung-up": "The model's server closed the connection without an answer.",
    "unreachable": "The model cannot be reached.",
    "stalled": "The model sent nothing for {timeout:g} s.",
    "empty": "The model sent an empty answer.",
    "tools": "The model called a tool instead of answering.",
    "malformed": "The model's server sent something that is not an answer.",
    "html": "The model's address answered with a web page.",
}


def most_tries(error: Exception, kind: str, *, shared: bool) -> int:
    """Return how often a request is made in all that fails so; `shared` if many clients ask the service together."""
    if shared and kind == "rate-limit":
        return _PATIENT_TRIES
    asked = retry_after(error)
    if kind == "quota":  # some services call a limit per minute so, and say when it is over
        return 1 if asked is None or asked > LONGEST_WAIT else _TRIES["rate-limit"]
    most = _TRIES.get(kind, 1)
    return 1 if asked is not None and asked > LONGEST_WAIT * (most - 1) else most


def wait_before(tries: int, error: Exception) -> float:
    """Return how many seconds to wait after so many tries, the last of which failed so."""
    # Jitter: many clients of one busy service must not come back in step.
    wait = retry_after(error) or _FIRST_WAIT * 2 ** min(tries - 1, _MOST_DOUBLINGS) * random.uniform(0.75, 1.25)
    return min(wait, LONGEST_WAIT)


def notice(error: Exception, kind: str, wait: float, count: str, timeout: float) -> str:
    """Say in a sentence each what failed and when the next try is; `count` tells which of how many, times are in seconds."""
    status = status_of(error)
    what = _NOTICES[kind].format(status=f" ({status})" if status else "", timeout=timeout)
    return f"{what} Trying again in {max(1, round(wait))} s ({count})."
