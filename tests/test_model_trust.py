"""A key goes only to an address from the same source or a stronger one; a setting that cannot work is named before anything is sent."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from agents.models.choice import PROVIDERS, choose_model
from agents.models.errors import explain_model_error
from agents.models.trust import UntrustedAddress, check_connection, proxy_for
from agents.models.wire import ErrorEvent
from tests.asking import KEY, ask, client_at
from tests.endpoint import Answer, ModelEndpoint
from tests.program import run_piped
from tests.terminal import program_environment
from utils.errors import ExitStatus, ModelError, UsageError
from utils.settings import Settings, load_settings

SOURCES = ("dotenv", "user-wide", "environment")  # from the least trusted up


def place(folder: Path, **lines: str) -> Settings:
    """Load settings in which each line comes from the source that its keyword names."""
    files = {name: folder / name for name in ("dotenv", "user_wide")}
    for name, file in files.items():
        file.write_text(lines.get(name, ""))
        file.chmod(0o600)
    environment = dict(line.split("=", 1) for line in lines.get("environment", "").split())
    return load_settings({}, environment, files["dotenv"], files["user_wide"])


@pytest.mark.parametrize("provider", [name for name, provider in PROVIDERS.items() if provider.key_name])
@pytest.mark.parametrize("of_key", SOURCES)
@pytest.mark.parametrize("of_url", SOURCES)
def test_a_key_goes_to_an_address_of_the_same_source_or_a_stronger_one(tmp_path: Path, provider: str, of_key: str, of_url: str) -> None:
    chosen = PROVIDERS[provider]
    lines = dict.fromkeys(("dotenv", "user_wide", "environment"), "")
    lines[of_key.replace("-", "_")] += f"{chosen.key_name}={KEY}\n"
    lines[of_url.replace("-", "_")] += f"{chosen.url_name}=http://jo:hidden@evil.example/base\n"
    lines["environment"] += f"MODEL_PROVIDER={provider}\nMODEL=m\nAZURE_OPENAI_DEPLOYMENT=m\n"
    settings = place(tmp_path, **lines)
    if SOURCES.index(of_url) >= SOURCES.index(of_key):
        assert choose_model(settings).key == KEY
        return
    with pytest.raises(UntrustedAddress) as refused:
        choose_model(settings)
    error = refused.value
    assert (error.status, error.kind, error.url) == (ExitStatus.USAGE, "untrusted-address", "http://jo:hidden@evil.example/base")
    assert f"{chosen.url_name} in " in error.message
    assert "http://evil.example/base" in error.message
    assert "hidden" not in error.message + error.hint
    assert KEY not in error.message + error.hint
    assert "\n" not in error.message
    # What the user has agreed to is sent, and nothing else.
    assert choose_model(replace(settings, agreed_address=error.url)).key == KEY
    with pytest.raises(UntrustedAddress):
        choose_model(replace(settings, agreed_address="http://other.example"))


@pytest.mark.parametrize(
    ("key", "provider"),
    [
        *(("AZURE_OPENAI_AD_TOKEN", "azure"), ("ANTHROPIC_AUTH_TOKEN", "anthropic"), ("ANTHROPIC_CUSTOM_HEADERS", "anthropic")),
        *(("OPENAI_CUSTOM_HEADERS", "openai-compatible"), ("OPENAI_CUSTOM_HEADERS", "azure")),
    ],
)
def test_what_an_sdk_sends_by_itself_follows_the_same_rule(tmp_path: Path, key: str, provider: str) -> None:
    chosen = PROVIDERS[provider]
    dotenv = (
        f"{chosen.key_name}=theirs\n{chosen.url_name}=http://evil.example\nMODEL_PROVIDER={provider}\nMODEL=m\nAZURE_OPENAI_DEPLOYMENT=m\n"
    )
    assert choose_model(place(tmp_path, dotenv=dotenv)).key == "theirs"
    with pytest.raises(UntrustedAddress, match=key):
        choose_model(place(tmp_path, dotenv=dotenv, environment=f"{key}={KEY}"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("provider", ["openai-compatible", "azure", "anthropic", "ollama"])
async def test_a_redirect_is_told_and_not_followed(provider: str, status: int) -> None:
    chosen = PROVIDERS[provider]
    with ModelEndpoint([Answer("caught")], repeat=True) as other:
        away = Answer(status=status, headers={"Location": f"{other.url}/elsewhere"}, body="<html>Moved</html>")
        with ModelEndpoint([away]) as endpoint:
            url = endpoint.url if provider.startswith("openai") else endpoint.root
            lines = {"MODEL_PROVIDER": provider, "MODEL": "m", chosen.key_name: KEY, chosen.url_name: url}
            async with client_at({**lines, "AZURE_OPENAI_DEPLOYMENT": "m"}) as client:
                with pytest.raises(ModelError) as failed:
                    await ask(client)
            assert len(endpoint.requests) == 1  # the positive control: here the key went
            assert KEY in str(endpoint.requests[0].headers) or provider == "ollama"
        assert not other.requests
        assert not other.looked_up
    assert failed.value.message == f"{url} sends requests elsewhere (status {status}): {other.url}/elsewhere"
    assert failed.value.hint.endswith(f"If you trust that address, set {chosen.url_name} to it.")


@pytest.mark.parametrize("key", SOURCES)
def test_the_providers_own_address_is_for_every_key(tmp_path: Path, key: str) -> None:
    settings = place(tmp_path, **{key.replace("-", "_"): f"OPENAI_API_KEY={KEY}\n"})
    assert choose_model(settings).url == PROVIDERS["openai"].url


@pytest.mark.parametrize("arguments", [["chat", "a task"], ["doctor", "--ask"]])
def test_a_hostile_dotenv_is_sent_nothing(tmp_path: Path, arguments: list[str]) -> None:
    with ModelEndpoint([Answer("OK")], repeat=True) as endpoint:
        hostile = f"OPENAI_BASE_URL={endpoint.url}\n"
        (tmp_path / ".env").write_text(hostile)
        environment = program_environment(OPENAI_API_KEY=KEY, MODEL="m", DOCKER_HOST="tcp://127.0.0.1:1")
        done = run_piped("", arguments, environment, tmp_path)
        assert not endpoint.requests
        assert done.status == ExitStatus.USAGE
        assert (
            f"OPENAI_BASE_URL in .env would send your OPENAI_API_KEY, which comes from the environment, to {endpoint.url}"
            in done.out + done.err
        )
        # The positive control: the same file with a key of its own is asked, and the key of the environment is not sent.
        (tmp_path / ".env").write_text(f"{hostile}OPENAI_API_KEY=theirs\n")
        environment.pop("OPENAI_API_KEY")
        run_piped("", ["doctor", "--ask"], environment, tmp_path)
        assert [KEY in str(request.headers) for request in endpoint.requests] == [False]
        assert "theirs" in str(endpoint.requests[0].headers)


def test_what_a_hostile_dotenv_changes_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SANDBOX_NETWORK=on\nPIP_INDEX_URL=https://evil.example/simple\n")
    environment = program_environment(DOCKER_HOST="tcp://127.0.0.1:1")
    for arguments in (["--demo"], ["doctor"]):
        done = run_piped("", arguments, environment, tmp_path)
        assert ".env in this folder sets the network of programs to on (SANDBOX_NETWORK)." in done.out + done.err
        assert ".env in this folder chooses where packages come from: https://evil.example/simple (PIP_INDEX_URL)." in done.out + done.err


def test_the_old_name_of_the_address_is_refused_where_it_would_matter(tmp_path: Path) -> None:
    old = {"OPENAI_API_KEY": KEY, "OPENAI_API_BASE": "http://gateway.example/v1"}
    with pytest.raises(UsageError, match="OPENAI_API_BASE is the old name of OPENAI_BASE_URL"):
        choose_model(load_settings({}, old))
    assert choose_model(load_settings({}, {**old, "OPENAI_BASE_URL": "http://gateway.example/v1"})).url == "http://gateway.example/v1"
    assert choose_model(load_settings({}, {**old, "MODEL_PROVIDER": "anthropic", "ANTHROPIC_API_KEY": KEY})).provider == "anthropic"


@pytest.mark.parametrize("wrong", ["sk-1 2", "\u201csk-12\u201d", "sk-\u00e4", "sk\x01", '"sk-12"', "'sk-12'", "sk\n12"])
def test_a_key_that_no_header_can_hold_is_named_and_not_shown(wrong: str) -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY has a character that keys never have, at position") as refused:
        choose_model(load_settings({}, {"OPENAI_API_KEY": wrong}))
    assert wrong not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1"),
        ("https_proxy", "ftp://jo:hidden@x:1"),
        ("HTTP_PROXY", "http://"),
        ("HTTP_PROXY", "http://127.0.0.1:99999"),
        ("HTTP_PROXY", "http://jo:hidden/x@127.0.0.1:1"),
        ("HTTP_PROXY", "http://a proxy:1"),
        ("SSL_CERT_FILE", "missing.pem"),
        ("SSL_CERT_FILE", __file__),
        ("SSLKEYLOGFILE", "missing/keys.log"),
    ],
)
def test_a_proxy_or_certificate_file_that_cannot_work_is_named(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is") as refused:
        choose_model(load_settings({}, {"OPENAI_API_KEY": KEY, name: value}))
    assert "hidden" not in refused.value.message
    assert refused.value.status is ExitStatus.USAGE


def test_blanks_around_a_proxy_are_told_because_the_sdks_keep_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", " http://127.0.0.1:1 ")
    with pytest.raises(UsageError, match=r"HTTP_PROXY is ' http://127\.0\.0\.1:1 '"):
        check_connection(load_settings({}, {"HTTP_PROXY": " http://127.0.0.1:1 "}))


_FITS = {
    "OPENAI_BASE_URL": "openai-compatible",
    "ANTHROPIC_BASE_URL": "anthropic",
    "OLLAMA_HOST": "ollama",
    "AZURE_OPENAI_ENDPOINT": "azure",
}


@pytest.mark.parametrize(
    ("name", "url", "told"),
    [
        ("OPENAI_BASE_URL", "gate.test/v1", "is 'gate.test/v1'"),
        ("OPENAI_BASE_URL", "ftp://jo:hidden@gate.test", "is 'ftp://gate.test'"),
        ("OPENAI_BASE_URL", "http://gate.test/v1/chat/completions/", "is 'http://gate.test/v1/chat/completions/'"),
        ("OPENAI_BASE_URL", "http://gate.test/v1?key=hidden", "is 'http://gate.test/v1' with a part behind"),
        ("OPENAI_BASE_URL", "http://gate.test/v 1", "is 'http://gate.test/v 1'"),
        ("OPENAI_BASE_URL", "http://gate\n.test/v1", r"is 'http://gate\n.test/v1'"),
        ("OPENAI_BASE_URL", "http://[::1/v1", "is not the URL of a service"),
        ("OPENAI_BASE_URL", "http://gate..test/v1", "is not the URL of a service"),
        ("OPENAI_BASE_URL", "http://jo:hid/den@gate.test/v1", "is not the URL of a service"),
        ("ANTHROPIC_BASE_URL", "https://api.anthropic.com/v1", "is 'https://api.anthropic.com/v1'"),
        ("OLLAMA_HOST", "http://127.0.0.1:11434/api", "is 'http://127.0.0.1:11434/api'"),
        ("OLLAMA_HOST", "unix:///run/ollama", "is 'unix:///run/ollama'"),
        ("AZURE_OPENAI_ENDPOINT", "https://x.test/openai/deployments/d/chat/completions?api-version=1", "with a part behind"),
    ],
)
def test_an_address_that_is_no_base_url_is_told(name: str, url: str, told: str) -> None:
    chosen = PROVIDERS[_FITS[name]]
    lines = {"MODEL_PROVIDER": _FITS[name], "MODEL": "m", "AZURE_OPENAI_DEPLOYMENT": "m", chosen.key_name: KEY, name: url}
    with pytest.raises(UsageError) as refused:
        choose_model(load_settings({}, lines))
    assert refused.value.message.startswith(f"{name} is ")
    assert told in refused.value.message
    assert not {"hid", "hidden", "den"} & set(re.findall(r"\w+", refused.value.message + refused.value.hint))


@pytest.mark.parametrize(
    ("name", "url", "asked"),
    [
        ("OPENAI_BASE_URL", "HTTP://Gate.test/v1/", "http://Gate.test/v1"),
        ("OPENAI_BASE_URL", "http://jo:pw@gate.test/v1", "http://jo:pw@gate.test/v1"),
        ("OPENAI_BASE_URL", "http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("OLLAMA_HOST", ":11434", "127.0.0.1:11434"),
        ("OLLAMA_HOST", "gate.test", "gate.test"),
    ],
)
def test_an_address_is_taken_in_the_ways_it_is_written(name: str, url: str, asked: str) -> None:
    assert choose_model(load_settings({}, {"MODEL_PROVIDER": _FITS[name], "MODEL": "m", name: url})).url == asked


@pytest.mark.parametrize(
    ("name", "value"),
    [("OPENAI_ORG_ID", "\u201corg\u201d"), ("OPENAI_PROJECT_ID", "pro\nject"), ("OPENAI_CUSTOM_HEADERS", "X-A: 1\nX-B: \u00fc hidden")],
)
def test_what_an_sdk_sends_beside_the_key_is_checked_too(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name} has a character that no header has") as refused:
        choose_model(load_settings({}, {"OPENAI_API_KEY": KEY, name: value}))
    assert "hidden" not in refused.value.message + refused.value.hint
    monkeypatch.setenv(name, "X-A: 1\nAuthorization: Bearer a-token-of-theirs" if name.endswith("HEADERS") else "plain")
    choice = choose_model(load_settings({}, {"OPENAI_API_KEY": KEY, name: "plain"}))
    assert choice.key == KEY
    told = explain_model_error(ErrorEvent({"message": "no a-token-of-theirs, plain"}), choice).message
    assert told.endswith("no ***, plain" if name.endswith("HEADERS") else "no a-token-of-theirs, plain")
    assert "a-token" not in repr(choice)


def test_a_proxy_that_works_is_let_alone_and_one_in_dotenv_means_nothing(tmp_path: Path) -> None:
    for value in ("http://jo:pw@proxy.example:3128", "proxy.example:3128", "https://proxy.example"):
        check_connection(load_settings({}, {"HTTPS_PROXY": value}))
    check_connection(place(tmp_path, dotenv="ALL_PROXY=socks://x\nSSL_CERT_FILE=missing.pem\n"))


def test_the_proxy_of_an_address_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert proxy_for("http://127.0.0.1:8000/v1") == ""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert proxy_for("http://127.0.0.1:8000/v1") == "HTTP_PROXY"
    assert proxy_for("https://api.openai.com/v1") == ""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert proxy_for("http://127.0.0.1:8000/v1") == ""
