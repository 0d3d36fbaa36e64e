"""Installations that fail for a reason that no program can change: which those are, what the user reads, and that no model is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import sandbox.packages.pip_runner
from sandbox.exec_stream import Outcome
from sandbox.packages.causes import only_the_user
from sandbox.packages.install import INSTALL_SECONDS, Installation, judge
from sandbox.verdicts import TOO_MUCH, Ended, ProgramRun, Verdict
from tests.endpoint import ModelEndpoint
from tests.failing_index import PAGE, answering, refusing, self_signed, silent
from tests.fakes import program, ran
from tests.program import model_environment, run_piped
from tests.talks import rehearsal
from tests.test_package_steps import ListedInstalls, missing
from utils.errors import ContainerLost, EngineError

_PAGE = "Could not fetch URL https://pypi.org/simple/six/: "
_POOL = "HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded with url: /simple/six/ (Caused by "
_NEW = "NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: "
_NONE = "No matching distribution found for six"
_GET = "npm error request to https://registry.npmjs.org/left-pad failed, reason: "

TRUST = "does not trust the certificate of"
REACH = "cannot be reached"
NAME = "cannot be resolved"
SLOW = "does not answer in time"
ACCESS = "refuses access"
FAILING = "does not serve packages at the moment"
ROOM = "no space is left for packages"
MODELS = ""


def pip(*errors: str) -> Installation:
    return Installation(Verdict.FAILED, 1, (), f"ERROR: {_NONE}\n", 1.0, errors=(*errors, _NONE))


def npm(*errors: str) -> Installation:
    return Installation(Verdict.FAILED, 1, (), "\n".join(errors), 1.0, tool="npm", errors=errors)


# Each row: how an installation ended, in the words of pip 20, 23 or 26, or of npm 11; and a part of the sentence, or MODELS.
CAUSES = [
    (pip(f"{_PAGE}There was a problem confirming the ssl certificate: {_POOL}SSLError(SSLCertVerificationError(1, '[SSL: "
         "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:992)'))) - skipping"),
     "pip does not trust the certificate of pypi.org: set SANDBOX_CA_BUNDLE to a file with"),
    (pip(f"{_PAGE}There was a problem confirming the ssl certificate: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable "
         "to get local issuer certificate (_ssl.c:1006) - skipping"), f"pip {TRUST} pypi.org: set SANDBOX_CA_BUNDLE"),
    (pip(f"{_PAGE}{_POOL}SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has "
         "expired (_ssl.c:1006)'))) - skipping"), "is out of date or made out to another name: check PIP_INDEX_URL and the clock"),
    (pip(f"{_PAGE}{_POOL}SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)'))) - skipping"),
     "no secure connection to pypi.org is possible"),
    (pip(f"{_PAGE}connection error: {_POOL}{_NEW}[Errno -3] Temporary failure in name resolution')) - skipping"),
     f"the name pypi.org {NAME}: check the network, or set PIP_INDEX_URL"),
    (pip(f"{_PAGE}connection error: Failed to resolve IP address for 'pypi.org' ([Errno -2] Name or service not known) - skipping"), NAME),
    (pip(f"{_PAGE}connection error: {_POOL}{_NEW}[Errno 111] Connection refused')) - skipping"), f"pypi.org {REACH}: check the network"),
    (pip(f"{_PAGE}connection error: [Errno 101] Network is unreachable - skipping"), REACH),
    (pip(f"{_PAGE}connection error: {_POOL}ProxyError('Cannot connect to proxy.', {_NEW}[Errno 111] Connection refused'))) - skipping"),
     REACH),
    (pip(f"{_PAGE}proxy connection error: ('Unable to connect to proxy', OSError('Tunnel connection failed: 403 Forbidden')) - skipping"),
     ACCESS),
    (pip(f"{_PAGE}connection error: the connection was closed without a reply from the server. - skipping"), REACH),
    (pip(f'{_PAGE}connection error: {_POOL}ReadTimeoutError("Read timed out. (read timeout=15)")) - skipping'), f"pypi.org {SLOW}"),
    (pip(f"{_PAGE}pypi.org didn't respond within 15 seconds - skipping"), SLOW),
    (pip(f"{_PAGE}401 Client Error: Unauthorized for url: https://pypi.org/simple/six/ - skipping"),
     "pypi.org refuses access (401): check the name and password in PIP_INDEX_URL"),
    (pip(f"{_PAGE}403 Client Error: Forbidden for url: https://pypi.org/simple/six/ - skipping"), f"{ACCESS} (403)"),
    (pip(f"{_PAGE}407 Client Error: Proxy Authentication Required for url: https://pypi.org/simple/six/ - skipping"), f"{ACCESS} (407)"),
    (pip(f"{_PAGE}429 Client Error: Too Many Requests for url: https://pypi.org/simple/six/ - skipping"),
     f"{FAILING} (429): try again later"),
    (pip(f"{_PAGE}{_POOL}ResponseError('too many 503 error responses')) - skipping"), f"{FAILING} (503)"),
    (pip("Could not install packages due to an OSError: [Errno 28] No space left on device\n"), ROOM),
    (pip("Could not install packages due to an OSError: HTTPSConnectionPool(host='files.pythonhosted.org', port=443): Read timed out.\n"),
     f"files.pythonhosted.org {SLOW}"),
    (pip("Exception:; IncompleteRead(10 bytes read, 90 more expected)"), f"the package index {REACH}"),
    (Installation(Verdict.FAILED, 1, (), "The image has no pip.\n", 0.1),
     "the image has no pip, which installs packages: set SANDBOX_IMAGE"),
    (Installation(Verdict.DISK, None, (), "", 1.0, too_much=TOO_MUCH["room"]), ROOM),
    (npm("npm error code SELF_SIGNED_CERT_IN_CHAIN", f"{_GET}self-signed certificate in certificate chain"),
     f"npm {TRUST} registry.npmjs.org: set SANDBOX_CA_BUNDLE"),
    (npm("npm error code UNABLE_TO_VERIFY_LEAF_SIGNATURE", f"{_GET}unable to verify the first certificate"), TRUST),
    (npm("npm error code ENOTFOUND", f"{_GET}getaddrinfo ENOTFOUND registry.npmjs.org"),
     f"{NAME}: check the network, or set NPM_CONFIG_REGISTRY"),
    (npm("npm ERR! code EAI_AGAIN", "npm ERR! request to https://registry.npmjs.org/left-pad failed, reason: getaddrinfo EAI_AGAIN"), NAME),
    (npm("npm error code ECONNREFUSED", f"{_GET}connect ECONNREFUSED 127.0.0.1:1"), f"registry.npmjs.org {REACH}"),
    (npm("npm error code ETIMEDOUT", _GET), SLOW),
    (npm("npm error code E401", "npm error 401 Unauthorized - GET https://registry.npmjs.org/left-pad"), f"{ACCESS} (401)"),
    (npm("npm error code E407", "npm error 407 Proxy Authentication Required - GET http://127.0.0.1:1/left-pad"), f"{ACCESS} (407)"),
    (npm("npm error code E503", "npm error 503 Service Unavailable - GET https://registry.npmjs.org/left-pad"), f"{FAILING} (503)"),
    (npm("npm error code FETCH_ERROR", "npm error invalid json response body at http://127.0.0.1:1/left-pad"), "is no package index"),
    (npm("npm error code ENOSPC", "npm error nospc ENOSPC: no space left on device, write"), ROOM),
    (Installation(Verdict.FAILED, 1, (), "The image has no npm.\n", 0.1, tool="npm"), "set SANDBOX_IMAGE_JAVASCRIPT"),
    # What the relay, which is ours, knows better than they do: it answers them with a status only.
    (Installation(Verdict.FAILED, 1, (), "", 1.0, unreachable=(("pypi.org", "Name or service not known"),), errors=(
        f"{_PAGE}connection error: {_POOL}ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 502 Bad Gateway')))",
    )), f"the name pypi.org {NAME}"),
    (Installation(Verdict.FAILED, 1, (), "", 1.0, tool="npm", unreachable=(("npm.corp", "Connection refused"),), errors=(
        "npm error code E502", "npm error 502 Bad Gateway - GET http://npm.corp/left-pad")), f"npm.corp {REACH}"),
    (Installation(Verdict.FAILED, 1, (), "", 1.0, tool="npm", unreachable=(("npm.corp", "no address"),), errors=("npm error code E502",)),
     REACH),
    # The model's to change.
    (pip(), MODELS),
    (pip(f"{_PAGE}404 Client Error: Not Found for url: https://pypi.org/simple/six/ - skipping"), MODELS),
    (pip("Could not fetch URL https://pypi.org/simple/proxy-timed-out/: 404 Client Error: Not Found for url: https://pypi.org/x"), MODELS),
    (pip("Could not find a version that satisfies the requirement six==99 (from versions: 1.16.0, 1.17.0)"), MODELS),
    (pip("Cannot install a==1 and b==2 because these package versions have conflicting dependencies."), MODELS),
    (pip("Could not install packages due to an OSError: [Errno 13] Permission denied: '/opt/sandbox-packages/x'\n"), MODELS),
    (pip("InstallationSubprocessError: subprocess-exited-with-error"), MODELS),
    (Installation(Verdict.FAILED, 1, (), "connection error: Connection refused\n", 1.0), MODELS),  # a build may print that
    (Installation(Verdict.DISK, None, (), "", 1.0, too_much=TOO_MUCH["bytes"]), MODELS),
    (Installation(Verdict.TIME, None, (), "", 600.0), MODELS),
    (Installation(Verdict.CANCELLED, None, (), "", 1.0, errors=(f"{_PAGE}timed out",)), MODELS),
    (npm("npm error code E404", "npm error 404 Not Found - GET http://127.0.0.1:1/proxy", "npm error 404  'ETIMEDOUT@*' could not be found "
         "or you do not have permission to access it."), MODELS),
    (npm("npm error code ETARGET", "npm error notarget No matching version found for left-pad@9.9.9."), MODELS),
    (npm("npm error code ERESOLVE", "npm error ERESOLVE unable to resolve dependency tree"), MODELS),
    # An address that our relay does not let out is one that the package names.
    (Installation(Verdict.FAILED, 1, (), "", 1.0, refused=("10.0.0.1 is not a public address",), errors=(
        "HTTP error 403 while getting http://10.0.0.1/x.whl",)), MODELS),
]  # fmt: skip


@pytest.mark.parametrize(("done", "sentence"), CAUSES)
def test_what_no_program_can_change_is_known_by_the_words_of_pip_and_npm(done: Installation, sentence: str) -> None:
    said = only_the_user(done)
    assert sentence in said
    assert bool(said) is bool(sentence)
    assert "{" not in said
    assert "\n" not in said


@pytest.mark.parametrize("asks", [program("pip install six", "sh"), program("import six")])
@pytest.mark.parametrize(("done", "sentence"), [row for row in CAUSES if row[0].verdict is not Verdict.CANCELLED])
async def test_the_model_is_asked_again_only_about_what_it_can_change(done: Installation, sentence: str, asks: str) -> None:
    runs = [missing("six")] if "import" in asks else []
    sandbox = ListedInstalls(*runs, ran("done\n"), outcome=done)
    async with rehearsal([asks, program("print(1)")], typed=["STOP"], sandbox=sandbox, max_retries="3") as session:
        seen = await session.converse("count")
        asked_again = len(session.endpoint.requests) - 1
        assert asked_again == (0 if sentence else 1), seen
        if sentence:
            [line] = [line for line in seen.splitlines() if sentence in line]
            assert line == f"Your turn: {only_the_user(done)}."
            assert "Tried so far" not in seen
        else:
            assert "Your turn" not in seen


@pytest.mark.parametrize(
    ("code", "seconds", "verdict"),
    [
        (124, INSTALL_SECONDS + 0.1, Verdict.TIME),
        (137, INSTALL_SECONDS + 2, Verdict.TIME),
        (124, 3, Verdict.FAILED),
        (1, 900, Verdict.FAILED),
    ],
)
def test_an_installation_that_ran_out_of_time_says_so(code: int, seconds: float, verdict: Verdict) -> None:
    assert judge(Outcome(Ended.EXIT, code, b"", 0, b"", seconds)) is verdict


@pytest.mark.engine
@pytest.mark.parametrize(("index", "requests"), [(refusing, 1), (lambda: answering(404), 2)])
def test_with_a_real_container_the_model_is_asked_once_if_the_index_cannot_be_reached(
    index: Callable[[], AbstractContextManager[str]], requests: int, image: str, tmp_path: Path
) -> None:
    answers = [program("import tabulate\nprint(tabulate.tabulate([[1]]))"), program("print('| 1 |')")]
    with ModelEndpoint(answers) as endpoint, index() as url:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image, PIP_INDEX_URL=url)
        done = run_piped("", ["run", "Print a table."], environment, tmp_path, seconds=300)
    assert len(endpoint.requests) == requests, done.err
    assert done.status == (1 if requests == 1 else 0), done.err
    assert ("cannot be reached: check the network, or set PIP_INDEX_URL" in done.err) is (requests == 1)


@pytest.mark.parametrize(
    ("network", "strict", "outcome", "sentence"),
    [
        (
            "off",
            False,
            None,
            "packages cannot be installed while the network is off: type /network install, or set SANDBOX_NETWORK",
        ),
        ("install", True, None, "the strict profile has no network: start without --strict to install packages"),
        ("install", False, EngineError("installing packages failed: no", "start Docker"), "installing packages failed: no: start Docker"),
        ("install", False, ContainerLost("the container is gone"), "the container is gone"),
        ("install", False, pip(), MODELS),  # the positive control
    ],
)
async def test_a_setting_or_an_engine_that_keeps_packages_out_is_the_users(
    network: str, strict: bool, outcome: Installation | Exception | None, sentence: str
) -> None:
    sandbox = ListedInstalls(ran("done\n"), outcome=outcome)
    sandbox.strict = strict
    asks = program("pip install six", "sh") + program("import six")
    async with rehearsal([asks, program("print(1)")], typed=["STOP"], sandbox=sandbox, max_retries="3", network=network) as session:
        seen = await session.converse("count")
        assert len(session.endpoint.requests) == (1 if sentence else 2)
        assert (f"Your turn: {sentence}" in seen) is bool(sentence)


async def test_a_failure_of_another_kind_is_not_blamed_on_packages_that_the_session_had() -> None:
    failed: ProgramRun = ran("ValueError: no\n", Verdict.FAILED, 1)
    # The first program asks for a package in vain; the next one, which the user asks for, fails without any.
    sandbox = ListedInstalls(failed, ran("done\n"), outcome=CAUSES[0][0])
    answers = [program("pip install six", "sh"), program("raise ValueError('no')"), program("print(1)")]
    async with rehearsal(answers, typed=["do without", "STOP"], sandbox=sandbox, max_retries="3") as session:
        seen = await session.converse("count")
        assert len(session.endpoint.requests) == 3
        assert seen.count("Your turn") == 1


# --- with the pip of this environment ---------------------------------------------------------------------------------------------


pytest.importorskip("pip")


def test_pips_loggers_keep_the_methods_that_pip_calls() -> None:
    code = (
        "import logging; from sandbox.packages.pip_runner import Listener; Listener(); print(logging.getLogger('pip._internal.x').verbose)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr  # with logging's own class, pip 26 fails as soon as it skips an archive


def by_pip(folder: Path, url: str) -> Installation:
    """Run pip as the sandbox does, against an index on this machine."""
    runner = Path(sandbox.packages.pip_runner.__file__)
    options = ("--no-input", "--no-cache-dir", "--target", "there", "--only-binary=:all:", "--retries=0", "--timeout=2")
    environment = {
        "PATH": "",
        "PIP_INDEX_URL": url,
        "PIP_TRUSTED_HOST": url.split("/")[2] if url.startswith("http:") else "",
        "HOME": str(folder),
    }
    command = [sys.executable, "-I", "-c", runner.read_text("utf-8"), "install", *options, "six"]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False
    )
    result = json.loads((folder / "result.json").read_text("utf-8"))
    return Installation(Verdict.FAILED, done.returncode, (), done.stdout, 1.0, errors=tuple(result["errors"]))


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        (refusing, REACH),
        (silent, SLOW),
        (lambda: answering(404), MODELS),
        (lambda: answering(200), MODELS),  # an index that lists nothing
        (lambda: answering(401), f"{ACCESS} (401)"),
        (lambda: answering(403), f"{ACCESS} (403)"),
        (lambda: answering(407), f"{ACCESS} (407)"),
        (lambda: answering(429), f"{FAILING} (429)"),
        (lambda: answering(500), f"{FAILING} (500)"),
        (lambda: answering(403, PAGE), f"{ACCESS} (403)"),
        (lambda: answering(503, PAGE), f"{FAILING} (503)"),
        (lambda: answering(404, PAGE), MODELS),
    ],
)
def test_real_pip_says_why_it_got_nothing(index: Callable[[], AbstractContextManager[str]], sentence: str, tmp_path: Path) -> None:
    with index() as url:
        done = by_pip(tmp_path, url)
    assert done.exit_code == 1, done.output
    assert sentence in only_the_user(done), done
    assert bool(only_the_user(done)) is bool(sentence)


def test_real_pip_does_not_trust_a_certificate_that_the_index_signed_itself(tmp_path: Path) -> None:
    with answering(404, certificate=self_signed(tmp_path)) as url:
        said = only_the_user(by_pip(tmp_path, url))
    assert f"pip {TRUST} 127.0.0.1" in said
    assert "set SANDBOX_CA_BUNDLE" in said
