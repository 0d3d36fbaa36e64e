"""Programs in every language, on a real engine and with real toolchains: in the image of `tests/polyglot.sh`."""

from __future__ import annotations

import shutil
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from agents.answers.reading import read_answer
from sandbox.engine.images import digest_of
from sandbox.files.host_folder import HostFolder
from sandbox.languages import ALIASES, BY_NAME, LANGUAGES
from sandbox.program import Job
from sandbox.runner import Runner
from sandbox.verdicts import ProgramRun, Verdict, tell_model, tell_person
from sandbox.workspace import Workspace
from tests.endpoint import ModelEndpoint
from tests.language_programs import GREETING, PROGRAMS, USAGE
from tests.program import model_environment, run_piped
from utils.docker_utils import ContainerRequest, Limits, unique_name

pytestmark = [pytest.mark.engine, pytest.mark.languages]
LIMITS = Limits(timeout=120, network="off")
NAMES = [language.name for language in LANGUAGES]


class Sandbox:
    """A runner with the folder that its files come to."""

    def __init__(self, image: str, folder: Path, engine: docker.APIClient, *, strict: bool = False, caches: Path | None = None) -> None:
        folder.mkdir(exist_ok=True)
        limits = replace(LIMITS, pids=128) if strict else LIMITS
        self.folder = folder
        self.shown = ""
        request = ContainerRequest(image, unique_name(), limits, strict=strict, caches=caches)
        self.runner = Runner(request, Workspace(lambda: HostFolder(folder)), engine)

    def run(self, name: str, code: str, *files: tuple[str, str], timeout: int = 0, build_seconds: int = 120) -> ProgramRun:
        language = replace(BY_NAME[name], build_seconds=build_seconds)
        self.runner.set_limits(replace(LIMITS, timeout=timeout or LIMITS.timeout))
        self.shown = ""
        return self.runner.run(Job(language, code, language.named(code, ""), files=files), threading.Event(), self._show)

    def _show(self, text: str) -> None:
        self.shown += text


