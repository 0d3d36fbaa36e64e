"""One program: put into the container, run and judged, in one exec."""

from __future__ import annotations

import codecs
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import uuid4

from sandbox.advice import advise
from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command, Outcome
from sandbox.files.added import Texts, put_texts
from sandbox.files.names import check_names
from sandbox.idle_watch import IdleWatch
from sandbox.languages import Language, Step
from sandbox.monitor import Counters
from sandbox.verdicts import WAITED, Ended, Evidence, ProgramRun, Verdict, decide, facts, tell_disk
from utils.docker_utils import SHELL, Limits
from utils.errors import ContainerLost, EngineError
from utils.text import last_states

_OUR_DEADLINE = 5  # seconds behind the program's own limit, for a program that keeps timeout(1) from doing its work

# One exec stores the program and runs it, in a sandbox where nothing else runs. What it gets comes line by line on its standard input,
# never as text of the script, so that it can be started before there is a program: it waits, and starting an exec is what takes time.
# Its standard error is a stream of its own for us; the program's two streams share one pipe, so that their order is true.
_SCRIPT = r"""
packages=${PATH%%:*} PATH=${PATH#*:}   # without the folder of what pip installs: the tools used here are the image's
find_tool() {     # sets `found` to the tool's path, without starting a process
  IFS=:
  for folder in $PATH; do
    if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then found=$folder/$1; unset IFS; return 0; fi
  done
  unset IFS
  return 1
}
refuse() { echo "refused $1" >&2; exit 1; }   # says that the program was not started
deny() { head -c "$size" >/dev/null; echo "denied $1" >&2; exit 1; }   # the same, where trying again would not help
IFS= read -r mark && IFS= read -r file && read -r size limit keep count && IFS= read -r choices || refuse "no settings"
set --
while [ "$#" -lt "$count" ]; do IFS= read -r word || refuse "no settings"; set -- "$@" "$word"; done
way= IFS=/
set -f
for part in ${file%/*}; do
  way=$way$part
  if [ -L "$way" ]; then deny "a folder in its name is a link"; fi
  if [ -e "$way" ] && ! [ -d "$way" ]; then deny "a folder in its name is a file"; fi
  way=$way/
done
set +f
unset IFS
case $file in ./*/*) mkdir -p -- "${file%/*}" 2>/dev/null || refuse "no folder" ;; esac
if [ -L "$file" ] || { [ -e "$file" ] && ! { [ -f "$file" ] && [ -w "$file" ]; }; }; then
  rm -rf -- "$file" 2>/dev/null || refuse "its name is taken"
fi
{ head -c "$size" >"$file"; } 2>/dev/null || refuse "it cannot be stored"
IFS= read -r tail && [ "$tail" = "$mark" ] || refuse "it is not whole"   # the mark behind it says that the whole program has arrived
if ! find_tool timeout; then echo "missing timeout" >&2; exit 127; fi
timer=$found
found=
for each in $choices; do
  if find_tool "$each"; then break; fi
done
if [ -z "$found" ]; then echo "missing $choices" >&2; exit 127; fi
echo "start $mark" >&2
(
  PATH=$packages:$PATH
  # Short of memory, the kernel takes the program first. Only a shell that can be read may say so of itself.
  exec "$timer" -k 2 "$limit" /bin/sh -c 'echo 1000 2>/dev/null >/proc/self/oom_score_adj; exec "$@"' sh "$found" "$@" </dev/null 2>&1
)
code=$?
if [ "$keep" = no ]; then rm -f -- "$file" 2>/dev/null; fi
echo "end $mark $code" >&2
exit "$code"
"""
ARGV = (SHELL, "-c", _SCRIPT)


@dataclass(frozen=True)
class Job:
    """A program to run, ready to be stored under its name in the working folder."""

    language: Language
    code: str
    file_name: str  # relative, made of safe parts
    keep_file: bool = True
    files: Texts = ()  # stored beside it before it runs
    step: Step | None = None  # what is done with it; None: it is run
    prepares: Callable[[str], None] = lambda what: None  # is given the language for which something is made ready, and "" once it is

    def __post_init__(self) -> None:
        """Raise ValueError for a name that is not safe."""
        check_names((self.file_name, *(name for name, _ in self.files)))


class NotStarted(Exception):
    """The program was not started, for a reason that the script around it gives."""


class Denied(Exception):
    """The program cannot be stored under its name, and could not when it were tried again."""


class ToolMissing(EngineError):
    """The image has nothing to do this step of the language with."""


