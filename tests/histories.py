"""Sessions to fill a store with."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from history.records import (
    APPROVED,
    Approval,
    Attempt,
    Message,
    ModelCall,
    SessionInfo,
    StoredFile,
    StoredPackage,
    StoredSession,
)
from history.schema import MIGRATIONS
from history.store import Store

TASK = "Write a Python function to calculate the factorial of a number."
PROGRAM = 'def factorial(n):\n    return 1 if n < 2 else n * factorial(n - 1)\n\n\nprint(f"factorial(5) = {factorial(5)}")\n'
START = 1_790_000_000.0


def no_notice(text: str) -> None:
    raise AssertionError(text)


def info(session: str = "20260901-120000-abcd", **values: object) -> SessionInfo:
    given = {"started": START, "task": TASK, "model": "gpt-test", "provider": "openai", "image": "python:3.12-slim", **values}
    return SessionInfo(session, **given)  # type: ignore[arg-type]


def whole_session(session: str = "20260901-120000-abcd") -> StoredSession:
    """Return a session with two attempts, of which the second was approved."""
    return StoredSession(
        info(session, status=APPROVED, image_digest="sha256:" + "1" * 64, facts={"limits": {"memory": "2 GiB", "network": "off"}}),
        (
            Message("user", TASK, "m1", START),
            Message("CodeGeneratorAgent", "Here it is.\n\n```python\nprint(factorial(5))\n```\n", "m2", START + 4),
            Message(
                "CodeExecutorAgent",
                "[sandbox] The program failed with exit code 1.\nNameError: name 'factorial' is not defined",
                "m3",
                START + 5,
                {"verdict": "failed", "exit_code": "1", "error": "NameError: name 'factorial' is not defined"},
            ),
            Message("Recovery", "Correct the program.", "m4", START + 5.1),
            Message("CodeGeneratorAgent", f"I forgot the function.\n\n```python\n{PROGRAM}```\n", "m5", START + 9),
            Message("CodeExecutorAgent", "[sandbox] The program ended normally.\nfactorial(5) = 120", "m6", START + 10, {"verdict": "ok"}),
            Message("UserProxyAgent", "APPROVE", "m7", START + 70),
        ),
        (
            Attempt(
                *(1, 2, "python", "print(factorial(5))\n", START + 4.1, START + 4.3, "failed", 1, 0.2),
                "Traceback (most recent call last):\nNameError: name 'factorial' is not defined\n",
                file_name="program.py",
            ),
            Attempt(2, 5, "python", PROGRAM, START + 9.1, START + 9.5, "ok", 0, 0.4, "factorial(5) = 120\n", file_name="program.py"),
        ),
        (StoredFile("table.csv", "2" * 64, 12, 2),),
        (StoredPackage("numpy", "2.1.0", "3" * 64, True, 1),),
        (
            ModelCall(1, START + 4, "gpt-test", 310, 40, 0.001, 4.0),
            ModelCall(4, START + 9, "gpt-test", 500, 90, 0.002, 4.0),
        ),
        (Approval(1, "approved/01-factorial", (2,), START + 70),),
    )


def fill(store: Store, session: StoredSession) -> StoredSession:
    """Put the session into the store, as it would be written while it happens, and return it as it is kept."""
    name = session.info.id
    store.begin(session.info)
    for position, message in enumerate(session.messages):
        store.add_messages(name, position, [message])
        for attempt in session.attempts:
            if attempt.message == position + 1:
                store.start_attempt(name, attempt)
                if attempt.finished is not None:
                    store.finish_attempt(name, attempt)
    store.add(name, [*session.files, *session.packages, *session.approvals])
    for call in session.calls:
        store.add_call(name, call)
    return store.read(name)


def version_1_file(path: Path) -> None:
    """Make a database as the first version of this program left it, with one session."""
    connection = sqlite3.connect(path)
    for step in MIGRATIONS[0]:
        connection.execute(step)
    connection.execute("PRAGMA user_version = 1")
    connection.executescript((Path(__file__).parent / "history_version_1.sql").read_text("utf-8"))
    connection.close()
