"""What happens around a program for the sake of packages: its `pip install` lines, and a module that is missing when it runs."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from autogen_agentchat.messages import BaseAgentEvent
from autogen_core import CancellationToken

from agents.answers.file_names import own_modules
from agents.events import Answers, InstallStarted, PackagesInstalled, Question, Refusal
from sandbox.languages import BY_NAME
from sandbox.network import NOT_STRICT, STRICT
from sandbox.packages.causes import only_the_user
from sandbox.packages.install import INSTALL_SECONDS, Installation, PipRequest
from sandbox.packages.names import imports_of, is_known, missing_module, name_of, package_of
from sandbox.packages.npm import NpmRequest
from sandbox.packages.npm_names import NPM, known_npm_packages, npm_imports
from sandbox.packages.pip_lines import PipCommand, PipLines, address_of, find_pip_lines, read_requirements
from sandbox.sandbox import Sandbox
from sandbox.verdicts import TOO_MUCH, ProgramRun, Verdict
from utils.code_blocks import CodeBlock
from utils.errors import EngineError
from utils.text import plain, shorten

MOST_REPAIRS = 4
"""How often one program is run again after a module that it lacked was installed."""

ASKED_FOR = "the answer asks for them"
RESUMED = "the session had them"
_NETWORK_OFF = "the network is off (SANDBOX_NETWORK=off)"
_NOT_BY_NAME = "only packages of the index are installed, by their names (SANDBOX_PACKAGES=any allows addresses and paths)"
_NOT_ALLOWED = "the user said no"
_NOBODY = "it is not on the list of well-known packages, and nobody can be asked here; SANDBOX_PACKAGES=any installs it"
_NOBODY_BUILDS = "it exists as source code only, and nobody can be asked here; SANDBOX_PACKAGES=any builds it"
_OPEN_NETWORK = "packages cannot be installed while the network is off: type /network install, or set SANDBOX_NETWORK=install"
_STOPPED = {
    Verdict.TIME: f"it took longer than {INSTALL_SECONDS} s",
    Verdict.DISK: "the files of the sandbox took more than it may hold",
    Verdict.LOST: "the connection to the container was lost",
}
_MOST_TEXT = 4000
_SCRIPTS = tuple(f".{ending}" for ending in (*BY_NAME["javascript"].aliases, *BY_NAME["typescript"].aliases))


Requests = Sequence[PipRequest | NpmRequest]


@dataclass(frozen=True)
class Prepared:
    """A program once its packages are there: what is to be run, or what replaces its run if there is nothing to run."""

    code: str
    instead: ProgramRun | None = None


@dataclass
class _Wish:
    """What is to be installed: calls of pip in their order, or one of npm, names that the user has to allow, and what is refused."""

    requests: list[PipRequest | NpmRequest] = field(default_factory=list)
    to_ask: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


class PackageSteps:
    """Installs what programs need, under the user's rules. `any_package` leaves out the question about names that are not well known."""

    def __init__(self, source: str, sandbox: Sandbox, answers: Answers, any_package: bool = False) -> None:
        """Take the agent's name, the sandbox, and who is asked, if anybody can be."""
        self._source = source
        self._sandbox = sandbox
        self._answers = answers
        self._any = any_package
        self.repaired = False
        self.remedy = ""
        """What only the user can do about packages that the newest program asked for in vain; "" if another program may do."""
        self.first: PipRequest | None = None
        """What is installed before the next program runs: the packages that a resumed session had."""
        self.versions: Mapping[str, str] = {}
        """The versions of npm's packages that a resumed session had, which it gets again once a program lacks one."""
        self._allowed: set[str] = set()
        self._block = CodeBlock("", "", 0)
        self._modules: set[str] = set()

    # --- Lines that ask for packages -------------------------------------------------------------------------------------------

    async def before(self, block: CodeBlock, token: CancellationToken) -> AsyncGenerator[BaseAgentEvent | Prepared, None]:
        """Install what the program's pip lines ask for; the last item is Prepared."""
        self._block = block
        self._modules = set()
        self.repaired, self.remedy = False, ""
        first, self.first = self.first, None
        if first is not None:
            async for event in self._fulfil(_Wish([first]), RESUMED, token):
                yield event
        lines = find_pip_lines(block.language, block.code)
        if not lines.commands:
            yield Prepared(block.code)
            return
        wish = await self._wish(lines)
        done: PackagesInstalled | None = None
        async for event in self._fulfil(wish, ASKED_FOR, token):
            done = event if isinstance(event, PackagesInstalled) else done
            yield event
        yield _prepared(block, lines, done)

    async def _wish(self, lines: PipLines) -> _Wish:
        wish = _Wish()
        for command in lines.commands:
            if command.refusal:
                wish.refused.append(Refusal(shorten(command.text, 200), command.refusal))
                continue
            requirements = list(command.requirements)
            for name in command.files:
                listed = await self._listed_in(name)
                requirements += listed.requirements
                if listed.refusal:
                    wish.refused.append(Refusal(f"-r {name}", listed.refusal))
            self._sort(requirements, command.options, wish)
        return wish

    async def _listed_in(self, name: str) -> PipCommand:
        own = next((file.text for file in self._block.files if posixpath.normpath(name) == file.name), None)
        text = own if own is not None else await self._sandbox.read_text(name)
        if text is None:
            return PipCommand(
                1, name, refusal="there is no such file in the working folder; write it in a block before this one, or name the packages"
            )
        return read_requirements(text, name)

    def _sort(self, requirements: Sequence[str], options: tuple[str, ...], wish: _Wish) -> None:
        wanted = []
        for requirement in requirements:
            name = name_of(requirement)
            address = address_of(requirement)
            if name is None and (address is None or not self._any):
                wish.refused.append(Refusal(shorten(requirement, 200), _NOT_BY_NAME if address else "it is not the name of a package"))
                continue
            if name is not None and not (self._any or is_known(name) or name in self._allowed or name in wish.to_ask):
                wish.to_ask.append(name)
            wanted.append(requirement if name is not None else str(address))
        if wanted:
            wish.requests.append(PipRequest(tuple(wanted), options, build=self._any))

    # --- A module that is missing ----------------------------------------------------------------------------------------------

    async def after(self, run: ProgramRun, token: CancellationToken) -> AsyncGenerator[BaseAgentEvent, None]:
        """Install the module that a failed run says it lacks; then `repaired` says whether the program is worth running again.

        The program can print what Python prints about a missing module. All that this can lead to is a well-known package, or a question.
        """
        self.repaired = False
        if run.verdict is not Verdict.FAILED or len(self._modules) >= MOST_REPAIRS:
            return
        language = BY_NAME.get(run.language)
        try:
            wish, modules = await (self._lacks_of_npm(run) if language and language.packages == "npm" else self._lacks_of_pip(run))
        except EngineError:
            return  # the next run tells that the container is lost
        if not modules:
            return
        self._modules.update(modules)
        async for event in self._fulfil(wish, f"the program imports {', '.join(modules)}", token):
            yield event
            # Without anything new, the program would only fail again.
            self.repaired = isinstance(event, PackagesInstalled) and event.verdict is Verdict.OK and bool(event.installed)

    async def _lacks_of_pip(self, run: ProgramRun) -> tuple[_Wish, list[str]]:
        wish, module = _Wish(), missing_module(run.plain_output)
        packages = await self._packages_for(module, run.code) if module and module not in self._modules else []
        self._sort(packages, (), wish)
        return wish, [module] if module and packages else []

    async def _lacks_of_npm(self, run: ProgramRun) -> tuple[_Wish, list[str]]:
        """Look which imports of the program lead nowhere; what it prints says nothing about that."""
        texts = [run.code, *(file.text for file in self._block.files if posixpath.splitext(file.name)[1] in _SCRIPTS)]
        own = {posixpath.splitext(file.name)[0].partition("/")[0] for file in self._block.files}
        names = sorted({name for text in texts for name in npm_imports(text)} - own - self._modules)
        missing = await self._sandbox.missing_from_npm(run.language, run.file_name, names) if names else []
        known = self._allowed | {f"{NPM}{name}" for name in (*known_npm_packages(), *self.versions)}
        to_ask = [] if self._any else [f"{NPM}{name}" for name in missing if f"{NPM}{name}" not in known]
        wanted = tuple(f"{name}@{self.versions[name]}" if name in self.versions else name for name in missing)
        return _Wish([NpmRequest(wanted, run.language)], to_ask), missing

    async def _packages_for(self, module: str, code: str) -> list[str]:
        package = package_of(module, code)
        top = module.partition(".")[0]
        if package is None:
            return []
        # What else the program imports comes with it, so that it is not run once for each.
        texts = [code, *(file.text for file in self._block.files if file.name.endswith(".py"))]
        imported = {name for text in texts for name in imports_of(text)}
        others = {name.partition(".")[0]: found for name in imported if (found := package_of(name, code)) and is_known(found)}
        answers = own_modules([self._block.name, *(file.name for file in self._block.files)])
        own = {*answers, *await self._sandbox.names_present([top, *others])}
        if top in own:
            return []
        return [package, *sorted({found for name, found in others.items() if name not in own} - {package})]

    # --- Asking and installing -------------------------------------------------------------------------------------------------

    def _closed(self) -> tuple[str, str]:
        """Return why nothing can be installed here, and what only the user can do about that."""
        if self._sandbox.strict:
            return STRICT, f"{STRICT}: {NOT_STRICT} to install packages"
        return (_NETWORK_OFF, _OPEN_NETWORK) if self._sandbox.limits.network == "off" else ("", "")

    async def _fulfil(self, wish: _Wish, why: str, token: CancellationToken) -> AsyncGenerator[BaseAgentEvent, None]:
        """Ask if that is needed, and install all of it or nothing; the last event is the result."""
        closed, remedy = self._closed()
        if closed and wish.requests:
            yield self._told(why, None, [Refusal(str(request), closed) for request in wish.requests], remedy)
            return
        if wish.to_ask and not wish.refused:
            question = self._question("packages", wish.to_ask, why)
            yield question
            allowed = (await self._answers.wait(question.key, token)).yes
            if allowed:
                self._allowed.update(wish.to_ask)
            else:
                wish.refused = [Refusal(name, _NOBODY if allowed is None else _NOT_ALLOWED) for name in wish.to_ask]
        if wish.refused or not wish.requests:
            yield self._told(why, None, wish.refused)
            return
        async for event in self._install(wish.requests, why, token):
            yield event

    async def _install(self, requests: Requests, why: str, token: CancellationToken) -> AsyncGenerator[BaseAgentEvent, None]:
        """Install from wheels; what exists as source code only is built after a yes."""
        commands = tuple(str(request) for request in requests)
        yield InstallStarted(source=self._source, commands=commands, why=why, timeout=INSTALL_SECONDS)
        try:
            done = await self._call(requests, token)
            refused: list[Refusal] = []
            if done.sources:
                question = self._question("build", done.sources, why)
                yield question
                allowed = (await self._answers.wait(question.key, token)).yes
                if allowed:
                    yield InstallStarted(source=self._source, commands=commands, why=why, timeout=INSTALL_SECONDS)
                    building = [replace(request, build=True) for request in requests if isinstance(request, PipRequest)]
                    done = await self._sandbox.install(building, token)
                else:
                    refused = [Refusal(name, _NOBODY_BUILDS if allowed is None else _NOT_ALLOWED) for name in done.sources]
            yield self._told(why, done, refused)
        except EngineError as error:
            yield self._told(why, None, (Refusal(", ".join(commands), error.message),), f"{error.message}: {error.hint}".rstrip(": "))

    async def _call(self, requests: Requests, token: CancellationToken) -> Installation:
        for_pip = [request for request in requests if isinstance(request, PipRequest)]
        for_npm = [request for request in requests if isinstance(request, NpmRequest)]
        return await (self._sandbox.install_from_npm(for_npm[0], token) if for_npm else self._sandbox.install(for_pip, token))

    def _question(self, kind: Literal["packages", "build"], packages: Sequence[str], why: str) -> Question:
        key = self._answers.open()
        return Question(source=self._source, key=key, kind=kind, programs=(self._block,), packages=tuple(packages), because=why)

    def _told(self, why: str, done: Installation | None, refused: Sequence[Refusal], remedy: str = "") -> PackagesInstalled:
        done = done or Installation(Verdict.FAILED, None, (), "", 0.0)
        remedy = remedy or ("" if refused else only_the_user(done))
        self.remedy = "" if why == RESUMED else remedy  # a program that lacks what the session had asks for it again
        return PackagesInstalled(
            source=self._source,
            why=why,
            installed=done.installed,
            refused=tuple(refused),
            verdict=done.verdict,
            summary=_summary(why, done, refused),
            output=done.last_lines if done.verdict is not Verdict.OK else "",
            seconds=done.seconds,
            remedy=remedy,
        )


