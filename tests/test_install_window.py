"""The install window on a real engine: what is installed in it, and who else gets through it."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import docker
import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from sandbox.container import SandboxContainer
from sandbox.docker_executor import SandboxExecutor
from sandbox.exec_stream import Command
from sandbox.network import attach_network, detach_network
from sandbox.packages.causes import only_the_user
from sandbox.packages.install import (
    Installation,
    PipRequest,
    hide_password,
    install_packages,
    names_present,
    read_text,
)
from sandbox.verdicts import TRIED_NETWORK, ProgramRun, Verdict
from tests.failing_index import answering, refusing, self_signed
from tests.network import Listener, certificates, gateway, why_no_index
from utils.docker_utils import CERTIFICATES, PACKAGES, PIP_USER, PROGRAM_USER, ContainerRequest, Limits, unique_name
from utils.errors import ContainerLost, EngineError

LIMITS = Limits(timeout=20, memory=1024**3, network="install")


@pytest.fixture(scope="module")
def container(engine: docker.APIClient, image: str) -> Iterator[SandboxContainer]:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS, certificates=certificates()))
    yield container
    container.remove()


@pytest.fixture
def index() -> None:
    if reason := why_no_index():
        pytest.skip(reason)


def sh(container: SandboxContainer, script: str, user: str = PROGRAM_USER) -> str:
    return container.run(Command(["/bin/sh", "-c", script], seconds=20, user=user)).output.decode()


def python(container: SandboxContainer, code: str) -> str:
    return container.run(Command(["python3", "-c", code], seconds=20)).output.decode()


def install(
    container: SandboxContainer,
    *requirements: str,
    network: str = "install",
    url: str = "",
    disk: int = LIMITS.disk,
) -> Installation:
    return install_requests(container, PipRequest(requirements), network=network, url=url, disk=disk)


def install_requests(
    container: SandboxContainer,
    *requests: PipRequest,
    network: str = "install",
    url: str = "",
    disk: int = LIMITS.disk,
) -> Installation:
    return install_packages(
        container,
        requests,
        network=network,
        index_url=url,
        disk=disk,
        stop=threading.Event(),
    )


def interfaces(container: SandboxContainer) -> list[str]:
    return python(container, "import socket\nfor _, name in socket.if_nameindex(): print(name)").split()


# --- the network comes and goes ------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_the_network_is_there_only_between_attaching_and_detaching(engine: docker.APIClient, container: SandboxContainer) -> None:
    reach = f"import socket\nsocket.create_connection(('{gateway(engine)}', PORT), 2)"
    with Listener() as listener:
        code = reach.replace("PORT", str(listener.port))
        assert "Network is unreachable" in sh(container, f'python3 -c "{code}" 2>&1')
        assert (interfaces(container), listener.visits) == (["lo"], [])
        attach_network(container)
        try:
            python(container, code)
            assert listener.count(1) == 1  # the positive control: the listener can be reached
        finally:
            detach_network(container)
        assert "Network is unreachable" in sh(container, f'python3 -c "{code}" 2>&1')
        assert (interfaces(container), len(listener.visits)) == (["lo"], 1)


@pytest.mark.engine
def test_names_fail_at_once_after_the_window(container: SandboxContainer) -> None:
    attach_network(container)
    detach_network(container)
    began = time.monotonic()
    assert "name resolution" in sh(container, "python3 -c \"import socket; socket.getaddrinfo('pypi.org', 443)\" 2>&1")
    assert time.monotonic() - began < 8  # on a network of its own, the engine's name server would stay and keep silent for 10 s


@pytest.mark.engine
def test_what_a_program_left_behind_does_not_live_to_see_the_window(engine: docker.APIClient, container: SandboxContainer) -> None:
    knock = """
import os, socket, time
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 3)
    while True:
        try:
            socket.create_connection((HOST, PORT), 0.2).close()
        except OSError:
            pass
        time.sleep(0.01)
