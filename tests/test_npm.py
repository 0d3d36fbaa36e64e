"""Packages of npm: which ones a program imports, and what is installed, asked and refused for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from autogen_core import CancellationToken

from agents.events import PackagesInstalled
from sandbox.packages.gate import NPM, Refused, gate_for
from sandbox.packages.install import Installation
from sandbox.packages.names import Package
from sandbox.packages.npm import NpmRequest
from sandbox.packages.npm_names import known_npm_packages, npm_imports, npm_package_of
from sandbox.verdicts import ProgramRun, Verdict
from tests.fakes import ListedRuns, program, ran
from tests.test_package_steps import Talk, turn
from utils.docker_utils import Limits


@pytest.mark.parametrize(
    ("code", "packages"),
    [
        ("import a from 'aa';", {"aa"}),
        ("import { b,\n  c as d } from 'bb/sub';", {"bb"}),
        ("import * as e from '@scope/ee/deep';", {"@scope/ee"}),
        ("import 'effects'; import\"tight\";", {"effects", "tight"}),
        ("import def, { type T } from 'mixed';", {"mixed"}),
        ("import type from 'named-type';", {"named-type"}),
        ("export { f } from 'ff'; export * from 'gg'", {"ff", "gg"}),
        ("const h = require('hh'), i = await import(`ii`); const j = import('jj', {});", {"hh", "ii", "jj"}),
        ("import fs from 'node:fs'; import own from './own.js'; require('/x'); require('../y'); import('#inner');", set()),
        ("import type { T } from 'erased'; export type { U } from 'erased-too';", set()),
        ("// require('a')\n/* import b from 'b' */ const s = \"require('c')\", t = `import d from 'd'`;", set()),
        ("tool.require('e'); import x from 'https://example.org/x.js'; require(name); require('Up Per');", set()),
        ("const url = 'http://x'; const k = require('kk');", {"kk"}),
    ],
)
def test_imports_are_found_and_nothing_else_is(code: str, packages: set[str]) -> None:
    assert npm_imports(code) == packages


def test_names_on_the_list_are_names_of_packages() -> None:
    assert len(known_npm_packages()) > 200
    assert [name for name in known_npm_packages() if npm_package_of(name) != name] == []


def test_only_the_registry_is_let_out_to() -> None:
    gate = gate_for("", otherwise=NPM)
    for host in ("pypi.org", "example.org", "registry.npmjs.org.example.org"):
        with pytest.raises(Refused):
            gate.addresses(host, 443)
    assert gate.hosts == {("registry.npmjs.org", 443)}


def failed(text: str = "boom\n") -> ProgramRun:
    return ran(text, Verdict.FAILED, 1)


class NpmInstalls(ListedRuns):
    """A sandbox in which some packages are missing until they are installed; it needs no engine."""

    def __init__(
        self, *runs: ProgramRun, missing: Sequence[str], network: str = "install", versions: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(*runs)
        self.limits = Limits(network=network)
        self.calls: list[str] = []
        self.looked_for: list[list[str]] = []
        self._missing = set(missing)

    async def missing_from_npm(self, language: str, file: str, names: Sequence[str]) -> list[str]:
        self.looked_for.append(list(names))
        return [name for name in names if name in self._missing]

    async def install_from_npm(self, request: NpmRequest, cancellation_token: CancellationToken) -> Installation:
        self.calls.append(f"{request} for {request.language}")
        self._missing.clear()
        installed = tuple(Package(f"npm:{name}", "1.0.0") for name in request.requirements)
        return Installation(Verdict.OK, 0, installed, "fine\n", 0.5)


async def test_well_known_packages_are_installed_without_a_question_and_the_program_runs_again() -> None:
    sandbox = NpmInstalls(failed(), ran("done\n"), missing=["lodash", "chalk"])
    seen = await turn(sandbox, program("import _ from 'lodash';\nimport chalk from 'chalk';\nimport fs from 'fs';", "javascript"))
    assert sandbox.looked_for == [["chalk", "fs", "lodash"]]
    assert sandbox.calls == ["npm install chalk lodash for javascript"]
    assert len(sandbox.blocks) == 2
    assert seen.message.verdict == "ok"
    assert "npm:chalk 1.0.0, npm:lodash 1.0.0" in seen.message.content


async def test_others_are_installed_after_a_yes_for_typescript_too() -> None:
    sandbox = NpmInstalls(failed(), ran("done\n"), missing=["some-invention", "lodash"])
    talk = Talk(sandbox, yes=True)
    seen = await talk.turn(program("import x from 'some-invention';\nimport _ from 'lodash';", "typescript"))
    assert [question.packages for question in talk.questions] == [("npm:some-invention",)]
    assert sandbox.calls == ["npm install lodash some-invention for typescript"]
    assert seen.message.verdict == "ok"


@pytest.mark.parametrize(("yes", "word"), [(False, "the user said no"), (None, "nobody can be asked here")])
async def test_without_a_yes_nothing_is_installed_and_the_model_learns_why(yes: bool | None, word: str) -> None:
    sandbox = NpmInstalls(failed(), missing=["some-invention"])
    seen = await turn(sandbox, program("require('some-invention')", "js"), yes)
    assert (sandbox.calls, len(sandbox.blocks)) == ([], 1)
    assert seen.refusals == ["npm:some-invention"]
    assert word in seen.message.content


async def test_any_package_is_installed_if_the_settings_say_so() -> None:
    sandbox = NpmInstalls(failed(), ran("done\n"), missing=["some-invention"])
    await turn(sandbox, program("require('some-invention')", "js"), None, any_package=True)
    assert sandbox.calls == ["npm install some-invention for javascript"]


async def test_a_network_that_is_off_installs_nothing() -> None:
    sandbox = NpmInstalls(failed(), missing=["lodash"], network="off")
    seen = await turn(sandbox, program("require('lodash')", "js"))
    assert sandbox.calls == []
    assert "SANDBOX_NETWORK=off" in seen.message.content


async def test_files_of_the_answer_are_no_packages_and_their_imports_count() -> None:
    sandbox = NpmInstalls(failed(), ran("done\n"), missing=["tools", "lodash"])
    answer = "```js\n// filename: tools.js\nmodule.exports = require('lodash');\n```\n\n" + program("const t = require('tools');", "js")
    await turn(sandbox, answer)
    assert "tools" not in [name for names in sandbox.looked_for for name in names]
    assert sandbox.calls in (["npm install lodash for javascript"], [])


async def test_a_program_that_fails_for_another_reason_installs_nothing() -> None:
    sandbox = NpmInstalls(failed("Error: Cannot find module 'lodash'\n"), missing=[])
    seen = await turn(sandbox, program("const _ = require('lodash'); throw new Error('no');", "js"))
    assert (sandbox.looked_for, sandbox.calls, seen.of(PackagesInstalled)) == ([["lodash"]], [], [])
    sandbox = NpmInstalls(failed("Error: Cannot find module 'lodash'\n"), missing=["lodash"])
    await turn(sandbox, program("console.log('no import');", "js"))
    assert (sandbox.looked_for, sandbox.calls) == ([], [])


async def test_a_resumed_session_gets_the_versions_that_it_had() -> None:
    sandbox = NpmInstalls(failed(), ran("done\n"), missing=["some-invention"])
    talk = Talk(sandbox, yes=None)
    talk._agent.take_up(None, {"some-invention": "3.2.1"}, ())
    await talk.turn(program("require('some-invention')", "js"))
    assert sandbox.calls == ["npm install some-invention@3.2.1 for javascript"]
    assert talk.questions == []