def run_program(
    container: SandboxContainer,
    job: Job,
    limits: Limits,
    before: Counters,
    stop: threading.Event,
    on_text: Callable[[str], None],
) -> tuple[ProgramRun, Outcome]:
    """Run the program to its end or a limit and judge it by what the counters did since `before`; blocks.

    Raises NotStarted if it could not be stored or started, Denied if its name prevents that, and ToolMissing when the image
    has no tool for it.
    """
    _store_files(container, job)
    mark = uuid4().hex
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with container.watch_disk(limits.disk, stop, limits.disk_files) as watch, IdleWatch(container.look, watch.stop) as idle:

        def take(piece: bytes) -> None:
            idle.wake()
            on_text(decoder.decode(piece))

        # Where the network is on, this machine can reach a server.
        outcome = container.run(_command(job, limits, mark), watch.stop if limits.network == "on" else idle.stop, take)
    _check_started(job, outcome, mark)
    rest = decoder.decode(b"", final=True)
    if rest:
        on_text(rest)
    if outcome.ended is Ended.CANCEL:
        outcome.ended = Ended.DISK if watch.full else Ended.IDLE if idle.found and not stop.is_set() else Ended.CANCEL
    run = _judge(job, limits, outcome, mark, before, container.counters())
    return replace(run, reason=tell_disk(watch.why, limits)) if run.verdict is Verdict.DISK else run, outcome


def _store_files(container: SandboxContainer, job: Job) -> None:
    try:
        put_texts(container, job.files)
    except ContainerLost as error:
        raise NotStarted(error.message) from error
    except EngineError as error:
        raise Denied(error.message) from error


def _command(job: Job, limits: Limits, mark: str) -> Command:
    code = job.code.encode("utf-8", "replace")
    step = job.step or job.language.run
    arguments = job.language.arguments(step, job.file_name, job.code, job.files)
    numbers = f"{len(code)} {limits.timeout} {'yes' if job.keep_file else 'no'} {len(arguments)}"
    lines = [mark, f"./{job.file_name}", numbers, " ".join(step.tools), *arguments]
    return Command(
        argv=ARGV,
        stdin="".join(f"{line}\n" for line in lines).encode() + code + f"{mark}\n".encode(),
        output_limit=limits.output,
        seconds=limits.timeout + _OUR_DEADLINE,
        start_mark=f"start {mark}\n".encode(),
        end_mark=f"end {mark} ".encode(),
    )


def _check_started(job: Job, outcome: Outcome, mark: str) -> None:
    words = outcome.words.decode("utf-8", "replace")
    if f"start {mark}\n" in words or outcome.ended is Ended.CANCEL:
        return
    if words.startswith("missing "):
        names = " or ".join(words.splitlines()[0].split()[1:])
        pull = f", or run `docker pull {job.language.image}`" if job.language.image else ""
        hint = f"set {job.language.image_setting} to an image that has it{pull}"
        raise ToolMissing(f"the image has no {names} to run {job.language.name} with", hint, kind="image")
    if words.startswith("denied "):
        raise Denied(f"{job.file_name} cannot be stored: {words.splitlines()[0].removeprefix('denied ')}")
    if outcome.sent and not words.startswith("refused ") and not _never_started(outcome):
        # It was handed over whole, and no word of it came back: it may have run. Running it again could do its work twice.
        outcome.ended = Ended.LOST
        return
    raise NotStarted(" ".join(words.split()) or outcome.ended.value)


def _never_started(outcome: Outcome) -> bool:
    # How an exec ends that could not become the script, or was killed while it waited. An engine gives 126 to one whose stream broke, too;
    # it says something about the first kind only.
    return outcome.exit_code in (127, 128, 137) or (outcome.exit_code == 126 and bool(outcome.output))


def _judge(job: Job, limits: Limits, outcome: Outcome, mark: str, before: Counters, after: Counters | None) -> ProgramRun:
    words = outcome.words.decode("utf-8", "replace").partition(f"start {mark}\n")[2]
    by_signal, end, _ = words.partition(f"end {mark} ")
    after = after or before
    evidence = Evidence(
        ended=outcome.ended,
        exit_code=outcome.exit_code,
        seconds=outcome.seconds,
        # The shell says `Killed` and the like about a command that a signal ended; without its last words, a signal ended the shell itself.
        # A program can write there, too, so the words only explain an exit code that the engine reported.
        signalled=(outcome.exit_code or 0) > 128 and (bool(by_signal.strip()) or not end),
        memory_kills=after.memory_kills - before.memory_kills,
        refused_processes=after.refused_processes - before.refused_processes,
        no_routes=after.no_routes - before.no_routes,
    )
    verdict = decide(evidence, limits)
    run = ProgramRun(
        language=job.language.name,
        code=job.code,
        file_name=job.file_name,
        verdict=verdict,
        exit_code=outcome.exit_code,
        seconds=outcome.seconds,
        output=last_states(outcome.output.decode("utf-8", "replace")),
        dropped=outcome.dropped,
        notes=facts(evidence, verdict, limits),
        reason=WAITED if evidence.ended is Ended.IDLE else "",
    )
    return advise(run, [name for name, _ in job.files])


def not_run(job: Job, verdict: Verdict, *notes: str) -> ProgramRun:
    """Describe a program that was never started."""
    return ProgramRun(job.language.name, job.code, job.file_name, verdict, None, 0.0, "", 0, notes)