"""
    with Listener() as listener:
        code = knock.replace("HOST", repr(gateway(engine))).replace("PORT", str(listener.port))
        python(container, code)
        assert install(container, "./nothing-of-this-name").verdict is Verdict.FAILED
        assert listener.visits == []
        assert not sh(container, "pidof python3 python; true").strip()
        # The positive control: the same program, with the network attached and nothing ended before, does get through.
        engine.connect_container_to_network(container.id, "bridge")
        try:
            python(container, code)
            until = time.monotonic() + 20
            while not listener.visits and time.monotonic() < until:
                time.sleep(0.02)
            assert listener.visits
        finally:
            detach_network(container)


@pytest.mark.engine
def test_the_container_has_no_network_while_pip_installs(engine: docker.APIClient, container: SandboxContainer) -> None:
    seen: list[list[str]] = []
    with Listener() as listener:
        listener.on_visit = lambda: seen.append(sorted(engine.inspect_container(container.id)["NetworkSettings"]["Networks"]))
        install(container, "six==0", url=f"http://{gateway(engine)}:{listener.port}/simple")
    assert seen
    assert {tuple(each) for each in seen} == {()}


_SEEN = "import os; os.close(os.open('/tmp/SEEN', os.O_CREAT))"
_OWN = "export PYTHONUSERBASE=$HOME/.local"  # where pip and Python would look, had the sandbox not named another place
_SITE = f"{_OWN}; d=$(python3 -m site --user-site); mkdir -p $d/pip"
_PLANTS = {
    "a start-up file of Python": f'{_SITE}; echo "{_SEEN}" >$d/usercustomize.py',
    "a path file": f'{_SITE}; echo "{_SEEN}" >$d/x.pth',
    "another pip": f'{_SITE}; echo "{_SEEN}" >$d/pip/__init__.py; echo "print(1)" >$d/pip/__main__.py',
    "a module beside it": f'mkdir -p pip; echo "{_SEEN}" >pip/__init__.py; cp pip/__init__.py json.py; cp json.py pip/__main__.py',
    "another Python": f"{_OWN}; PATH=$HOME/.local/bin:$PATH; mkdir -p ~/.local/bin; cd ~/.local/bin;"
    " printf '#!/bin/sh\\n: >/tmp/SEEN\\n' >python3; chmod +x python3; cp python3 timeout; cp python3 mktemp",
}


@pytest.mark.engine
@pytest.mark.parametrize("plant", _PLANTS.values(), ids=_PLANTS.keys())
def test_nothing_that_a_program_planted_runs_in_the_window(container: SandboxContainer, plant: str) -> None:
    # What is planted is seen to work, where pip is started as a program would start it.
    try:
        sh(container, f"{plant}; rm -f /tmp/SEEN; python3 -m pip --version")
        assert "SEEN" in sh(container, "ls /tmp")
        sh(container, "rm -f /tmp/SEEN")
        install(container, "./nothing-of-this-name")
        assert "SEEN" not in sh(container, "ls /tmp")
    finally:
        sh(container, "rm -rf /tmp/SEEN ~/.local /workspace/*")


_METADATA = """d=$(python3 -m site --user-site)/requests-99.0.dist-info; mkdir -p $d && cd $d && echo pip >INSTALLER
printf 'Metadata-Version: 2.1\\nName: requests\\nVersion: 99.0\\nRequires-Dist: WANTED\\n' >METADATA"""


@pytest.mark.engine
def test_metadata_that_a_program_planted_lets_pip_fetch_nothing(engine: docker.APIClient, container: SandboxContainer) -> None:
    plant = _METADATA.replace("WANTED", "invented-name")
    with Listener() as listener:
        url = f"http://{gateway(engine)}:{listener.port}/simple"
        try:
            sh(container, f"{_OWN}; {plant}")
            assert "denied" in sh(container, f"exec 2>&1; {plant}")
            install(container, "requests", url=url)
            assert listener.asked  # for requests itself: what was planted is not seen as installed
            assert not [line for line in listener.asked if "invented-name" in line]
            # The positive control: the same metadata where pip sees it.
            sh(container, plant, PIP_USER)
            done = install(container, "requests", url=url)
            assert [line for line in listener.asked if "invented-name" in line], done.output
        finally:
            sh(container, "rm -rf ~/.local /workspace/*")
            sh(container, f"rm -rf {PACKAGES}/*", PIP_USER)


@pytest.mark.engine
def test_what_a_build_leaves_behind_does_not_live_on(container: SandboxContainer) -> None:
    for network in ("install", "on"):
        sh(container, "sleep 60 >/dev/null 2>&1 &", PIP_USER)
        assert sh(container, "pidof sleep; true").strip()
        install(container, "./nothing-of-this-name", network=network)
        assert not sh(container, "pidof sleep; true").strip()


@pytest.mark.engine
def test_a_folder_of_the_programs_is_installed_from_a_copy(container: SandboxContainer) -> None:
    sh(container, 'mkdir own; cd own; echo \'from setuptools import setup; setup(name="own", py_modules=["own_module"])\' >setup.py')
    try:
        sh(container, 'cd own; printf \'[build-system]\\nrequires=[]\\nbuild-backend="back"\\nbackend-path=["."]\\n\' >pyproject.toml')
        sh(container, 'echo \'import os; print(os.getcwd(), os.getuid()); open("x", "w"); raise SystemExit(3)\' >own/back.py')
        done = install(container, "-e /workspace/own")
        assert f"{PACKAGES}/.pip/folder-" in done.output, done.output
        assert "1001" in done.output
        assert sh(container, "ls own") == "back.py\npyproject.toml\nsetup.py\n"
        assert sh(container, f"ls -A {PACKAGES}") == ""
    finally:
        sh(container, "rm -rf /workspace/*")


@pytest.mark.engine
def test_an_installation_that_fills_the_disk_is_stopped(container: SandboxContainer) -> None:
    fill = 'import time; f = open("big", "wb")\nfor _ in range(40): f.write(bytes(4 * 2**20)); f.flush(); time.sleep(0.1)'
    sh(container, 'mkdir own; printf \'[build-system]\\nrequires=[]\\nbuild-backend="back"\\nbackend-path=["."]\\n\' >own/pyproject.toml')
    try:
        sh(container, f"cat >own/back.py <<'EOT'\n{fill}\nEOT")
        assert install(container, "/workspace/own", disk=20 * 1024**2).verdict is Verdict.DISK
        assert sh(container, f"ls -A {PACKAGES}") == ""  # what it wrote is gone, and programs can run again
        assert install(container, "/workspace/own").verdict is Verdict.FAILED  # the control: it ends by itself
    finally:
        sh(container, "rm -rf /workspace/*")


@pytest.mark.engine
async def test_no_program_decides_what_the_next_one_prints(image: str, tmp_path: Path) -> None:
    plant = f"""{_SITE}