def _summary(why: str, done: Installation, refused: Sequence[Refusal]) -> str:
    lines = [f"Not installed: {refusal.what}: {refusal.reason}." for refusal in refused]
    if done.installed:
        lines.append(f"Installed ({why}): {', '.join(map(str, done.installed))}.")
    elif done.verdict is Verdict.OK:
        lines.append("Nothing to install: everything is there already.")
    if done.verdict not in (Verdict.OK, Verdict.FAILED):
        stopped = TOO_MUCH["room"] if done.too_much == TOO_MUCH["room"] else _STOPPED.get(done.verdict, done.verdict.value)
        lines.append(f"The installation did not finish ({stopped}).")
    elif done.verdict is Verdict.FAILED and not refused:
        lines.append("The installation failed.")
    return "\n".join(lines)


def notes(event: PackagesInstalled) -> list[str]:
    """Return what the model learns about an installation that no run reports."""
    if event.why == ASKED_FOR and event.verdict is not Verdict.OK:
        return []
    last = plain(event.output).splitlines()[-1:] if event.verdict is not Verdict.OK else []
    return [*event.to_text().splitlines(), *(shorten(line, 300) for line in last)]


def _prepared(block: CodeBlock, lines: PipLines, done: PackagesInstalled | None) -> Prepared:
    seconds = done.seconds if done else 0.0
    said = done.to_text() if done else ""
    if done is not None and done.verdict is Verdict.OK:
        if lines.anything_left:
            return Prepared(lines.rest)
        return Prepared(lines.rest, ProgramRun(block.language, block.code, "pip", Verdict.OK, 0, seconds, f"{said}\n"))
    output = "\n".join(part for part in (said, done.output if done else "") if part)[-_MOST_TEXT:]
    # An installation that was stopped, or whose result is unknown, is reported as such.
    verdict = done.verdict if done and done.verdict in (Verdict.CANCELLED, Verdict.LOST) else Verdict.NOT_RUN
    reason = f"{_wanted(lines.commands)} could not be installed" if verdict is Verdict.NOT_RUN else ""
    return Prepared(lines.rest, ProgramRun(block.language, block.code, "", verdict, None, seconds, f"{output}\n", reason=reason))


def _wanted(commands: Sequence[PipCommand]) -> str:
    words = [word for each in commands for word in ([*each.requirements, *each.files] or [each.text])]
    return shorten(", ".join(words), 200)