@pytest.fixture(scope="module")
def sandbox(toolchains: str, engine: docker.APIClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start a sandbox with every toolchain."""
    made = Sandbox(toolchains, tmp_path_factory.mktemp("files"), engine)
    yield made
    made.runner.stop()


@pytest.fixture(scope="module")
def strict(toolchains: str, engine: docker.APIClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start the same with the strict profile."""
    made = Sandbox(toolchains, tmp_path_factory.mktemp("strict"), engine, strict=True)
    yield made
    made.runner.stop()


def test_there_are_programs_for_every_language() -> None:
    assert list(PROGRAMS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_usage_example_in_a_second_block_runs_with_what_it_uses(name: str, sandbox: Sandbox) -> None:
    text = "\nUsage:\n\n".join(f"```{name}\n{code}\n```" for code in USAGE[name])
    (block,) = read_answer(text, ALIASES).blocks
    run = sandbox.run(name, block.code, *[(file.name, file.text) for file in block.files])
    assert (run.verdict, run.output.strip().removeprefix("[1] ")) == (Verdict.OK, "9"), run.output


@pytest.mark.parametrize("name", NAMES)
def test_a_language_says_hello_and_finds_no_keyboard(name: str, sandbox: Sandbox) -> None:
    run = sandbox.run(name, PROGRAMS[name].hello)
    assert (run.verdict, run.output.strip()) == (Verdict.OK, GREETING), run.output
    assert sandbox.shown == run.output
    assert sandbox.run(name, PROGRAMS[name].reads).output.strip() == "end"


@pytest.mark.parametrize("name", NAMES)
def test_a_language_runs_in_the_strict_profile(name: str, strict: Sandbox) -> None:
    run = strict.run(name, PROGRAMS[name].hello)
    assert (run.verdict, run.output.strip()) == (Verdict.OK, GREETING), run.output


@pytest.mark.parametrize("name", NAMES)
def test_a_language_compiles_writes_and_reads_in_the_strict_profile(name: str, strict: Sandbox) -> None:
    assert strict.run("python", f"open('data.txt', 'w').write('{GREETING} {name}\\nmore\\n')\n").verdict is Verdict.OK
    assert strict.run(name, PROGRAMS[name].shows).output.strip() == f"{GREETING} {name}"
    assert strict.run(name, PROGRAMS[name].writes).verdict is Verdict.OK
    assert strict.run("python", f"print(open('from-{name}.txt', encoding='utf-8').read().strip())\n").output.strip() == GREETING
    assert strict.run(name, PROGRAMS[name].reads).output.strip() == "end"
    if BY_NAME[name].build or BY_NAME[name].check:
        assert strict.run(name, PROGRAMS[name].broken).verdict is Verdict.COMPILE
    assert strict.run(name, PROGRAMS[name].fails).verdict in (Verdict.FAILED, Verdict.KILLED)


@pytest.mark.parametrize("name", NAMES)
def test_errors_of_compiling_and_of_running_are_told_apart(name: str, sandbox: Sandbox) -> None:
    fails = sandbox.run(name, PROGRAMS[name].fails)
    assert fails.verdict in (Verdict.FAILED, Verdict.KILLED), fails.output
    assert fails.exit_code
    broken = sandbox.run(name, PROGRAMS[name].broken)
    language = BY_NAME[name]
    if not (language.build or language.check):
        assert broken.verdict is Verdict.FAILED
        return
    assert broken.verdict is Verdict.COMPILE, broken
    assert sandbox.shown == broken.output != ""
    assert tell_person(broken, LIMITS) == f"Does not compile: {broken.reason}."
    assert "error" in broken.reason.lower() or language.ending in broken.reason
    assert not language.cannot or f"[sandbox] {language.cannot}" in tell_model(broken, LIMITS)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_that_prints_what_a_compiler_would_is_no_compile_error(name: str, sandbox: Sandbox) -> None:
    prints = PROGRAMS[name].hello.replace(GREETING, "main.c:1: error: SyntaxError: does not compile")
    run = sandbox.run(name, prints)
    assert (run.verdict, run.exit_code) == (Verdict.OK, 0)


@pytest.mark.parametrize("name", NAMES)
def test_each_language_reads_what_python_wrote_and_python_what_it_wrote(name: str, sandbox: Sandbox) -> None:
    wrote = sandbox.run("python", f"open('data.txt', 'w').write('{GREETING} {name}\\nmore\\n')\n")
    assert wrote.verdict is Verdict.OK
    assert sandbox.run(name, PROGRAMS[name].shows).output.strip() == f"{GREETING} {name}"
    assert sandbox.run(name, PROGRAMS[name].writes).verdict is Verdict.OK
    assert sandbox.run("python", f"print(open('from-{name}.txt', encoding='utf-8').read().strip())\n").output.strip() == GREETING
    produced = [file.name for file in sandbox.runner.collect()]
    assert f"from-{name}.txt" in produced
    assert [each for each in produced if each.endswith((".class", ".o", ".program"))] == []
    assert [each.name for each in sandbox.runner.workspace.left_out] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_language_is_stopped_at_the_time_limit(name: str, sandbox: Sandbox) -> None:
    run = sandbox.run(name, PROGRAMS[name].endless, timeout=3)
    assert run.verdict is Verdict.TIME, run.output


BOMB = "template<int D, int X> struct T { static const int v = T<D-1, 2*X>::v + T<D-1, 2*X+1>::v; };\n" + (
    "template<int X> struct T<0, X> { static const int v = X; };\nint main() { return T<40, 0>::v; }\n"
)


def test_the_time_limit_of_compiling_is_told_as_that(sandbox: Sandbox) -> None:
    run = sandbox.run("c++", BOMB, build_seconds=3)
    assert run.verdict is Verdict.COMPILE
    assert run.reason == "the compiler was stopped after 3 s"


def test_a_long_compilation_does_not_use_up_the_programs_own_time(sandbox: Sandbox) -> None:
    slow = '#include <regex>\n#include <iostream>\nint main() { std::cout << std::regex_match("aa", std::regex("a+")) << \'\\n\'; }\n'
    run = sandbox.run("c++", slow, timeout=2)
    assert (run.verdict, run.output) == (Verdict.OK, "1\n")


def test_several_files_make_one_program(sandbox: Sandbox) -> None:
    util = ("util.c", "int twice(int x) { return 2 * x; }\n")
    main = '#include <stdio.h>\n#include "util.h"\nint main(void) { printf("%d\\n", twice(21)); }\n'
    assert sandbox.run("c", main, util, ("util.h", "int twice(int x);\n")).output == "42\n"
    go = 'package main\nimport "fmt"\nfunc main() { fmt.Println(twice(21)) }\n'
    assert sandbox.run("go", go, ("util.go", "package main\nfunc twice(x int) int { return 2 * x }\n")).output == "42\n"
    rust = 'mod util;\nfn main() { println!("{}", util::twice(21)); }\n'
    assert sandbox.run("rust", rust, ("util.rs", "pub fn twice(x: i32) -> i32 { 2 * x }\n")).output == "42\n"
    java = "package app;\npublic class Main { public static void main(String[] a) { System.out.println(Util.twice(21)); } }\n"
    parts = ("Util.java", "package app;\nclass Util { static int twice(int x) { return 2 * x; } }\n")
    assert sandbox.run("java", java, parts).output == "42\n"
    script = 'import { twice } from "./util.ts";\nconsole.log(twice(21));\n'
    assert sandbox.run("typescript", script, ("util.ts", "export const twice = (x: number): number => 2 * x;\n")).output == "42\n"


def test_what_stripping_types_cannot_do_is_told_when_it_fails(sandbox: Sandbox) -> None:
    run = sandbox.run("typescript", "enum Colour { Red }\nconsole.log(Colour.Red);\n")
    assert run.verdict is Verdict.COMPILE
    assert "enum, namespace" in tell_model(run, LIMITS)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ruby", "require 'rails'\n"),
        ("perl", "use Moose;\n"),
        ("lua", "require('lfs.none')\n"),
        ("r", "library(notthere)\n"),
    ],
)
def test_the_generator_learns_at_the_failure_that_there_are_no_packages(name: str, code: str, sandbox: Sandbox) -> None:
    run = sandbox.run(name, code)
    assert run.verdict in (Verdict.FAILED, Verdict.COMPILE)
    assert BY_NAME[name].cannot in tell_model(run, LIMITS)


