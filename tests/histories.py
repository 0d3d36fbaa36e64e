"""Sessions to fill a store with."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import zlib
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


HOSTILE = '<script>alert("x")</script> \x1b[31mred\x1b[0m \u202eevil\u202c {{ 7*7 }} </pre></style>'
HOSTILE += "<img src=x onerror=alert(1)> \u200b\x00\x9b"


def picture() -> bytes:
    """Return a small PNG of coloured stripes."""
    width, height = 320, 120
    rows = b"".join(
        b"\0" + bytes(value for x in range(width) for value in (40 + x // 40 * 20, 90, 160 + y // 40 * 30)) for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


SALES = """import csv
from collections import defaultdict

totals = defaultdict(float)
with open("sales.csv") as file:
    for row in csv.DictReader(file):
        totals[row["{0}"]] += float(row["{1}"])
for month, total in totals.items():
    print(month, total)
"""
CHART = SALES.replace("print(month, total)", 'print(f"{{month}}: {{total:.2f}}")').replace(
    "from collections import defaultdict\n", "from collections import defaultdict\n\nimport matplotlib.pyplot as plt\n"
)


SAID: tuple[tuple[str, str, float, dict[str, str]], ...] = (
    ("user", "Sum the sales per month in sales.csv and print them.", 0.0, {}),
    ("CodeGeneratorAgent", "I read the table and add up each month.\n\n```python\n{broken}```\n", 4.2, {}),
    ("CodeExecutorAgent", "[sandbox] failed\nKeyError: 'month'", 4.9, {"verdict": "failed"}),
    ("Recovery", "Correct the program; the error is above.", 5.0, {}),
    ("CodeGeneratorAgent", "The column names begin with a capital letter.\n\n```python\n{good}```\n", 8.2, {}),
    ("CodeExecutorAgent", "[sandbox] fine\nJanuary 40.0", 8.8, {"verdict": "ok"}),
    ("UserProxyAgent", "Two decimals please, and draw a bar chart. {hostile}", 55.0, {}),
    ("CodeGeneratorAgent", "Here is the chart.\n\n```python\n{chart}```\n\nIt is stored as chart.png.", 61.5, {}),
    ("CodeExecutorAgent", "[sandbox] fine", 71.0, {"verdict": "ok"}),
    ("UserProxyAgent", "APPROVE", 80.0, {}),
)
FILES = {
    "chart.png": picture(),
    "totals.csv": b"month,total\nJanuary,40.00\nFebruary,55.00\nMarch,48.00\n",
    "sales.csv": b"Month,Amount\n",
}


def varied_session(folder: Path) -> StoredSession:
    """Return a session with everything that a report can show, and put its files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    parts = {"broken": SALES.format("month", "amount"), "good": SALES.format("Month", "Amount"), "hostile": HOSTILE}
    parts["chart"] = CHART.format("Month", "Amount") + 'plt.bar(list(totals), list(totals.values()))\nplt.savefig("chart.png")\n'
    runs = (
        (
            2,
            parts["broken"],
            4.3,
            4.7,
            "failed",
            1,
            'Traceback (most recent call last):\n  File "/workspace/sum_sales.py", line 7\nKeyError\n',
        ),
        (5, parts["good"], 8.3, 8.6, "ok", 0, f"January 40.0\nFebruary 55.0\nMarch 48.0\n{HOSTILE}"),
        (8, parts["chart"], 69.0, 70.6, "ok", 0, "".join(f"line {number} of many\n" for number in range(1, 131))),
    )
    about = SessionInfo(
        "20260901-140200-7f3a",
        START,
        SAID[0][1],
        START + 80,
        APPROVED,
        "sales report",
        provider="openai",
        model="gpt-test",
        image="python:3.12-slim",
        image_digest="sha256:" + "9c41" * 16,
        facts={
            "limits": {"time": "60 s", "memory": "2 GiB", "processes": "256", "network": "off"},
            "proven": ["memory 2 GiB", "network off"],
        },
        turns=10,
        attempts=3,
        prompt_tokens=3307,
        completion_tokens=518,
        cost=0.0112,
    )
    return StoredSession(
        about,
        tuple(Message(source, _put(text, parts), f"m{n}", START + at, data) for n, (source, text, at, data) in enumerate(SAID)),
        tuple(
            Attempt(n, message, "python", code, START + a, START + b, verdict, exit_code, b - a, output, file_name="sum_sales.py")
            for n, (message, code, a, b, verdict, exit_code, output) in enumerate(runs, 1)
        ),
        tuple(
            StoredFile(name, hashlib.sha256(data).hexdigest(), len(data), 3, name == "sales.csv") for name, data in sorted(FILES.items())
        ),
        (StoredPackage("matplotlib", "3.10.7", "a" * 64, True, 3), StoredPackage("numpy", "2.1.0", "b" * 64, False, 3)),
        (ModelCall(1, START + 4, "m", 812, 146), ModelCall(4, START + 8, "m", 1104, 139), ModelCall(7, START + 61, "m", 1391, 233)),
        (Approval(1, "approved/01-sum_sales", (3,), START + 80, START + 90, {"reproduced": True, "differences": []}),),
    )


def _put(text: str, parts: dict[str, str]) -> str:
    for name, part in parts.items():
        text = text.replace("{" + name + "}", part)
    return text
