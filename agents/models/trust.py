"""What may be sent where: a key only to an address from a source as strong as its own, and nothing through a setting that cannot work."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from utils.errors import UsageError
from utils.setting_sources import Source
from utils.setting_values import without_password
from utils.settings import Settings

# What the SDKs send besides the key, because they read it from the environment themselves.
_SENT_TOO = {
    "OPENAI_API_KEY": ("OPENAI_CUSTOM_HEADERS",),
    "AZURE_OPENAI_API_KEY": ("AZURE_OPENAI_AD_TOKEN", "OPENAI_CUSTOM_HEADERS"),
    "ANTHROPIC_API_KEY": ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"),
}
_NAMES_SENT = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID")  # no secrets, but headers as well
_QUOTES = "\"'`"
_OLD_NAME = "OPENAI_API_BASE"
_AUTHORITIES = "SSL_CERT_FILE"
_KEY_LOG = "SSLKEYLOGFILE"
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


class UntrustedAddress(UsageError):
    """The address comes from a weaker source than the key; `url` is what the user may agree to (Settings.agreed_address)."""

    def __init__(self, message: str, hint: str, url: str) -> None:
        """Take the sentence, the remedy, and the address as it is set."""
        super().__init__(message, hint, kind="untrusted-address")
        self.url = url


def check_address(settings: Settings, key_name: str, url_name: str, url: str) -> None:
    """Check that the key may be sent to the address that this variable sets; raises UntrustedAddress."""
    source = settings.source(url_name)
    if source is Source.DEFAULT or url == settings.agreed_address:
        return
    for name in (key_name, *_SENT_TOO.get(key_name, ())):
        if settings.environment.get(name) and source.trust < settings.source(name).trust:
            message = (
                f"{url_name} in {source.words.removesuffix(' in this folder')} would send your {name}, "
                f"which comes from {settings.source(name).words}, to {without_password(url)}"
            )
            hint = f"if you trust that address, set {url_name} where {name} is set; otherwise remove it from {source.words}"
            raise UntrustedAddress(message, hint, url)


def check_old_name(settings: Settings) -> None:
    """Refuse OPENAI_API_BASE, the old name of OPENAI_BASE_URL: the key would go to OpenAI, which is not what it asks for."""
    if settings.environment.get(_OLD_NAME) and not settings.environment.get("OPENAI_BASE_URL"):
        raise UsageError(
            f"{_OLD_NAME} is the old name of OPENAI_BASE_URL and is not read",
            "rename it, or unset it to use OpenAI itself",
            kind="setting",
        )


def check_url(name: str, url: str, ends: Sequence[str], *, bare_host: bool) -> None:
    """Check that a URL is the base of a service, without one of those ends; UsageError never shows a password in it."""
    shown = without_password(url)
    if not re.match(r"https?://", url, re.I) and not (bare_host and "://" not in url):
        raise UsageError(f"{name} is {shown!r}", "use a URL that begins with http:// or https://", kind="setting")
    if not url.isprintable() or " " in url:
        raise UsageError(f"{name} is {shown!r}", "use a URL without blanks and control characters", kind="setting")
    parts = parts_of(url)
    if parts is None:
        hint = "use one such as https://host/v1; in a name or password in it, write / ? # @ : as %2F %3F %23 %40 %3A"
        raise UsageError(f"{name} is not the URL of a service", hint, kind="setting")
    if parts.query or parts.fragment:
        raise UsageError(f"{name} is {shown!r} with a part behind ? or #", "leave that part out", kind="setting")
    too_much = next((end for end in ends if parts.path.rstrip("/").endswith(end)), "")
    if too_much:
        raise UsageError(f"{name} is {shown!r}", f"leave out {too_much}, which this program adds itself", kind="setting")


def check_key(name: str, key: str) -> None:
    """Check that the key can be sent in a header; UsageError never shows it."""
    wrong = next((place for place, char in enumerate(key, 1) if not "!" <= char <= "~" or char in _QUOTES), 0)
    if wrong:
        raise UsageError(
            f"{name} has a character that keys never have, at position {wrong}",
            "copy the key again, without quotation marks",
            kind="setting",
        )


def check_sent_too(settings: Settings, key_name: str) -> tuple[str, ...]:
    """Return the secrets that an SDK reads from the environment and sends beside the key; raises UsageError, which never shows them."""
    secrets: list[str] = []
    for name in (*_SENT_TOO.get(key_name, ()), *(_NAMES_SENT if key_name.endswith("OPENAI_API_KEY") else ())):
        value = os.environ.get(name, "") if settings.source(name) is Source.ENVIRONMENT else ""
        lines = value.split("\n") if name.endswith("_HEADERS") else [value]
        if any(not (line.isascii() and line.isprintable()) for line in lines):
            raise UsageError(f"{name} has a character that no header has", "set it again, in plain letters, or unset it", kind="setting")
        if name not in _NAMES_SENT:
            secrets += [line.rpartition(": ")[2].strip().removeprefix("Bearer ") for line in lines]
    return tuple(filter(None, secrets))


def check_connection(settings: Settings) -> None:
    """Check the proxies and certificates that the environment names, because the SDKs fail on a wrong one without naming it."""
    environment = {name: value for name, value in settings.environment.items() if settings.source(name) is Source.ENVIRONMENT}
    for name in (*_PROXIES, *map(str.lower, _PROXIES)):
        value = os.environ.get(name, "") if name in environment else ""  # the SDKs do not strip it
        value = value or environment.get(name, "")
        scheme = value.partition("://")[0].lower() if "://" in value else "http"
        if not value:
            continue
        if scheme not in _PROXY_SCHEMES or parts_of(value) is None:
            raise UsageError(
                f"{name} is {without_password(value)!r}", f"use a URL that begins with {', '.join(_PROXY_SCHEMES)}", kind="setting"
            )
        if scheme.startswith("socks") and find_spec("socksio") is None:
            raise UsageError(f"{name} is a SOCKS proxy, which needs a package", "pip install socksio, or use an http proxy", kind="setting")
    file = environment.get(_AUTHORITIES, "")
    if file and not _holds_certificates(file):
        raise UsageError(f"{_AUTHORITIES} is {file!r}", "use a readable file of certificates (PEM), or unset it", kind="setting")
    log = environment.get(_KEY_LOG, "")
    if log and not _can_be_written(Path(log)):
        raise UsageError(f"{_KEY_LOG} is {log!r}", "use a file that can be written, or unset it", kind="setting")


def parts_of(url: str) -> SplitResult | None:
    """Return the parts of a URL; None if it has no host, or a port that is none."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host = (parts.hostname or "").encode("idna")
        good = bool(host) and not re.search(r"\s", url) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return parts if good else None


def _holds_certificates(file: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except (OSError, ValueError):
        return False
    return True


def _can_be_written(file: Path) -> bool:
    try:
        with file.open("ab"):  # as ssl opens it
            return True
    except OSError:
        return False


def proxy_for(url: str) -> str:
    """Return the variable whose proxy requests to the URL go through; "" if there is none."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if proxy_bypass(parts.hostname or "") or not {parts.scheme, "all"} & getproxies().keys():
        return ""
    names = (f"{parts.scheme}_proxy", "all_proxy")
    return next((name for each in names for name in (each, each.upper()) if os.environ.get(name)), "")
