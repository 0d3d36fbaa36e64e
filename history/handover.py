"""Puts an approved program into a folder of its own, with all that somebody needs who has neither the model nor this project."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from history.records import Approval, Attempt, StoredFile, StoredPackage, StoredSession, npm_versions, python_packages, requirements_of
from history.steps import TASK
from sandbox.files.names import header_name
from sandbox.languages import BUILT, BY_NAME
from sandbox.packages.pip_lines import find_pip_lines
from teams.naming import fitting_name
from utils.free_path import free_path

APPROVED = "approved"
"""The folder of approved programs, in a session's folder."""
ADDED = "added"
"""The folder of what the user added, in a session's folder."""
RESULTS = "results"
"""The folder of what the program made when it was approved, in its own folder."""
MOST_FILE, MOST_FILES = 10 * 1024**2, 50 * 1024**2  # bytes of one file, and of all, that are handed over

OURS = ("readme.md", "dockerfile", "requirements.txt", "package.json", RESULTS)
"""Names in a handed-over folder that nothing of the program's or the user's gets, in small letters."""

_CHANGED = "a later program, which was not approved, made or changed it"
_IMAGE_PYTHON = re.compile(r"(?:^|/)python:(3\.\d+)")


@dataclass(frozen=True)
class Program:
    """A program as it is handed over."""

    name: str
    language: str
    code: str
    image: str  # that it ran in
    moved: int = 0  # lines that were put before the first line of what was approved


