"""What may be sent where: a key only to an address from a source as strong as its own, and nothing through a setting that cannot work."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
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
_OLD_NAME = "OPENAI_API_BASE"
_AUTHORITIES = "SSL_CERT_FILE"
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


def check_key(name: str, key: str) -> None:
    """Check that the key can be sent in a header; UsageError never shows it."""
    wrong = next((place for place, char in enumerate(key, 1) if not "!" <= char <= "~"), 0)
    if wrong:
        raise UsageError(f"{name} has a character that no key has, at place {wrong}", "copy the key again, without quotes", kind="setting")


def check_connection(settings: Settings) -> None:
    """Check the proxies and certificates that the environment names, because the SDKs fail on a wrong one without naming it."""
    environment = {name: value for name, value in settings.environment.items() if settings.source(name) is Source.ENVIRONMENT}
    for name in (*_PROXIES, *map(str.lower, _PROXIES)):
        value = environment.get(name, "")
        scheme = value.partition("://")[0].lower() if "://" in value else "http"
        if not value:
            continue
        if scheme not in _PROXY_SCHEMES or not _host(value):
            raise UsageError(
                f"{name} is {without_password(value)!r}", f"use a URL that begins with {', '.join(_PROXY_SCHEMES)}", kind="setting"
            )
        if scheme.startswith("socks") and find_spec("socksio") is None:
            raise UsageError(f"{name} is a SOCKS proxy, which needs a package", "pip install socksio, or use an http proxy", kind="setting")
    file = environment.get(_AUTHORITIES, "")
    if file and not _holds_certificates(Path(file)):
        raise UsageError(f"{_AUTHORITIES} is {file!r}", "use a readable file of certificates (PEM), or unset it", kind="setting")


def _host(url: str) -> str | None:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname
    except ValueError:
        return None


def _holds_certificates(file: Path) -> bool:
    try:
        return b"-----BEGIN" in file.read_bytes()
    except OSError:
        return False


def proxy_for(url: str) -> str:
    """Return the variable whose proxy requests to the URL go through; "" if there is none."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if proxy_bypass(parts.hostname or "") or not {parts.scheme, "all"} & getproxies().keys():
        return ""
    names = (f"{parts.scheme}_proxy", "all_proxy")
    return next((name for each in names for name in (each, each.upper()) if os.environ.get(name)), "")