def test_go_finds_its_own_library_compiled_by_a_container_that_no_session_has(
    toolchains: str, engine: docker.APIClient, tmp_path: Path
) -> None:
    made: list[str] = []
    for strict in (False, True):  # the first one fills the cache, the second finds it, where an engine puts no files
        sandbox = Sandbox(toolchains, tmp_path / f"{strict}", engine, strict=strict, caches=tmp_path / "cache")
        try:
            look = sandbox.run("sh", "ls -d ~/.cache/go-build; ls /workspace\n")
            assert look.output.split("\n")[1:] == ["script.sh", ""]
            assert sandbox.run("go", PROGRAMS["go"].hello, build_seconds=500).verdict is Verdict.OK
            # Nothing is compiled but the program itself: the packages are older than the container.
            count = "find ~/.cache/go-build -newer /workspace/script.sh -name '*-d' ! -newermt 2090-01-01 | wc -l"
            made.append(sandbox.run("sh", f"{count}; find ~/.cache/go-build -name '*-d' -newermt 2090-01-01 | wc -l\n").output)
        finally:
            sandbox.runner.stop()
    [cache] = (tmp_path / "cache").iterdir()
    assert stat.S_IMODE(cache.parent.stat().st_mode) == 0o700
    for fresh, brought in (each.split() for each in made):
        assert int(fresh) < 10 < 200 < int(brought)
    # What a program of a session leaves in its cache is in no other one.
    with tarfile.open(cache) as archive:
        assert {member.name.split("/")[0] for member in archive} == {".cache"}
        before = archive.getnames()
    sandbox = Sandbox(toolchains, tmp_path / "again", engine, caches=tmp_path / "cache")
    try:
        sandbox.run("go", PROGRAMS["go"].hello, build_seconds=500)
        sandbox.run("sh", "echo evil >~/.cache/go-build/evil-d\n")
    finally:
        sandbox.runner.stop()
    with tarfile.open(cache) as archive:
        assert archive.getnames() == before


def test_go_is_made_ready_once_and_a_stop_ends_that(toolchains: str, engine: docker.APIClient, tmp_path: Path) -> None:
    made = Sandbox(toolchains, tmp_path / "made", engine, caches=tmp_path / "cache")
    language, stop, said = replace(BY_NAME["go"], build_seconds=500), threading.Event(), list[str]()

    def stopping(what: str) -> None:
        said.append(what)
        threading.Timer(2.0, stop.set).start()

    job = Job(language, PROGRAMS["go"].hello, language.file_name, prepares=stopping)
    try:
        assert made.runner.run(job, stop, lambda text: None).verdict is Verdict.CANCELLED
        assert not any((tmp_path / "cache").glob("*"))
        for _ in range(2):
            done = made.runner.run(replace(job, prepares=said.append), threading.Event(), lambda text: None)
            assert done.verdict is Verdict.OK
        assert said == ["go", ""] * 2
        assert any((tmp_path / "cache").glob("go-*.tar"))
    finally:
        made.runner.stop()


def test_a_cache_that_cannot_be_had_only_costs_time(toolchains: str, engine: docker.APIClient, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    made = Sandbox(toolchains, tmp_path / "made", engine, caches=tmp_path / "file")
    try:
        assert made.run("go", PROGRAMS["go"].hello, build_seconds=500).verdict is Verdict.OK
    finally:
        made.runner.stop()


def test_what_is_compiled_is_compiled_again_in_a_new_container(sandbox: Sandbox) -> None:
    assert sandbox.run("c", PROGRAMS["c"].hello).verdict is Verdict.OK
    sandbox.runner.drop()
    run = sandbox.run("c", PROGRAMS["c"].hello)
    assert (run.verdict, run.output.strip()) == (Verdict.OK, GREETING)


@pytest.mark.skipif(not shutil.which("docker"), reason="the docker command is not installed")
@pytest.mark.parametrize("name", ["javascript", "c"])
def test_the_docker_line_of_a_handed_over_program_runs_it_in_the_image_of_its_language(
    name: str, image: str, toolchains: str, engine: docker.APIClient, tmp_path: Path
) -> None:
    with ModelEndpoint([f"```{name}\n{PROGRAMS[name].hello}\n```"]) as endpoint:
        images = {"SANDBOX_IMAGE": image, BY_NAME[name].image_setting: toolchains}
        done = run_piped("", ["run", "Greet."], model_environment(endpoint, WORKSPACE="kept", **images), tmp_path, 180)
    assert (done.status, done.out) == (0, f"{GREETING}\n"), done.err
    [folder] = (tmp_path / "kept" / "sessions").glob("*/approved/01-*")
    [line] = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("docker run")]
    assert digest_of(engine.inspect_image(toolchains)) in line  # type: ignore[no-untyped-call]
    for each in (*folder.parents, folder):
        if each.is_relative_to(tmp_path.parent):
            each.chmod(0o755)
    ran = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, f"{GREETING}\n"), ran.stderr