echo 'print("planted")' >$d/usercustomize.py; cp $d/usercustomize.py $d/sitecustomize.py; echo 'import usercustomize' >$d/x.pth
printf '#!/bin/sh\\necho planted\\n' >~/.local/bin/python3 2>/dev/null
for f in usercustomize.py sitecustomize.py x.pth; do cp $d/$f $OLD 2>&1; done; mkdir -p {PACKAGES}/bin {PACKAGES}/lib 2>&1"""
    async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS) as executor:
        block = CodeBlock(code=f"OLD=$(python3 -m site --user-site)\n{plant}", language="sh")
        assert "denied" in (await executor.sandbox.run_block(block, CancellationToken())).output
        assert (await run(executor, "print('mine')")).output == "mine\n"
        control = "PYTHONUSERBASE=~/.local python3 -c 'print(1)'"
        done = await executor.sandbox.run_block(CodeBlock(code=control, language="sh"), CancellationToken())
        assert "planted" in done.output  # the positive control


@pytest.mark.engine
def test_settings_of_pip_that_a_program_planted_are_not_read(engine: docker.APIClient, container: SandboxContainer) -> None:
    with Listener() as listener, Listener() as ours:
        host = gateway(engine)
        planted = f"[global]\\nindex-url = http://{host}:{listener.port}/simple\\ntrusted-host = {host}\\nretries = 0\\n"
        try:
            for place in ("~/.config/pip", "~/.pip"):
                sh(container, f"mkdir -p {place}; printf '{planted}' >{place}/pip.conf")
            install(container, "six==0", url=f"http://{host}:{ours.port}/simple")
            assert (listener.visits, bool(ours.visits)) == ([], True)
            # The positive control: pip started as a program would start it does ask the planted index.
            attach_network(container)
            sh(container, "python3 -m pip install six==0")
            assert listener.visits
        finally:
            detach_network(container)
            sh(container, "rm -rf ~/.config ~/.pip")


@pytest.mark.engine
def test_the_index_is_told_to_pip_and_to_nothing_else(engine: docker.APIClient, container: SandboxContainer) -> None:
    with Listener() as listener:
        url = f"http://jo:s3cret-word@{gateway(engine)}:{listener.port}/simple"
        done = install(container, "six==0", url=url)
        assert done.verdict is Verdict.FAILED
        assert listener.visits
        assert "s3cret-word" not in done.output
        assert f"{listener.port}" in done.output
        places = "/tmp /workspace /home/sandbox /etc"
        left = f"cat /proc/*/environ 2>/dev/null; env; python3 -m pip config list; grep -rs s3cret-word {places}; true"
        assert "s3cret-word" not in sh(container, left)
    described = str(engine.inspect_container(container.id)) + str(
        [engine.exec_inspect(each) for each in engine.inspect_container(container.id)["ExecIDs"] or []]
    )
    assert "s3cret-word" not in described


@pytest.mark.engine
def test_a_network_that_is_off_is_never_attached(engine: docker.APIClient, container: SandboxContainer) -> None:
    with Listener() as listener:
        url = f"http://{gateway(engine)}:{listener.port}/simple"
        with pytest.raises(EngineError, match="the network is off"):
            install(container, "six==0", network="off", url=url)
        assert listener.visits == []
        install(container, "six==0", url=url)
        assert listener.visits


def test_a_password_is_hidden_wherever_pip_prints_it() -> None:
    url = "https://jo:s3cret@pypi.example/simple"
    assert hide_password(f"Looking in {url} as s3cret", url) == "Looking in https://****@pypi.example/simple as ****"
    assert hide_password("plain", "https://pypi.example/simple") == "plain"
    assert hide_password("plain", "") == "plain"


@pytest.mark.engine
def test_a_container_that_keeps_a_network_is_not_used_again(engine: docker.APIClient, image: str) -> None:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS))

    class Keeps:
        """An engine that says it has detached the network, and has not."""

        def __getattr__(self, name: str) -> object:
            return (lambda *_, **__: None) if name == "disconnect_container_from_network" else getattr(engine, name)

    try:
        attach_network(container)
        container.client = Keeps()  # type: ignore[assignment]
        with pytest.raises(ContainerLost, match="eth0 is still there"):
            detach_network(container)
    finally:
        container.client = engine
        container.remove()


# --- what pip does -------------------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_two_packages_are_installed_and_used_without_the_network(container: SandboxContainer, index: None) -> None:
    done = install(container, "six==1.16.0", "toolz")
    assert done.verdict is Verdict.OK, done.output
    assert {package.name for package in done.installed} == {"six", "toolz"}
    assert all(re.fullmatch("[0-9a-f]{64}", package.sha256) for package in done.installed)
    known = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"  # of six-1.16.0-py2.py3-none-any.whl, as PyPI lists it
    assert next(package.sha256 for package in done.installed if package.name == "six") == known
    assert interfaces(container) == ["lo"]
    assert python(container, "import six, toolz; print(six.__version__, list(toolz.interleave([[1, 3], [2]])))") == "1.16.0 [1, 2, 3]\n"
    again = install(container, "six")
    assert (again.verdict, again.installed) == (Verdict.OK, ())
    newer = install(container, "six==1.17.0")
    assert [str(package) for package in newer.installed] == ["six 1.17.0"]
    assert python(container, "import six; print(six.__version__)") == "1.17.0\n"


@pytest.mark.engine
def test_a_failed_installation_says_why(container: SandboxContainer, index: None) -> None:
    done = install(container, "six==99")
    assert (done.verdict, done.exit_code, done.installed) == (Verdict.FAILED, 1, ())
    assert "No matching distribution found for six==99" in done.last_lines


@pytest.mark.engine
async def test_an_installation_can_be_stopped_and_leaves_no_network(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    with Listener(silent=True) as listener:
        url = f"http://{gateway(engine)}:{listener.port}/simple"
        async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS, index_url=url) as executor:
            token = CancellationToken()
            asyncio.get_running_loop().call_later(1.5, token.cancel)
            began = time.monotonic()
            done = await executor.sandbox.install([PipRequest(("six",))], token)  # pip would wait for minutes
            assert done.verdict is Verdict.CANCELLED
            assert time.monotonic() - began < 30
            assert (await run(executor, "import socket; print(socket.if_nameindex())")).output == "[(1, 'lo')]\n"


@pytest.mark.engine
def test_authorities_are_there_for_programs_which_cannot_change_them(engine: docker.APIClient, image: str) -> None:
    pem = b"-----BEGIN CERTIFICATE-----\n"
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS, certificates=pem))
    try:
        assert sh(container, "cat $SSL_CERT_FILE $PIP_CERT $REQUESTS_CA_BUNDLE").encode() == pem * 3
        assert "denied" in sh(container, f"(echo x >{CERTIFICATES}; mv {CERTIFICATES} /tmp/x) 2>&1")
    finally:
        container.remove()


# --- failures that no program can change ---------------------------------------------------------------------------------------


@pytest.mark.engine
@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        (refusing, "127.0.0.1 cannot be reached: check the network, or set PIP_INDEX_URL"),
        (lambda: refusing("https"), "127.0.0.1 cannot be reached"),
        (lambda: nullcontext("http://index.invalid/simple"), "the name index.invalid cannot be resolved"),
        (lambda: answering(403), "refuses access (403)"),
        (lambda: answering(404), ""),  # the positive control: there is no such package, so the model asks for another one
    ],
)
def test_why_no_package_came_is_known_although_the_relay_stands_between(
    container: SandboxContainer, index: Callable[[], AbstractContextManager[str]], sentence: str
) -> None:
    with index() as url:
        done = install(container, "a-package", url=url)
    assert done.verdict is Verdict.FAILED
    assert sentence in only_the_user(done), done
    assert bool(only_the_user(done)) is bool(sentence)


@pytest.mark.engine
def test_a_certificate_that_is_not_trusted_is_known(container: SandboxContainer, tmp_path: Path) -> None:
    with answering(404, certificate=self_signed(tmp_path)) as url:
        assert "set SANDBOX_CA_BUNDLE" in only_the_user(install(container, "a-package", url=url))


# --- files and modules of the program ------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_files_of_the_program_are_read_and_its_modules_known(container: SandboxContainer) -> None:
    sh(container, "mkdir -p tools 'a dir'; printf 'six\\n' >r.txt; echo >helpers.py; ln -s /etc link; printf 'toolz' >'a dir/r.txt'")
    try:
        assert read_text(container, "r.txt") == "six\n"
        assert read_text(container, "a dir/r.txt") == "toolz"
        assert read_text(container, "missing.txt") is None
        assert read_text(container, "tools") is None
        assert names_present(container, ["tools", "helpers", "six"]) == {"tools", "helpers"}
    finally:
        sh(container, "rm -rf /workspace/*")


# --- through the executor ------------------------------------------------------------------------------------------------------


async def run(executor: SandboxExecutor, code: str) -> ProgramRun:
    return await executor.sandbox.run_block(CodeBlock(code=code, language="python"), CancellationToken())


@pytest.mark.engine
async def test_the_network_is_switched_for_a_session(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    with Listener() as listener:
        code = f"import socket\nsocket.create_connection(('{gateway(engine)}', {listener.port}), 2)"
        async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS) as executor:
            tried = await run(executor, code)
            assert (tried.verdict, TRIED_NETWORK in tried.notes, listener.visits) == (Verdict.FAILED, True, [])
            assert TRIED_NETWORK not in (await run(executor, "print('Network is unreachable')\nraise OSError")).notes
            await executor.sandbox.set_network("on")
            reached = await run(executor, code)
            assert (reached.verdict, reached.notes, listener.count(1)) == (Verdict.OK, (), 1)
            await executor.restart()
            assert (await run(executor, code)).verdict is Verdict.OK  # the next container has it, too
            await executor.sandbox.set_network("off")
            assert (await run(executor, code)).verdict is Verdict.FAILED
            assert listener.count(2) == 2


@pytest.mark.engine
async def test_a_listener_of_the_programs_own_is_no_try_of_the_network(image: str, tmp_path: Path) -> None:
    code = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname()).close()"
    async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS) as executor:
        done = await run(executor, code)
        assert (done.verdict, done.notes) == (Verdict.OK, ())


@pytest.mark.engine
async def test_the_strict_profile_installs_nothing_and_has_no_network_to_switch(image: str, tmp_path: Path) -> None:
    async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS, strict=True) as executor:
        with pytest.raises(EngineError, match="the strict profile has no network"):
            await executor.sandbox.install([PipRequest(("six",))], CancellationToken())
        for network in ("on", "install"):
            with pytest.raises(EngineError, match="the strict profile has no network") as raised:
                await executor.sandbox.set_network(network)
            assert raised.value.hint == "start without --strict"
        assert (executor.sandbox.limits.network, (await run(executor, "print(1)")).output) == (LIMITS.network, "1\n")


@pytest.mark.engine
def test_the_hash_of_each_archive_is_known_and_a_lock_with_hashes_installs_the_same_again(
    engine: docker.APIClient, image: str, index: None
) -> None:
    with_hashes: list[list[tuple[str, str, str, bool]]] = []
    for lock in ("", "lock"):
        container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS, certificates=certificates()))
        try:
            request = PipRequest(("six==1.17.0",)) if not lock else PipRequest((), ("--no-deps", "--require-hashes"), _lock(with_hashes[0]))
            done = install_requests(container, request)
            assert done.verdict is Verdict.OK, done.output
            with_hashes.append([(each.name, each.version, each.sha256, each.requested) for each in done.installed])
            if lock:
                wrong = PipRequest((), ("--no-deps", "--require-hashes", "--force-reinstall"), f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
                assert "DO NOT MATCH THE HASHES" in install_requests(container, wrong).output
        finally:
            container.remove()
    [(name, version, sha256, requested)] = with_hashes[0]
    assert (name, version, len(sha256), requested) == ("six", "1.17.0", 64, True)
    assert with_hashes[1] == with_hashes[0]


def _lock(packages: list[tuple[str, str, str, bool]]) -> str:
    return "".join(f"{name}=={version} --hash=sha256:{sha256}\n" for name, version, sha256, _ in packages)
