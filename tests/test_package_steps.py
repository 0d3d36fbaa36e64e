"""What is installed around a program: by its own lines, by a missing module, and only as the user allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, TextMessage
from autogen_core import CancellationToken

from agents.code_executor_agent import create_code_executor
from agents.events import Answers, InstallStarted, PackagesInstalled, ProgramFinished, ProgramStarted, Question, Reply, RunResult
from agents.package_steps import ASKED_FOR, MOST_REPAIRS
from sandbox.docker_executor import SandboxExecutor
from sandbox.packages.install import Installation, PipRequest
from sandbox.packages.names import Package, name_of
from sandbox.sandbox import Sandbox
from sandbox.verdicts import ProgramRun, Verdict
from tests.fakes import ListedRuns, program, ran
from tests.network import certificates, why_no_index
from utils.docker_utils import Limits
from utils.errors import EngineError


def missing(module: str) -> ProgramRun:
    return ran(f"Traceback (most recent call last):\nModuleNotFoundError: No module named '{module}'\n", Verdict.FAILED, 1)


class ListedInstalls(ListedRuns):
    """A sandbox whose programs end as listed and whose installations succeed, or end as told; it needs no engine."""

    def __init__(
        self,
        *runs: ProgramRun | Exception,
        network: str = "install",
        outcome: Installation | Exception | None = None,
        texts: Mapping[str, str] | None = None,
        own: Sequence[str] = (),
        sources: Sequence[str] = (),
    ) -> None:
        super().__init__(*runs)
        self.limits = Limits(network=network)
        self.calls: list[list[str]] = []
        self._outcome = outcome
        self._texts = texts or {}
        self._own = own
        self._sources = tuple(sources)
        self.built: list[bool] = []
        """Of each installation, whether it might build from source code."""

    async def install(self, requests: Sequence[PipRequest], cancellation_token: CancellationToken) -> Installation:
        self.calls.append([str(request) for request in requests])
        self.built.append(all(request.build for request in requests))
        if self._sources and not self.built[-1]:
            return Installation(Verdict.FAILED, 1, (), "ERROR: none\n", 0.5, self._sources)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        names = [name_of(each) or each for request in requests for each in request.requirements]
        return self._outcome or Installation(Verdict.OK, 0, tuple(Package(name, "1.0") for name in names), "fine\n", 0.5)

    async def read_text(self, name: str) -> str | None:
        return self._texts.get(name)

    async def names_present(self, modules: Sequence[str]) -> set[str]:
        return set(modules) & set(self._own)


class Turn(NamedTuple):
    """What the agent showed and said in a turn."""

    events: list[BaseAgentEvent]
    message: RunResult

    def of(self, kind: type[BaseAgentEvent]) -> list[BaseAgentEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def refusals(self) -> list[str]:
        return [refusal.what for event in self.events if isinstance(event, PackagesInstalled) for refusal in event.refused]


class Talk:
    """An agent, and a user who gives the same answer to each of its questions; None if nobody can be asked."""

    def __init__(self, executor: Sandbox, yes: bool | None = None, any_package: bool = False) -> None:
        self.questions: list[Question] = []
        self._yes = yes
        self._answers = Answers()
        self._agent = create_code_executor(executor, self._answers, any_package=any_package)

    async def turn(self, answer: str) -> Turn:
        message = TextMessage(source="CodeGeneratorAgent", content=answer)
        events: list[BaseAgentEvent] = []
        async for item in self._agent.on_messages_stream([message], CancellationToken()):
            if isinstance(item, BaseAgentEvent):
                events.append(item)
            if isinstance(item, Question):
                assert item.kind in ("packages", "build")
                self.questions.append(item)
                self._answers.give(item.key, Reply(yes=self._yes))
            elif isinstance(item, Response):
                assert isinstance(item.chat_message, RunResult)
                return Turn(events, item.chat_message)
        raise AssertionError("the agent said nothing")


async def turn(executor: Sandbox, answer: str, yes: bool | None = None, any_package: bool = False) -> Turn:
    return await Talk(executor, yes, any_package).turn(answer)


# --- lines that ask for packages -----------------------------------------------------------------------------------------------


async def test_a_block_of_pip_lines_is_installed_before_the_program_runs() -> None:
    executor = ListedInstalls(ran("done\n"))
    seen = await turn(executor, program("pip install six\npip install -U toolz==1.0", "sh") + program("import six"))
    assert executor.calls == [["pip install six", "pip install --upgrade toolz==1.0"]]
    assert [block.code.strip() for block in executor.blocks] == ["import six"]
    assert [type(event).__name__ for event in seen.events[:2]] == ["InstallStarted", "PackagesInstalled"]
    assert "six 1.0, toolz 1.0" in seen.message.content
    assert seen.message.verdict == "ok"


async def test_only_the_pip_lines_of_a_mixed_block_get_the_network() -> None:
    executor = ListedInstalls(ran("done\n"))
    seen = await turn(executor, program("echo a\npip install six && curl http://example.org", "sh"))
    assert executor.calls == [["pip install six"]]
    assert [block.code for block in executor.blocks] == ["echo a\n: && curl http://example.org\n"]
    started = seen.of(ProgramStarted)[0]
    assert isinstance(started, ProgramStarted)
    assert started.code == "echo a\npip install six && curl http://example.org\n"  # the user sees what the model wrote


async def test_pip_lines_in_python_are_taken_out_and_lines_keep_their_numbers() -> None:
    executor = ListedInstalls(ran("done\n"))
    await turn(executor, program("!pip install six\nimport six"))
    assert executor.calls == [["pip install six"]]
    assert executor.blocks[0].code == "pass\nimport six\n"


async def test_a_file_of_requirements_is_read_by_us_and_never_by_pip() -> None:
    executor = ListedInstalls(texts={"r.txt": "six>=1.0\n# more\ntoolz\n", "bad.txt": "--index-url http://example.org\nsix\n"})
    await turn(executor, program("pip install -r r.txt", "sh"))
    assert executor.calls == [["pip install six>=1.0 toolz"]]
    seen = await turn(executor, program("pip install -r bad.txt", "sh"))
    assert (seen.refusals, len(executor.calls)) == (["-r bad.txt"], 1)
    seen = await turn(executor, program("pip install -r none.txt", "sh"))
    assert "there is no such file" in seen.message.content
    assert len(executor.calls) == 1


@pytest.mark.parametrize(
    "line",
    [
        "pip install --index-url http://example.org six",
        "pip install $(curl http://example.org)",
        "pip install git+https://example.org/six",
        "pip install -e .",
        "pip install ./six",
        "pip install six.whl",
        "pip install 'six; rm -rf /'",
    ],
)
async def test_what_is_refused_is_not_installed_and_the_block_does_not_run(line: str) -> None:
    executor = ListedInstalls()
    seen = await turn(executor, program(f"pip install toolz\n{line}\necho here", "sh") + program("print(1)"), yes=True)
    assert (executor.calls, executor.blocks) == ([], [])
    assert len(seen.refusals) == 1
    assert (seen.message.verdict, seen.message.exit_code) == ("not run", None)
    assert "could not be installed" in seen.message.error
    assert "Not installed" in seen.message.content
    assert "Block 2 of 2 was not run" in seen.message.content


async def test_addresses_are_installed_where_the_user_allows_any_package_but_never_another_index() -> None:
    executor = ListedInstalls()
    await turn(executor, program("pip install git+https://example.org/six -e . acme-tools", "sh"), any_package=True)
    assert executor.calls == [["pip install git+https://example.org/six -e /workspace/. acme-tools"]]
    seen = await turn(executor, program("pip install -i http://example.org six", "sh"), any_package=True)
    assert (len(seen.refusals), len(executor.calls)) == (1, 1)


async def test_a_failed_installation_is_the_result_with_pips_last_words() -> None:
    failed = Installation(Verdict.FAILED, 1, (), "\n".join(f"line {n}" for n in range(40)) + "\nERROR: no such version\n", 2.0)
    executor = ListedInstalls(outcome=failed)
    seen = await turn(executor, program("pip install six==99", "sh") + program("import six"))
    assert executor.blocks == []
    assert "ERROR: no such version" in seen.message.content
    assert "line 0\n" not in seen.message.content
    assert (seen.message.verdict, seen.message.exit_code, seen.message.error) == ("not run", None, "six==99 could not be installed")
    ended = seen.of(ProgramFinished)[0]
    assert isinstance(ended, ProgramFinished)
    assert ended.summary == "Not run: six==99 could not be installed."
    event = seen.of(PackagesInstalled)[0]
    assert isinstance(event, PackagesInstalled)
    assert event.output.endswith("ERROR: no such version")


@pytest.mark.parametrize(("verdict", "why"), [(Verdict.DISK, "more than it may hold"), (Verdict.TIME, "longer than 600 s")])
async def test_an_installation_that_reached_a_limit_says_which(verdict: Verdict, why: str) -> None:
    seen = await turn(ListedInstalls(outcome=Installation(verdict, None, (), "", 1.0)), program("pip install six", "sh"))
    assert seen.message.verdict == "not run"
    assert why in seen.message.content


async def test_a_network_that_cannot_be_had_is_told() -> None:
    seen = await turn(ListedInstalls(outcome=EngineError("attaching the network failed: no")), program("pip install six", "sh"))
    assert "attaching the network failed" in seen.message.content
    assert seen.message.verdict == "not run"


async def test_a_stopped_installation_is_cancelled() -> None:
    seen = await turn(ListedInstalls(outcome=Installation(Verdict.CANCELLED, None, (), "", 1.0)), program("pip install six", "sh"))
    assert seen.message.verdict == "cancelled"


@pytest.mark.parametrize(("network", "strict"), [("off", False), ("install", True)])
async def test_nothing_is_installed_where_there_is_no_network(network: str, strict: bool) -> None:
    executor = ListedInstalls(missing("six"), network=network)
    executor.strict = strict
    seen = await turn(executor, program("pip install six", "sh"), yes=True)
    assert (executor.calls, len(seen.refusals)) == ([], 1)
    assert seen.message.verdict == "not run"
    seen = await turn(executor, program("import six"), yes=True)
    assert (executor.calls, seen.refusals) == ([], ["pip install six"])
    assert ("the strict profile has no network" if strict else "the network is off (SANDBOX_NETWORK=off)") in seen.message.content


# --- names that are not well known -----------------------------------------------------------------------------------------------


async def test_an_unknown_name_is_installed_only_after_the_users_yes() -> None:
    executor = ListedInstalls()
    talk = Talk(executor, yes=True)
    for _ in range(2):
        seen = await talk.turn(program("pip install six acme-tools", "sh"))
    assert executor.calls == [["pip install six acme-tools"]] * 2
    (question,) = talk.questions  # a yes counts for the session
    assert (question.packages, question.because) == (("acme-tools",), ASKED_FOR)
    assert [block.code for block in question.programs] == ["pip install six acme-tools\n"]
    assert seen.of(Question) == []


async def test_nothing_is_installed_before_the_question_is_answered() -> None:
    executor, answers = ListedInstalls(), Answers()
    agent = create_code_executor(executor, answers)
    message = TextMessage(source="CodeGeneratorAgent", content=program("pip install acme-tools", "sh"))
    stream = agent.on_messages_stream([message], CancellationToken())
    question = await anext(stream)
    assert isinstance(question, Question)
    following = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.01)
    assert (following.done(), executor.calls) == (False, [])
    answers.give(question.key, Reply(yes=True))
    assert isinstance(await following, InstallStarted)
    assert isinstance(await anext(stream), PackagesInstalled)
    assert executor.calls == [["pip install acme-tools"]]
    await stream.aclose()


async def test_a_cancelled_question_installs_and_runs_nothing() -> None:
    executor, token = ListedInstalls(), CancellationToken()
    message = TextMessage(source="CodeGeneratorAgent", content=program("pip install acme-tools", "sh"))
    stream = create_code_executor(executor).on_messages_stream([message], token)
    assert isinstance(await anext(stream), Question)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await anext(stream)
    assert (executor.calls, executor.blocks) == ([], [])


@pytest.mark.parametrize(
    ("yes", "because"),
    [
        (False, "the user said no"),
        (None, "it is not on the list of well-known packages, and nobody can be asked here; SANDBOX_PACKAGES=any installs it"),
    ],
)
async def test_without_the_yes_it_is_refused(yes: bool | None, because: str) -> None:
    executor = ListedInstalls()
    seen = await turn(executor, program("pip install six acme-tools", "sh"), yes)
    assert (executor.calls, seen.refusals) == ([], ["acme-tools"])
    assert f"Not installed: acme-tools: {because}." in seen.message.content
    assert len(seen.of(Question)) == 1


async def test_any_package_leaves_the_question_out() -> None:
    executor = ListedInstalls()
    seen = await turn(executor, program("pip install acme-tools", "sh"), any_package=True)
    assert (executor.calls, seen.of(Question)) == ([["pip install acme-tools"]], [])


# --- what has to be built ------------------------------------------------------------------------------------------------------


async def test_what_exists_as_source_code_only_is_built_after_a_yes() -> None:
    executor = ListedInstalls(ran("done\n"), sources=["docopt"])
    talk = Talk(executor, yes=True)
    seen = await talk.turn(program("pip install docopt six", "sh") + program("import docopt"))
    assert [(question.kind, question.packages, question.because) for question in talk.questions] == [("build", ("docopt",), ASKED_FOR)]
    assert (executor.calls, executor.built) == ([["pip install docopt six"]] * 2, [False, True])
    assert "docopt 1.0" in seen.message.content
    assert seen.message.verdict == "ok"


@pytest.mark.parametrize(("yes", "why"), [(False, "the user said no"), (None, "SANDBOX_PACKAGES=any builds it")])
async def test_without_a_yes_nothing_is_built(yes: bool | None, why: str) -> None:
    executor = ListedInstalls(ran("done\n"), sources=["docopt"])
    seen = await turn(executor, program("pip install docopt", "sh") + program("import docopt"), yes=yes)
    assert (executor.built, executor.blocks) == ([False], [])
    assert seen.refusals == ["docopt"]
    assert why in seen.message.content


async def test_a_missing_module_that_has_to_be_built_is_asked_about_too() -> None:
    executor = ListedInstalls(missing("docopt"), ran("done\n"), sources=["docopt"])
    talk = Talk(executor, yes=True)
    assert (await talk.turn(program("import docopt"))).message.verdict == "ok"
    assert [question.kind for question in talk.questions] == ["build"]
    assert executor.built == [False, True]


async def test_any_package_is_built_without_a_question() -> None:
    executor = ListedInstalls(ran("done\n"), sources=["docopt"])
    talk = Talk(executor, any_package=True)
    await talk.turn(program("pip install docopt", "sh") + program("import docopt"))
    assert (executor.built, talk.questions) == ([True], [])


# --- a module that is missing ------------------------------------------------------------------------------------------------------


async def test_a_missing_module_is_installed_and_the_program_run_again_without_the_model() -> None:
    executor = ListedInstalls(missing("cv2"), ran("done\n"))
    seen = await turn(executor, program("import cv2\nprint('done')"))
    assert executor.calls == [["pip install opencv-python-headless"]]
    assert len(executor.blocks) == 2
    kinds = [type(event) for event in seen.events]
    assert kinds.count(ProgramStarted) == kinds.count(ProgramFinished) == 2  # each run is shown
    assert kinds.count(InstallStarted) == 1
    assert seen.message.verdict == "ok"
    assert "opencv-python-headless 1.0" in seen.message.content
    assert "No module named" not in seen.message.content


async def test_the_programs_other_well_known_imports_come_with_it() -> None:
    executor = ListedInstalls(missing("pandas"), ran("done\n"), own=["schema"])
    await turn(
        executor, program("import os, pandas, yaml\nimport acme_tools\nimport schema\ntry:\n    import ujson\nexcept ImportError: pass")
    )
    assert executor.calls == [["pip install pandas pyyaml"]]


async def test_an_unknown_module_is_only_ever_asked_about() -> None:
    executor = ListedInstalls(missing("helpers"))
    seen = await turn(executor, program("import helpers"), yes=False)
    (question,) = seen.of(Question)
    assert isinstance(question, Question)
    assert (question.packages, question.because) == (("helpers",), "the program imports helpers")
    assert (executor.calls, seen.refusals) == ([], ["helpers"])
    assert seen.message.verdict == "failed"
    assert "Not installed: helpers" in seen.message.content
    executor = ListedInstalls(missing("helpers"), ran("done\n"))
    await turn(executor, program("import helpers"), yes=True)
    assert executor.calls == [["pip install helpers"]]


TWO_FILES = "**tools.py**\n\n" + program("import yaml\nX = 1") + "\n**main.py**\n\n" + program("import pandas\nimport tools\nprint(1)")


@pytest.mark.parametrize("module", ["tools", "main"])
async def test_the_answers_own_modules_are_never_packages(module: str) -> None:
    executor = ListedInstalls(missing(module))
    seen = await turn(executor, TWO_FILES, yes=True)
    assert (executor.calls, seen.of(Question), len(executor.blocks)) == ([], [], 1)
    assert seen.message.verdict == "failed"


async def test_what_the_answers_other_files_import_comes_too() -> None:
    executor = ListedInstalls(missing("pandas"), ran("done\n"))
    await turn(executor, TWO_FILES)
    assert executor.calls == [["pip install pandas pyyaml"]]


async def test_a_list_of_packages_in_the_answer_is_read_from_there() -> None:
    executor = ListedInstalls(ran("done\n"), texts={"requirements.txt": "toolz\n"})
    listed = "**requirements.txt**\n\n```\nsix\n```\n"
    await turn(executor, program("import six\nprint(1)") + listed + program("pip install -r ./requirements.txt\npython main.py", "sh"))
    assert executor.calls == [["pip install six"]]
    assert [block.code for block in executor.blocks] == ["import six\nprint(1)\n"]


@pytest.mark.parametrize("module", ["json", "tkinter", "helpers.tools", "imp"])
async def test_modules_of_python_and_of_the_program_are_not_installed(module: str) -> None:
    executor = ListedInstalls(missing(module), own=["helpers"])
    seen = await turn(executor, program(f"import {module}"), yes=True)
    assert (executor.calls, seen.of(Question), len(executor.blocks)) == ([], [], 1)


async def test_the_same_module_is_installed_once_and_a_program_is_run_again_a_few_times_at_most() -> None:
    executor = ListedInstalls(missing("six"), missing("six"))
    seen = await turn(executor, program("import six"))
    assert (len(executor.calls), seen.message.verdict) == (1, "failed")
    modules = ["six", "toolz", "numpy", "pandas", "requests", "attrs", "click"]
    executor = ListedInstalls(*(missing(module) for module in modules))
    await turn(executor, program("exec('import ...')"))
    assert len(executor.calls) == MOST_REPAIRS


async def test_a_program_is_not_run_again_if_nothing_new_was_installed() -> None:
    there = Installation(Verdict.OK, 0, (), "Requirement already satisfied\n", 0.5)
    executor = ListedInstalls(missing("flask.nothing"), outcome=there)
    seen = await turn(executor, program("import flask.nothing"))
    assert (len(executor.calls), len(executor.blocks), seen.message.verdict) == (1, 1, "failed")


async def test_an_installation_that_fails_leaves_the_programs_own_failure() -> None:
    failed = Installation(Verdict.FAILED, 1, (), "ERROR: no network\n", 2.0)
    executor = ListedInstalls(missing("six"), outcome=failed)
    seen = await turn(executor, program("import six"))
    assert len(executor.blocks) == 1
    assert "No module named 'six'" in seen.message.content
    assert "ERROR: no network" in seen.message.content


async def test_a_program_that_only_prints_such_a_line_is_not_run_again() -> None:
    executor = ListedInstalls(ran("ModuleNotFoundError: No module named 'six'\n"))
    await turn(executor, program("print('...')"))
    assert executor.calls == []


# --- for real --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def real(image: str, tmp_path: Path) -> AsyncIterator[Sandbox]:
    limits = Limits(timeout=20, network="install")
    async with SandboxExecutor(image, work_dir=tmp_path, limits=limits, certificates=certificates()) as executor:
        yield executor.sandbox


@pytest.mark.engine
async def test_for_real_a_missing_module_is_installed_and_the_program_run_again(real: Sandbox) -> None:
    if reason := why_no_index():
        pytest.skip(reason)
    seen = await turn(real, program("import dateutil.parser\nprint(dateutil.parser.parse('2 May 2024').date())"))
    assert seen.message.verdict == "ok", seen.message.content
    assert "2024-05-02" in seen.message.content
    assert "python-dateutil" in seen.message.content


@pytest.mark.engine
async def test_for_real_the_rest_of_a_block_has_no_network(real: Sandbox) -> None:
    if reason := why_no_index():
        pytest.skip(reason)
    answer = program("pip install six; python3 -c 'import six, socket; print(six.__name__, socket.if_nameindex())'", "sh")
    seen = await turn(real, answer)
    assert "six [(1, 'lo')]" in seen.message.content, seen.message.content
