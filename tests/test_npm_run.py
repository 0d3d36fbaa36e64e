"""npm's install window on a real engine, with a real Node, against a registry of the tests' own."""

from __future__ import annotations

import io
import json
import random
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import docker
import pytest

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.packages.causes import only_the_user
from sandbox.packages.install import Installation
from sandbox.packages.npm import NpmRequest, install_from_npm, missing_packages
from sandbox.sandbox import Sandbox
from sandbox.verdicts import Verdict
from tests import npm_registry as registries
from tests.endpoint import ModelEndpoint
from tests.failing_index import answering, refusing, self_signed
from tests.fakes import program
from tests.images import image_of
from tests.network import Listener, certificates, gateway
from tests.npm_registry import Registry, npm_registry
from tests.program import model_environment, run_piped
from tests.test_package_steps import Talk
from utils.docker_utils import PACKAGES, PIP_USER, PROGRAM_USER, SHELL, ContainerRequest, Limits, unique_name
from utils.errors import EngineError

pytestmark = [pytest.mark.engine, pytest.mark.languages]
LIMITS = Limits(timeout=60, memory=1024**3, network="install")


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with npm_registry() as registry:
        yield registry


@pytest.fixture
def container(engine: docker.APIClient, toolchains: str) -> Iterator[SandboxContainer]:
    container = SandboxContainer(engine, ContainerRequest(toolchains, unique_name(), LIMITS, certificates=certificates()))
    yield container
    container.remove()


def sh(container: SandboxContainer, script: str, user: str = PROGRAM_USER) -> str:
    return container.run(Command([SHELL, "-c", f"exec 2>&1\n{script}"], seconds=60, user=user)).output.decode()


def install(container: SandboxContainer, url: str, *names: str, network: str = "install") -> Installation:
    stop, disk = threading.Event(), LIMITS.disk
    return install_from_npm(container, NpmRequest(names), network=network, registry_url=url, disk=disk, stop=stop)


def test_packages_are_found_by_require_and_by_import_and_cannot_be_changed(container: SandboxContainer, registry: Registry) -> None:
    names = ["fs", "fs/promises", "is-odd", "left-pad", "own", "@scoped/words"]
    sh(container, "mkdir src; touch own.js")
    assert missing_packages(container, "src/program.mjs", names) == ["is-odd", "left-pad", "@scoped/words"]
    done = install(container, registry.url, "is-odd", "left-pad@1.0.0", "modern-words", "@scoped/words")
    assert done.verdict is Verdict.OK, done.output
    known = {each.name: (each.version, each.requested) for each in done.installed}
    asked = dict.fromkeys(("npm:@scoped/words", "npm:is-odd", "npm:left-pad", "npm:modern-words"), ("1.0.0", True))
    assert known == {**asked, "npm:is-number": ("1.0.0", False)}
    assert missing_packages(container, "src/program.mjs", names) == []
    module = (
        "import odd from 'is-odd'; import pad from 'left-pad'; import words from 'modern-words'; console.log(odd(3), pad(7, 3), words());"
    )
    assert sh(container, f'echo "{module}" >src/program.mjs; node src/program.mjs') == "true   7 only for import\n"
    assert sh(container, f'echo "{module}" >typed.ts; node --no-warnings typed.ts') == "true   7 only for import\n"
    assert sh(container, "node -e \"console.log(require('@scoped/words'))\"") == "scoped\n"
    changes = sh(container, f"touch /node_modules/new; echo 1 >/node_modules/is-odd/index.js; ls -A {PACKAGES}; ls -A {PACKAGES}/npm")
    assert changes.count("ermission denied") == 2, changes
    assert changes.split("\n")[-5:] == ["npm", "node_modules", "package-lock.json", "package.json", ""]


def test_install_scripts_do_not_run(container: SandboxContainer, registry: Registry) -> None:
    assert install(container, registry.url, "with-scripts").verdict is Verdict.OK
    assert sh(container, "node -e \"console.log(require('with-scripts'))\"") == "here\n"
    assert "a-script-ran" not in sh(container, f"ls {PACKAGES}")
    # The positive control: asked to, npm runs them.
    sh(container, f"cd {PACKAGES}/npm && HOME={PACKAGES}/home npm rebuild --foreground-scripts", PIP_USER)
    assert "a-script-ran" in sh(container, f"ls {PACKAGES}")


def test_only_the_registry_is_reached_and_nothing_planted_is_read(
    engine: docker.APIClient, container: SandboxContainer, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener() as listener, Listener() as near:
        planted = f"registry=http://{gateway(engine)}:{listener.port}/"
        sh(container, f"echo '{planted}' | tee .npmrc ~/.npmrc /tmp/.npmrc")
        elsewhere = {"dependencies": {"is-number": f"http://127.0.0.1:{near.port}/is-number.tgz"}}
        monkeypatch.setitem(registries.PACKAGES, "leads-away", (elsewhere, ""))
        assert install(container, registry.url, "left-pad").verdict is Verdict.OK
        done = install(container, registry.url, "leads-away")
        assert done.verdict is Verdict.FAILED
        assert done.refused == (f"127.0.0.1:{near.port} is not the package index",)
        assert (listener.visits, near.visits) == ([], [])
    assert f":{listener.port}/" in sh(container, "npm config get registry")  # the positive control: npm alone would read it
    assert sh(container, "grep -c : /proc/net/dev").strip() == "1"  # the loopback alone


def test_a_name_and_password_reach_the_registry_and_nobody_else(container: SandboxContainer, registry: Registry) -> None:
    registry.logins.clear()
    done = install(container, registry.url.replace("//", "//jo:canary@"), "left-pad", "nothing-of-this-name")
    assert (done.verdict, registry.logins) == (Verdict.FAILED, {"Basic am86Y2FuYXJ5"})
    assert "404" in done.last_lines
    assert "canary" not in done.output
    assert sh(container, f"grep -rs -e canary -e am86Y2FuYXJ5 {PACKAGES} ~ /tmp /workspace; echo none") == "none\n"


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        (refusing, "127.0.0.1 cannot be reached: check the network, or set NPM_CONFIG_REGISTRY"),
        (lambda: answering(401), "refuses access (401)"),
        (lambda: answering(200), "is no package index"),
        (lambda: answering(404), ""),  # the positive control: the model asks for another package
    ],
)
def test_why_no_package_came_is_known(container: SandboxContainer, index: Callable[[], AbstractContextManager[str]], sentence: str) -> None:
    with index() as url:
        done = install(container, url, "left-pad")
    assert done.verdict is Verdict.FAILED
    assert sentence in only_the_user(done), done
    assert bool(only_the_user(done)) is bool(sentence)


