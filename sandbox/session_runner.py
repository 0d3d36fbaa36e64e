"""The session's container, and one more for each language whose tools its image lacks; changed files are carried both ways."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from sandbox.engine.images import digest_of
from sandbox.exec_stream import Command
from sandbox.files.added import Selection
from sandbox.files.host_folder import HostFolder
from sandbox.languages import Language
from sandbox.monitor import Counters
from sandbox.program import Job, ToolMissing, not_run
from sandbox.runner import Runner
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from sandbox.workspace import Workspace
from utils.docker_utils import ENGINE_FAILURES, SHELL, ContainerRequest, Limits, unique_name
from utils.errors import ContainerLost, EngineError

_LOOK = 'PATH=${PATH#*:}; for tool; do if command -v "$tool" >/dev/null; then exit 0; fi; done; exit 1'


class SessionRunner(Runner):
    """A Runner that runs a language in an image of its own if the session's image lacks its tools, or the settings name one."""

    def __init__(
        self,
        request: ContainerRequest,
        workspace: Workspace,
        client: docker.APIClient | None = None,
        init_command: str = "",
        images: Mapping[str, str] | None = None,
    ) -> None:
        """Take what a Runner takes, and the images of languages, by their keys."""
        super().__init__(request, workspace, client, init_command)
        self._images = images or {}
        self._others: dict[str, _Other] = {}

    def start(self) -> Counters:
        """Start a container as a Runner does; those of single languages are removed, with their files."""
        with self._busy:
            self._stop_others()
            return super().start()

    def stop(self) -> None:
        """Remove every container, or halt it if the request says so."""
        self._stopped.set()
        self._stop_others()
        super().stop()

    def _stop_others(self) -> None:
        for key in tuple(self._others):
            self._others.pop(key).stop()

    def set_limits(self, limits: Limits) -> None:
        """Run the next programs, and make the next containers, under other limits."""
        with self._busy:
            self._stop_others()
            super().set_limits(limits)

    def run(self, job: Job, stop: threading.Event, show: Callable[[str], None]) -> ProgramRun:
        """Run a program where its language has its tools; one that has them nowhere is not run, which the run's reason tells."""
        language = job.language
        with self._busy:
            if language.key not in self._others and language.key not in self._images:
                try:
                    return super().run(job, stop, show)
                except ToolMissing as error:
                    if not language.image:
                        raise  # every sandbox has to have it
                    missing = error.message
            else:
                missing = ""
            try:
                self._emptied()  # the files are carried from a container that is there
                if language.key not in self._others:
                    job.prepares(language.name)
                    self._open(language, missing)
                    job.prepares("")
                other = self._others[language.key]
                return other.run(self, job, stop, show)
            except ContainerLost:
                raise
            except EngineError as error:
                return replace(not_run(job, Verdict.NOT_RUN), reason=f"{error.message}; {error.hint}")

    def runner_for(self, language: Language) -> Runner:
        """Return what runs the language's programs: this one, or that of the language's own container, started if it has to be."""
        with self._busy:
            other = self._others.get(language.key)
            if other is None and (language.key in self._images or not self._has_tools(language)):
                other = self._open(language, "")
            return self if other is None else other.runner

    def _has_tools(self, language: Language) -> bool:
        step = language.build or language.run
        look = Command([SHELL, "-c", _LOOK, "sh", *step.tools], seconds=10)
        return self.use(lambda container: container.run(look).exit_code) == 0

    def _open(self, language: Language, missing: str) -> _Other:
        image = self._images.get(language.key) or language.image
        if self._client is None:
            raise ContainerLost("there is no container", "start again")
        try:
            found = self._client.inspect_image(image)  # type: ignore[no-untyped-call]
        except ImageNotFound as error:
            size = f" (about {language.download} MB)" if image == language.image else ""
            told = f"{missing or f'{language.name} runs in {image}'}, and the image {image} is not here"
            hint = f"run `docker pull {image}`{size}, or set {language.image_setting} to an image that is here"
            raise EngineError(told, hint, kind="image") from error
        except ENGINE_FAILURES as error:
            raise ContainerLost("the engine does not answer", "try again") from error
        other = _Other(replace(self._request, image=image, name=unique_name()), self._client, digest_of(found))
        other.runner.start()
        self._others[language.key] = other
        return other


class _Other:
    """A container of another image, and what is known of the files that both containers have."""

    def __init__(self, request: ContainerRequest, client: docker.APIClient, digest: str) -> None:
        self._image = digest
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)
        there, here = Path(self._folder.name, "there"), Path(self._folder.name, "here")
        there.mkdir()
        here.mkdir()
        self.runner = Runner(request, Workspace(lambda: HostFolder(there)), client)
        self._sent = Workspace(lambda: HostFolder(here))

    def run(self, home: Runner, job: Job, stop: threading.Event, show: Callable[[str], None]) -> ProgramRun:
        notes = home.workspace.save(job)
        limits = home.limits
        changed = home.use(lambda container: self._sent.collect(container, limits))
        left_out, gone = list(self._sent.left_out), self._sent.gone
        if gone:
            self.runner.use(lambda container: self.runner.workspace.remove(container, gone))
        if changed:
            self.runner.add(_selection(changed))
            self.runner.collect()  # from here on, what differs from these was made by the program, whatever its size
        run = self.runner.run(job, stop, show)
        made = self.runner.collect()
        left_out += self.runner.workspace.left_out
        gone = self.runner.workspace.gone
        self.runner.workspace.hand_on(_selection(made), gone)
        if gone:
            home.use(lambda container: self._sent.remove(container, gone))
        if made:
            home.use(lambda container: self._sent.add(container, _selection(made)))
            home.use(lambda container: self._sent.collect(container, limits))
        lost = tuple(f"{each.name} was not carried between containers: {each.reason}" for each in left_out)
        return replace(run, notes=notes + run.notes + lost, image=self._image)

    def stop(self) -> None:
        self.runner.stop()
        self._folder.cleanup()


def _selection(files: list[ProducedFile]) -> Selection:
    return Selection([(file.name, file.path, file.size) for file in files])
