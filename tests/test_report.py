"""The report: whole, small, inert whatever a session holds, and without a complaint of a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agents import code_executor_agent, code_generator_agent, user_proxy_agent
from history import steps
from history.markup import changes, coloured, visible
from history.records import Attempt, Message, StoredSession
from history.report import lanes_of, output_of, render_report
from history.steps import steps_of
from sandbox.verdicts import Verdict
from tests.histories import HOSTILE, START, info, varied_session, whole_session
from utils.words import STOPPED_STEP

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")


TAGS = """html head meta title style body main div h1 h2 b span a p ol li details summary pre i figure img figcaption table tr th td
    dl dt dd"""


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""


def test_names_and_verdicts_are_those_of_the_agents_and_the_sandbox() -> None:
    assert (code_generator_agent.NAME, code_executor_agent.NAME, user_proxy_agent.NAME) == (steps.GENERATOR, steps.EXECUTOR, steps.USER)
    assert {verdict.value for verdict in Verdict} | {""} == set(steps.VERDICTS)
    assert (Verdict.OK.value, Verdict.LOST.value) == (steps.WORKED, steps.LOST)


def test_steps_say_who_did_what(tmp_path: Path) -> None:
    found = steps_of(varied_session(tmp_path))
    assert [(step.who, step.title, [ran.attempt.number for ran in step.ran]) for step in found] == [
        ("you", "Task", []),
        ("generator", "Wrote program 1", []),
        ("executor", "Ran program 1", [1]),
        ("executor", "Sent the failure back", []),
        ("generator", "Wrote program 2", []),
        ("executor", "Ran program 2", [2]),
        ("you", "Feedback", []),
        ("generator", "Wrote program 3", []),
        ("executor", "Ran program 3", [3]),
        ("you", "APPROVE", []),
    ]
    assert found[7].text == "Here is the chart.\n\nIt is stored as chart.png."
    assert found[2].ran[0].worked is False
    assert found[8].ran[0].verdict == "worked, exit 0"
    assert [line for line in found[5].ran[0].diff() if line[0] in "+-"] == [
        '-        totals[row["month"]] += float(row["amount"])',
        '+        totals[row["Month"]] += float(row["Amount"])',
    ]


def test_a_program_that_did_not_run_is_shown_in_its_answer_and_a_step_that_was_stopped_is_a_step() -> None:
    answer = "Here:\n\n```python\n1, 4, 9\n```"
    words = (Message("user", "squares"), Message("CodeGeneratorAgent", answer), Message("user", STOPPED_STEP), Message("user", "cubes"))
    found = steps_of(StoredSession(info(), words))
    assert [(step.title, step.text) for step in found] == [
        ("Task", "squares"),
        ("Wrote a program", answer),
        ("Stopped the step before this", ""),
        ("Next", "cubes"),
    ]


def test_a_program_that_was_running_when_the_session_died_and_one_run_by_hand_are_steps_of_their_own() -> None:
    session = StoredSession(
        info(),
        (Message("user", "task", at=START), Message("CodeGeneratorAgent", "no code", at=START + 1), Message("user", "more", at=START + 9)),
        (
            Attempt(1, 2, "python", "by_hand()", START + 2, START + 3, "ok", 0, 1.0, "done"),
            Attempt(2, 3, "python", "killed()", START + 10),
        ),
    )
    found = steps_of(session)
    assert [step.title for step in found] == ["Task", "Answered", "Ran program 1 by hand", "Next", "Ran program 2"]
    assert found[4].ran[0].verdict == "result unknown"
    assert found[4].ran[0].worked is None


def test_the_page_holds_everything(tmp_path: Path) -> None:
    html = render_report(varied_session(tmp_path), tmp_path, [("In the sandbox", "docker run it"), ("Without the sandbox", "uv run it")])
    text = Page(html).text
    for part in (
        *("approved", "Sum the sales per month", "gpt-test", "python:3.12-slim", "sha256:9c41", "matplotlib 3.10.7", "3,307 sent"),
        *("$0.0112", "25 s of work", "55 s waiting for you", "reproduced", "Changes since program 1", "failed, exit 1", "worked, exit 0"),
        *("90 more lines", "chart.png", "January", "docker run it", "uv run it", "Seen in force", "sales report", "2 GiB"),
    ):
        assert part in text, part
    assert html.count("data:image/png;base64,") == 1
    assert "<th>month</th>" in html


def test_no_page_holds_a_script_or_fetches_anything(tmp_path: Path) -> None:
    session = varied_session(tmp_path)
    hostile = replace(
        session,
        info=replace(
            session.info, task=HOSTILE, name=HOSTILE, model=HOSTILE, provider=HOSTILE, image=HOSTILE, facts={"limits": {HOSTILE: HOSTILE}}
        ),
        messages=tuple(replace(message, content=message.content + HOSTILE) for message in session.messages)
        + (Message(HOSTILE, HOSTILE, at=START + 99),),
        files=tuple(replace(file, name=f"{HOSTILE}.csv") for file in session.files),
        packages=tuple(replace(package, name=HOSTILE, version=HOSTILE) for package in session.packages),
        attempts=tuple(replace(attempt, code=attempt.code + HOSTILE, language=HOSTILE) for attempt in session.attempts),
    )
    html = render_report(hostile, tmp_path, [(HOSTILE, HOSTILE)])
    page = Page(html)
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= set(TAGS.split())
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert set(attributes) & {"src"} == set() or str(attributes["src"]).startswith("data:image/")
        assert re.fullmatch(r"#s\d+", str(attributes.get("href", "#s1")))
        assert tag != "meta" or "http-equiv" not in attributes or attributes["http-equiv"] == "Content-Security-Policy"
    assert "default-src 'none'" in html
    assert page.text.count("{{ 7*7 }}") > 10
    assert [c for c in html if not c.isprintable() and c != "\n"] == []
    for shown in ("\\x1b", "\\u202e", "\\u200b", "\\x00", "\\x9b"):
        assert f"<i class=esc>{shown}</i>" in html


def test_hidden_characters_are_shown_and_ordinary_ones_are_left() -> None:
    family = "\U0001f469\u200d\U0001f467 naïve 再帰\tx\n"
    assert str(visible(family)) == family
    assert str(visible("a\u200db\r\nc\rd\ue000")) == "a<i class=esc>\\u200d</i>b\nc<i class=esc>\\x0d</i>d<i class=esc>\\ue000</i>"
    assert str(visible("<&\"'>")) == "&lt;&amp;&#34;&#39;&gt;"


def test_programs_are_coloured_and_nothing_of_them_is_lost() -> None:
    code = '\n\n# a\nclass A:\n    """Doc <b>."""\n\n    def f(self):\n        return 1.5, "x\\n"  # \u202e\n\n'
    html = str(coloured(code, "python"))
    assert Page(f"<pre>{html}</pre>").text == code.replace("\u202e", "\\u202e")
    assert "<span class=k>class" in html
    assert str(coloured("<b>", "no such language")) == "&lt;b&gt;"
    assert "<span class=add>+&lt;b&gt;</span>" in str(changes(["@@ -1 +1 @@", "+<b>"]))


def test_lanes_are_as_wide_as_their_time_and_waits_are_drawn_short(tmp_path: Path) -> None:
    found = steps_of(varied_session(tmp_path))
    lanes = {who: bars for who, _, bars in lanes_of(found)}
    assert list(lanes) == ["generator", "executor", "you"]
    generator = lanes["generator"]
    assert generator[0].width / generator[1].width == pytest.approx(4.2 / 3.2)
    assert [bar.wait for bar in lanes["you"]] == [False, True, True]
    assert lanes["you"][1].width == pytest.approx(lanes["you"][2].width)
    bars = sorted((bar for each in lanes.values() for bar in each), key=lambda bar: bar.left)
    for bar, after in zip(bars, bars[1:], strict=False):
        assert bar.left + bar.width <= after.left + 0.01
    assert bars[-1].left + bars[-1].width == pytest.approx(100)
    assert lanes_of([]) == [("generator", "Generator", []), ("executor", "Executor", []), ("you", "You", [])]


def test_long_outputs_are_folded_and_huge_ones_cut(tmp_path: Path) -> None:
    ran = steps_of(varied_session(tmp_path))[8].ran[0]
    printed = output_of(ran)
    assert (printed.shown.count("\n"), printed.lines, printed.cut) == (39, 90, 0)
    huge = output_of(replace(ran, attempt=replace(ran.attempt, output="x" * 50_000, cut=7)))
    assert (len(huge.shown), huge.cut) == (20_000, 30_007)


def test_a_picture_that_has_changed_since_or_is_none_is_left_out(tmp_path: Path) -> None:
    session = varied_session(tmp_path)
    (tmp_path / "chart.png").write_bytes((tmp_path / "chart.png").read_bytes() + b"x")
    assert "data:image" not in render_report(session, tmp_path)
    (tmp_path / "chart.png").unlink()
    (tmp_path / "chart.png").symlink_to("/etc/hostname")
    assert "data:image" not in render_report(session, tmp_path)


def test_a_hundred_messages_take_at_most_200_kilobytes(tmp_path: Path) -> None:
    session = varied_session(tmp_path)
    messages = tuple(replace(message, at=message.at + 100 * turn) for turn in range(10) for message in session.messages)
    attempts = tuple(
        replace(attempt, number=attempt.number + 3 * turn, message=attempt.message + 10 * turn, started=attempt.started + 100 * turn)
        for turn in range(10)
        for attempt in session.attempts
    )
    html = render_report(replace(session, messages=messages, attempts=attempts, files=()), tmp_path)
    assert len(messages) == 100
    assert len(html.encode()) <= 200_000


def test_an_empty_session_and_a_killed_one_have_a_page(tmp_path: Path) -> None:
    assert "There" not in Page(render_report(StoredSession(info(task="")), tmp_path)).text
    killed = replace(whole_session(), attempts=(Attempt(1, 2, "python", "x", START),))
    assert "Nobody knows what it did" in Page(render_report(killed, tmp_path)).text


# --- In a real browser ----------------------------------------------------------------------------------------------------------------


def browse(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open the page in a browser without a window, and return what it printed."""
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--hide-scrollbars", *options, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=page.parent,
        check=True,
    )


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_a_real_browser_has_nothing_to_complain_about(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_report(varied_session(tmp_path), tmp_path, [("In the sandbox", "docker run")]), "utf-8")
    for width in (400, 1200):
        shown = browse(page, f"--window-size={width},2000", f"--screenshot={tmp_path / f'{width}.png'}")
        assert "CONSOLE" not in shown.stderr
        assert (tmp_path / f"{width}.png").stat().st_size > 30_000
    # The browser does say when something is wrong: the policy holds, and what it refuses appears here.
    bad = tmp_path / "bad.html"
    bad.write_text(page.read_text("utf-8").replace("</main>", "<script>document.title = 'ran'</script></main>"), "utf-8")
    refused = browse(bad, "--dump-dom")
    assert "CONSOLE" in refused.stderr
    assert "<title>ran</title>" not in refused.stdout


@pytest.mark.skipif(not CHROMIUM or not shutil.which("pdftotext"), reason="no Chromium, or no pdftotext, is installed")
def test_paper_shows_what_is_folded_on_the_screen(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_report(varied_session(tmp_path), tmp_path), "utf-8")
    browse(page, f"--print-to-pdf={tmp_path / 'report.pdf'}")
    text = subprocess.run(["pdftotext", str(tmp_path / "report.pdf"), "-"], capture_output=True, text=True, check=True).stdout
    assert "line 130 of many" in text
    assert text.count("from collections import defaultdict") >= 3