@dataclass(frozen=True)
class Handover:
    """What is handed over: programs in the order they run, the files they get, and what they need."""

    programs: tuple[Program, ...]
    attempts: tuple[Attempt, ...]  # that were approved, one for each program
    files: tuple[StoredFile, ...] = ()  # that the user added
    modules: tuple[tuple[str, str], ...] = ()  # name and text of what answers stored beside their programs, and under names of their own
    results: tuple[StoredFile, ...] = ()
    packages: tuple[StoredPackage, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()  # name and reason

    @property
    def lock(self) -> str:
        """Return the file of requirements for Python, with hashes if they are known for all."""
        return requirements_of(self.packages)

    @property
    def hashed(self) -> bool:
        """Whether that file names the hash of every package."""
        return " --hash=" in self.lock

    @property
    def npm(self) -> str:
        """Return the package.json with the versions of npm's packages, "" if there are none."""
        versions = npm_versions(self.packages)
        return json.dumps({"private": True, "dependencies": versions}, indent=2) + "\n" if versions else ""


def plan(session: StoredSession, folder: Path) -> Handover | None:
    """Say what is handed over of the newest programs; None if no program has run. `folder` is the session's."""
    attempts = _newest(session.judged)
    if not attempts:
        return None
    numbers = {attempt.number for attempt in attempts}
    packages = tuple(session.packages)
    programs: list[Program] = []
    for attempt in attempts:
        programs.append(_program(session, attempt, packages, {program.name for program in programs}))
    kept, left_out = _within_limits([file for file in session.files if file.added], folder / ADDED)
    results, more = _within_limits([file for file in session.files if file.attempt in numbers and not file.added], folder)
    modules = _modules(session.judged, {program.name for program in programs})
    changed = [(file.name, _CHANGED) for file in session.files if session.judged[-1].number < file.attempt]
    return Handover(tuple(programs), tuple(attempts), kept, modules, results, packages, (*left_out, *more, *changed))


def hand_over(session: StoredSession, folder: Path) -> Approval | None:
    """Write the newest programs of the newest task into a folder of their own; None if none has run. OSError if it cannot be written."""
    planned = plan(session, folder)
    began = max((number for number, message in enumerate(session.messages) if message.source == TASK), default=-1)
    if planned is None or planned.attempts[-1].message <= began:
        return None
    number = session.approvals[-1].number + 1 if session.approvals else 1
    name = f"{number:02}-{Path(planned.programs[-1].name).stem}"
    target = folder / APPROVED / name
    if target.exists():  # left by a session that ended while it wrote
        shutil.rmtree(target)
    target.mkdir(parents=True)
    for text_name, text in _texts(session, planned):
        _write(target / text_name, text)
    for files, source, place in ((planned.files, folder / ADDED, target), (planned.results, folder, target / RESULTS)):
        for file in files:
            (place / file.name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file.name, place / file.name, follow_symlinks=False)
    _write(target / "README.md", _readme(session, planned, name))
    return Approval(number, f"{APPROVED}/{name}", tuple(attempt.number for attempt in planned.attempts), time.time())


def _texts(session: StoredSession, planned: Handover) -> Iterator[tuple[str, str]]:
    yield from ((program.name, program.code) for program in planned.programs)
    yield from planned.modules
    ours = {"requirements.txt": planned.lock, "package.json": planned.npm, "Dockerfile": _dockerfile(_recipes(session, planned))}
    yield from ((name, text) for name, text in ours.items() if text)


def run_lines(session: StoredSession, planned: Handover, name: str) -> list[tuple[str, str]]:
    """Return what each command to run the programs is for, and the command; they are typed in the handed-over folder."""
    tag = re.sub(r"^\d+-", "", name).replace("_", "-").strip("-.") or "program"
    recipes = _recipes(session, planned)
    names = {image: tag if len(recipes) == 1 else f"{tag}-{number}" for number, image in enumerate(recipes, 1)}
    lines = []
    for image, built in names.items():
        target = "" if len(recipes) == 1 else f"--target {_stage(recipes, image)} "
        lines.append(("Once, to put the packages into an image of their own", f"docker build {target}-t {built} ."))
    for image, programs in groupby(planned.programs, lambda program: program.image):
        line = _docker_line(session, list(programs), planned.modules, names.get(image, image))
        lines.append(("In a container that sees this folder and nothing else, and has no network", line))
    python = [program for program in planned.programs if program.language == "python"]
    if len(python) == len(planned.programs):
        lines.append(("Without the sandbox: it can read and change your files", " && ".join(f"uv run {each.name}" for each in python)))
    return lines


def task_of(session: StoredSession, attempt: Attempt) -> str:
    """Return the task that the program belongs to: a session may have had several."""
    tasks = [message.own_words for message in session.messages[: attempt.message] if message.source == TASK]
    return tasks[-1] if tasks else session.info.task


def _newest(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the programs of the newest answer that has some, each once: one that ran again with its packages counts as it ran last."""
    last = next((attempt for attempt in reversed(attempts) if attempt.finished is not None), None)
    if last is None:
        return []
    newest = {(each.language, each.code): each for each in attempts if each.message == last.message and each.finished is not None}
    asked_for_packages_only = [each for each in newest.values() if not find_pip_lines(each.language, each.code).anything_left]
    return [each for each in newest.values() if each not in asked_for_packages_only] or [last]


def _program(session: StoredSession, attempt: Attempt, packages: Sequence[StoredPackage], taken: set[str]) -> Program:
    name = fitting_name(task_of(session, attempt), attempt.code, attempt.language)
    asked = _header(attempt.code) or _own_name(attempt)
    if asked and not is_ours(asked):
        name = asked  # other programs may import it, or open it, by this name
    name = free_path(Path(name), lambda path: path.as_posix() in taken).as_posix()
    code = find_pip_lines(attempt.language, attempt.code).rest
    image = str(attempt.said.get("image") or _image(session))
    if attempt.language != "python":
        return Program(name, attempt.language, code, image)
    header = _script_header(session.info.image, python_packages(packages))
    return Program(name, attempt.language, header + code, image, header.count("\n"))


def _header(code: str) -> str:
    try:
        return header_name(code) or ""
    except ValueError:
        return ""


def _own_name(attempt: Attempt) -> str:
    """Return the name that the program was stored under, unless every program of its language is."""
    language = BY_NAME.get(attempt.language)
    return "" if language is None or attempt.file_name == language.file_name else attempt.file_name


def _script_header(image: str, packages: Sequence[StoredPackage]) -> str:
    python = _IMAGE_PYTHON.search(image)
    lines = [f'# requires-python = ">={python[1]}"'] if python else []
    names = ", ".join(f'"{each.name}=={each.version}"' for each in packages)
    return "\n".join(["# /// script", *lines, f"# dependencies = [{names}]", "# ///", ""])


def _modules(attempts: Sequence[Attempt], taken: set[str]) -> tuple[tuple[str, str], ...]:
    finished = [attempt for attempt in attempts if attempt.finished is not None]
    named = (part for each in finished for part in (*each.given, (_header(each.code), each.code)))
    found = {name: code for name, code in named if name and name not in taken and not is_ours(name)}
    return tuple(sorted(found.items()))


def is_ours(name: str) -> bool:
    """Whether the name in a handed-over folder is one of our own."""
    return name.partition("/")[0].casefold() in OURS


def _within_limits(files: Sequence[StoredFile], source: Path) -> tuple[tuple[StoredFile, ...], tuple[tuple[str, str], ...]]:
    kept, left_out, total = [], [], 0
    for file in files:
        path = source / file.name
        if file.added and is_ours(file.name):
            left_out.append((file.name, "a file in this folder already has its name"))
        elif file.size > MOST_FILE or total + file.size > MOST_FILES:
            left_out.append((file.name, "it is too large"))
        elif path.is_symlink() or not path.is_file():
            left_out.append((file.name, "it is no longer there"))
        else:
            kept.append(file)
            total += file.size
    return tuple(kept), tuple(left_out)


def _image(session: StoredSession) -> str:
    digest = session.info.image_digest
    if digest.startswith("sha256:") or not digest:
        return digest or session.info.image
    tagged = session.info.image.partition("@")[0]
    return f"{tagged}@{digest.partition('@')[2]}" if "@" in digest else digest


def _docker_line(session: StoredSession, programs: Sequence[Program], modules: Sequence[tuple[str, str]], image: str) -> str:
    facts = session.info.facts
    bounds = "".join(f" --{option} {facts[name]}" for option, name in (("memory", "memory"), ("pids-limit", "pids")) if facts.get(name))
    commands = " && ".join(_command(program, modules) for program in programs)
    start = f"sh -c {shlex.quote(commands)}" if "&&" in commands else commands
    return (
        f"docker run --rm --network none --cap-drop ALL --security-opt no-new-privileges{bounds}"
        f' --user "$(id -u):$(id -g)" -e HOME=/tmp -e MPLBACKEND=Agg --entrypoint "" -v "$PWD":/work -w /work {image} {start}'
    )


def _command(program: Program, beside: Sequence[tuple[str, str]]) -> str:
    """Return what builds and runs the program, with what is built in /tmp."""
    language = BY_NAME.get(program.language)
    if language is None:
        return f"{program.language} {program.name}"
    steps = filter(None, (language.build, language.run))
    return " && ".join(
        shlex.join([step.tools[0], *language.arguments(step, program.name, program.code, beside)]).replace(BUILT, "/tmp") for step in steps
    ).replace("env /tmp/", "/tmp/")


def _recipes(session: StoredSession, planned: Handover) -> dict[str, str]:
    """Return what puts the packages into each image that needs some; of the images that programs ran in, by their names."""
    options = "--no-deps --require-hashes" if planned.hashed else "--no-deps"
    pip = (
        "COPY requirements.txt /tmp/requirements.txt\n"
        f"RUN python3 -m pip install --no-cache-dir --break-system-packages {options} -r /tmp/requirements.txt\n"
    )
    npm = "COPY package.json /package.json\nRUN cd / && npm install --ignore-scripts\n"  # found from every folder
    recipes: dict[str, str] = {}
    for program in planned.programs:
        language = BY_NAME.get(program.language)
        from_npm = language is not None and language.packages == "npm"
        for wanted, recipe in ((planned.lock and program.image == _image(session), pip), (planned.npm and from_npm, npm)):
            if wanted and recipe not in recipes.get(program.image, ""):
                recipes[program.image] = recipes.get(program.image, "") + recipe
    return recipes


def _dockerfile(recipes: Mapping[str, str]) -> str:
    if len(recipes) == 1:
        return "".join(f"FROM {image}\n{recipe}" for image, recipe in recipes.items())
    return "\n".join(f"FROM {image} AS {_stage(recipes, image)}\n{recipe}" for image, recipe in recipes.items())


def _stage(recipes: Mapping[str, str], image: str) -> str:
    return f"image-{list(recipes).index(image) + 1}"


def _readme(session: StoredSession, planned: Handover, name: str) -> str:
    task = task_of(session, planned.attempts[-1])
    parts = [f"# {name.partition('-')[2]}", *(f"> {line}".rstrip() for line in task.splitlines()), ""]
    parts.append(f"Written by {session.info.model or 'a model'} and approved after it had run. In this folder, run:\n")
    for meaning, line in run_lines(session, planned, name):
        parts += [f"{meaning}:\n", f"```sh\n{line}\n```\n"]
    if planned.lock:
        kind = (
            "with the hash of each file, which is for one kind of processor and one version of Python" if planned.hashed else "by version"
        )
        parts.append(f"`requirements.txt` names every package {kind}. Packages that are part of the image are not in it.\n")
    if planned.npm:
        parts.append(
            "`package.json` names the npm packages that the programs import, with their versions; their install scripts did not run.\n"
        )
    if session.info.image_digest.startswith("sha256:"):
        parts.append(f"The image was built on the machine of the session. Elsewhere, use {session.info.image} or one like it.\n")
    if planned.results:
        parts.append(f"`{RESULTS}/` holds what the program made when it was approved.\n")
    parts += [f"Not in this folder: `{left_out}`, because {reason}.\n" for left_out, reason in planned.left_out]
    return "\n".join(parts).rstrip() + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