def test_a_certificate_that_is_not_trusted_is_known(container: SandboxContainer, tmp_path: Path) -> None:
    with answering(404, certificate=self_signed(tmp_path)) as url:
        assert "set SANDBOX_CA_BUNDLE" in only_the_user(install(container, url, "left-pad"))


def test_an_image_without_python_installs_packages_large_ones_too(
    engine: docker.APIClient, toolchains: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"module.exports = {random.Random(1).randbytes(4 * 1024**2).hex()!r}.length;\n"
    monkeypatch.setitem(registries.PACKAGES, "large", ({}, text))  # many times what a connection may hold that was not taken
    with image_of(engine, toolchains, without="python") as image:
        container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS))
        try:
            assert sh(container, "python3 -c 1; echo $?").endswith("127\n")
            done = install(container, registry.url, "large", "left-pad", "is-odd")
            assert done.verdict is Verdict.OK, done.output
            assert sh(container, "node -p \"require('large')\"") == f"{8 * 1024**2}\n"
        finally:
            container.remove()


def test_a_folder_of_the_images_own_is_not_hidden(engine: docker.APIClient, container: SandboxContainer, registry: Registry) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("node_modules")
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
    engine.put_archive(container.id, "/", buffer.getvalue())
    with pytest.raises(EngineError, match="/node_modules of its own"):
        install(container, registry.url, "left-pad")


def test_a_network_that_is_off_installs_nothing(container: SandboxContainer, registry: Registry) -> None:
    with pytest.raises(EngineError, match="the network is off"):
        install(container, registry.url, "left-pad", network="off")


async def test_a_program_gets_what_it_imports_in_the_container_of_its_language(
    image: str, toolchains: str, registry: Registry, tmp_path: Path
) -> None:
    sandbox = Sandbox(ContainerRequest(image, unique_name(), LIMITS), lambda: tmp_path, registry_url=registry.url)
    sandbox.images = {"javascript": toolchains}
    async with sandbox:
        talk = Talk(sandbox, yes=True)
        seen = await talk.turn(
            program("const pad = require('left-pad'), odd = require('is-odd');\nconsole.log(pad(odd(3), 6));", "javascript")
        )
        assert (seen.message.verdict, talk.questions) == ("ok", [])
        assert "  true" in seen.message.content
        seen = await talk.turn(program("import words from 'modern-words';\nconsole.log(words());", "javascript"))
        assert [question.packages for question in talk.questions] == [("npm:modern-words",)]
        assert (seen.message.verdict, "only for import" in seen.message.content) == ("ok", True)


def test_a_session_with_packages_is_replayed_and_resumed_with_them(toolchains: str, image: str, registry: Registry, tmp_path: Path) -> None:
    code = "```javascript\nconst pad = require('left-pad');\nconsole.log(pad(7, 3), require('is-odd')(7));\n```"
    more = "```javascript\nconsole.log(require('left-pad')('again', 7));\n```"
    with ModelEndpoint([code, more]) as endpoint:
        environment = model_environment(
            endpoint, SANDBOX_IMAGE=image, SANDBOX_IMAGE_JAVASCRIPT=toolchains, NPM_CONFIG_REGISTRY=registry.url, WORKSPACE="kept"
        )
        done = run_piped("", ["run", "Pad it.", "--json"], environment, tmp_path, 120)
        result = json.loads(done.out)
        assert (result["status"], result["output"]) == ("approved", "  7 true\n"), done.err
        assert result["packages"] == ["npm:is-number 1.0.0", "npm:is-odd 1.0.0", "npm:left-pad 1.0.0"]
        [folder] = (tmp_path / "kept" / "sessions").glob("*/approved/01-*")
        assert json.loads((folder / "package.json").read_text())["dependencies"] == {"is-odd": "1.0.0", "left-pad": "1.0.0"}
        assert not (folder / "requirements.txt").exists()
        recipe = (folder / "Dockerfile").read_text()
        assert recipe.endswith("\nCOPY package.json /package.json\nRUN cd / && npm install --ignore-scripts\n")
        replayed = run_piped("", ["replay", "last"], environment, tmp_path, 120)
        assert (replayed.status, "reproduced" in replayed.out + replayed.err) == (0, True), replayed.out + replayed.err
        registry.asked.clear()
        resumed = run_piped("Pad another word.\nAPPROVE\n", ["resume", "last"], environment, tmp_path, 120)
        assert "  again" in resumed.out, resumed.out + resumed.err
        assert any(each.startswith("/left-pad") for each in registry.asked)
