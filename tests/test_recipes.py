"""The recipes of README.md, run as they are written: a language that is added, and commands in pipelines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint import ModelEndpoint
from tests.program import model_environment
from tests.test_readme import ROOT, TEXT, fences

pytestmark = pytest.mark.engine
PRIMES = "print(*[n for n in range(2, 30) if all(n % d for d in range(2, n))])"
# What the tasks of the pipelines are answered with, by words of the task.
PROGRAMS = {
    "price by month": "rows = open('sales.csv').read().split()\nopen('plot.txt', 'w').write(str(len(rows)))\nprint('plotted')",
    "column `price`": "print(sum(int(line.split(',')[1]) for line in open('sales.csv').read().split()[1:]))",
    "ten primes": PRIMES,
    "today": "import datetime\nprint(datetime.date.today())",
}


def test_a_language_is_added_by_these_words_alone(tmp_path: Path, image: str) -> None:
    entry = next(code for code in fences("python") if code.startswith("Language("))
    project = tmp_path / "project"
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(".*", "workspace", "__pycache__", "tests"))
    languages = project / "sandbox" / "languages.py"
    before, start, after = languages.read_text("utf-8").partition("\nLANGUAGES = (\n")
    languages.write_text(f"{before}{start}    {entry.strip()},\n{after}", "utf-8")
    answer = '```awk\nBEGIN { for (n = 1; n < 4; n++) print "Grüße", n * n }\n```'
    with ModelEndpoint([answer], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        done, without = (
            subprocess.run(
                [sys.executable, str(folder / "main.py"), "run", "Greet.", "--json"],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
            )
            for folder in (project, ROOT)
        )
    result = json.loads(done.stdout)
    assert (result["status"], result["output"]) == ("approved", "Grüße 1\nGrüße 4\nGrüße 9\n"), done.stderr
    assert result["attempts"][0]["language"] == "awk"
    assert json.loads(without.stdout)["status"] != "approved"  # the positive control: without the entry, nothing runs it


def answer(request: dict[str, Any]) -> str:
    """Answer a task of the README, as it stands in the request."""
    said = str(request["messages"][-1]["content"])
    if "requests per hour" in said:
        return f"```python\nprint({said.count('GET /')}, 'requests')\n```"
    return next(f"```python\n{code}\n```" for words, code in PROGRAMS.items() if words in said)


def chapter(title: str) -> str:
    return TEXT.partition(f"### {title}\n")[2].partition("\n###")[0]


def commands(title: str) -> list[str]:
    return chapter(title).partition("```bash\n")[2].partition("```")[0].splitlines()


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("jq")), reason="bash or jq is not installed")
def test_run_and_batch_in_pipelines(tmp_path: Path, image: str) -> None:
    (tmp_path / "main.py").symlink_to(ROOT / "main.py")
    (tmp_path / "access.log").write_text("10:01 GET /a\n10:02 GET /b\n11:00 GET /c\n")
    (tmp_path / "sales.csv").write_text("month,price\n1,10\n2,32\n")
    (tmp_path / "tasks.jsonl").write_text(chapter("Many tasks").partition("```json\n")[2].partition("```")[0])
    lines = [*commands("In scripts and pipes"), *commands("Many tasks")]
    assert sum("|" in line for line in lines) >= 4
    outputs: dict[str, str] = {}
    with ModelEndpoint([answer], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        python = f'python() {{ "{sys.executable}" "$@"; }}\n'
        for line in lines:
            script = ["bash", "-c", f"set -o pipefail\n{python}{line}"]
            done = subprocess.run(script, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            outputs[line] = done.stdout
    primes = "2 3 5 7 11 13 17 19 23 29\n"
    single, piped, plot, as_json, session, *_, both = outputs.values()
    assert (single, piped, plot, as_json) == (primes, "3 requests\n", "plotted\n", "approved\n")
    assert primes.strip() in session
    assert "✔ User approves result" in session
    assert (tmp_path / "plots" / "plot.txt").read_text() == "3"
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {each["id"]: (each["status"], each["output"]) for each in results}["primes"] == ("approved", primes)
    assert sorted(each["output"] for each in results) == [primes, "42\n"]  # --resume ran neither again
    assert len(both.splitlines()) == 2
