"""Why an installation failed, if no program can change that: the network, a certificate, the disk, the image; and what the user can do.

It reads what pip and npm themselves say at the end of a call that failed, never what a program printed. A package or version that does not
exist and a build that fails are for the model to change, so they are not listed.
"""

from __future__ import annotations

import re

from sandbox.packages.install import Installation
from sandbox.verdicts import TOO_MUCH, Verdict

_NO_ROOM = "no space is left for packages: make room on the disk of the container engine"
_REACH = "check the network, or set {setting} to an index that can be reached from here"
_UNREACHABLE = "{host} cannot be reached: " + _REACH
_REFUSED = "{host} refuses access ({status}): check the name and password in {setting}, and whether your network allows that address"
_FAILING = "{host} does not serve packages at the moment ({status}): try again later, or set {setting} to another index"
# The first pattern that is found decides. Words in capitals are codes of Node's.
_CAUSES = (
    (r"No space left on device|\bENOSPC\b", _NO_ROOM),
    (
        r"certificate has expired|not yet valid|mismatch, certificate|\bCERT_(?:HAS_EXPIRED|NOT_YET_VALID)|\bERR_TLS_CERT_ALTNAME_INVALID",
        "the certificate of {host} is out of date or made out to another name: check {setting} and the clock of this machine",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SELF_SIGNED_CERT|\bUNABLE_TO_(?:VERIFY|GET_ISSUER)|\bCERT_UNTRUSTED",
        "{tool} does not trust the certificate of {host}: set SANDBOX_CA_BUNDLE to a file with the certificate authorities of your network",
    ),
    (
        r"SSLError|ssl certificate|'ssl' module|\bEPROTO\b|\bERR_(?:SSL|TLS)_",
        "no secure connection to {host} is possible: check {setting} and the network",
    ),
    (
        r"Name or service not known|name resolution|nodename nor servname|No address associated|Failed to resolve|\bENOTFOUND\b|\bEAI_",
        "the name {host} cannot be resolved: " + _REACH,
    ),
    (r"timed out|didn't respond|\bE[A-Z]*TIMEDOUT\b|\bERR_SOCKET_TIMEOUT\b|\bEIDLETIMEOUT\b", "{host} does not answer in time: " + _REACH),
    (
        r"Connection refused|Connection reset| is unreachable|RemoteDisconnected|closed (?:connection )?without|Connection broken"
        r"|\bECONN[A-Z]+|\bE(?:NET|HOST)UNREACH|ProxyError|[Pp]roxy connection|onnect to proxy|connection error|connection-failed"
        r"|IncompleteRead|not enough bytes",
        _UNREACHABLE,
    ),
    (r"\bcode FETCH_ERROR\b", "what answers at {host} is no package index: check {setting} and the network"),
)
_STATUS = re.compile(r"\b(\d{3}) (?:Client|Server) Error|too many (\d{3}) error|(?:connection failed: |HTTP error |\bcode E)(\d{3})\b")
_HOST = re.compile(r"https?://(?:[^/@\s]*@)?([\w.:-]*\w)|host='([^']+)'")
_NO_TOOL = re.compile(r"^The image has no (\w+)", re.MULTILINE)
# Of each installer: where its packages come from, and the image that has to have it.
_SETTINGS = {"pip": ("PIP_INDEX_URL", "SANDBOX_IMAGE"), "npm": ("NPM_CONFIG_REGISTRY", "SANDBOX_IMAGE_JAVASCRIPT")}


def only_the_user(done: Installation) -> str:
    """Say in one sentence what only the user can do about the failure; "" if it is the model's to change what it asked for."""
    index, image = _SETTINGS[done.tool]
    if done.verdict is Verdict.DISK:
        return _NO_ROOM if done.too_much == TOO_MUCH["room"] else ""
    if done.verdict is not Verdict.FAILED:
        return ""
    if lacking := _NO_TOOL.search(done.output):
        return f"the image has no {lacking[1]}, which installs packages: set {image} to an image that has it"
    said = "\n".join(done.errors)
    host, status = _found(_HOST, said), _found(_STATUS, said)
    if status == "502" and done.unreachable:  # the answer of our own relay, which knows why
        (host, said), status = done.unreachable[-1], ""
        words = _words_for(said) or _UNREACHABLE
    else:
        words = _by_status(status, bool(done.refused)) if status else _words_for(said)
    return words.format(host=host or "the package index", status=status, tool=done.tool, setting=index)


def _words_for(said: str) -> str:
    return next((words for pattern, words in _CAUSES if re.search(pattern, said)), "")


def _by_status(status: str, by_us: bool) -> str:
    # What our own relay refuses is an address that the package, not the index, names.
    if status in ("401", "403", "407"):
        return "" if by_us else _REFUSED
    return _FAILING if status == "429" or status.startswith("5") else ""


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return next(filter(None, match.groups()), "") if match else ""
