"""Which of the user's files hold secrets, by name and first bytes: those are never copied, and doubtful ones only after a yes."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import PurePosixPath

HEAD = 1024
"""How many bytes of a file are looked at."""


class Secrecy(IntEnum):
    """What is known about a file or folder; a higher one decides."""

    NONE = 0
    DOUBTFUL = 1
    SECRET = 2


# What editors, tools and people add to the name of a file that they keep a copy of: `.env~`, `server.key.bak`, `id_rsa (1)`.
_COPY = re.compile(
    r"(?:~|[._-](?:bak|backup|old|orig|original|save|saved|copy|tmp|swp|swo|rej|new|dist|disabled|\d{1,3}|\d{4}-?\d\d-?\d\d)|\.~\d+~"
    r"| \(\d+\)| copy(?: \d+)?)$",
    re.IGNORECASE,
)
# In any case and at any depth. A name that is said outright with --add is refused just the same: a program could print it.
_SECRETS = re.compile(
    r"\.env([._-].*)?|\.envrc|\.dev\.vars(\..*)?|.*\.env|.*\.(pem|key|p8|p12|pfx|jks|keystore|kdbx?|ppk|ovpn|gpg|asc|tfvars|agekey|pkcs12)"
    r"|.*\.tfvars\.json|(.*[._-])?id_(rsa|dsa|ecdsa|ed25519)(_sk)?([._-].*)?|.*deploy[_-]?key|.*private[._-]?key(\.(txt|json|xml|der|b64))?"
    r"|\.(netrc|_netrc|npmrc|yarnrc|yarnrc\.yml|pypirc|pgpass|my\.cnf|git-credentials|dockercfg|dockerconfigjson|htpasswd|vault-token|terraformrc)"
    r"|_netrc|\..*_history|\.s3cfg|\.boto|\.?vault[-_]pass.*|pip\.(conf|ini)|.*kubeconfig(\..*)?|rclone\.conf|client_secret.*\.json|kaggle\.json"
    r"|auth\.json|credentials(?!.*\.(py|js|ts|go|rs|java|rb|md|html|css)$).*|secrets?(\.(?!(py|js|ts|go|rs|java|rb|md|html|css)$).*)?"
    r"|secrets.*\.(ya?ml|json|toml)|.*service[-_]?account.*\.json|.*\.tfstate(\..*)?|application_default_credentials\.json|gha-creds-.*\.json"
    r"|wallet\.dat|.*\.mobileprovision|master\.key|shadow|htpasswd|\.pgpass.*|otpauth.*|recovery[-_]codes.*",
    re.IGNORECASE,
)
_PLACES = re.compile(
    r"\.m2/settings(-security)?\.xml|(\.config/)?gh/hosts\.yml|(\.config/)?glab-cli/config\.yml|\.cargo/credentials.*|\.gem/credentials"
    r"|\.gradle/gradle\.properties|\.composer/auth\.json|\.config/(hub|doctl/config\.yaml|configstore/.*)|\.streamlit/secrets\.toml",
    re.IGNORECASE,
)
# The same for folders.
_FOLDERS = re.compile(
    r"\.(ssh|aws|azure|docker|gnupg|kube|pip|password-store|terraform\.d|oci|git|hg|svn|vault|sops)|gcloud|secrets", re.IGNORECASE
)
# Words that a secret's name often has, and other names, too; source code and prose with such a name are ordinary.
_DOUBTFUL = re.compile(
    r"(?:^|[^a-z])(?:secrets?|passwords?|passwd|passphrase|credentials?|creds|api[_-]?keys?|access[_-]?keys?|tokens?|oauth|bearer|keyfile|pat)"
    r"(?:$|[^a-z])|pass(?:word|phrase)s",
    re.IGNORECASE,
)
_SOURCE = re.compile(
    r".*\.(py|pyi|ipynb|js|jsx|ts|tsx|go|rs|java|kt|c|h|cc|cpp|hpp|cs|rb|php|pl|lua|r|swift|scala|sql|md|rst|html|css|tex|svg|png)",
    re.IGNORECASE,
)
_KEY = r"(?:-----? ?BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)? ?-----?|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1)"
_IS_KEY = re.compile(rf"\s*{_KEY}|.*\"private_key\"\s*:\s*\"{_KEY}".encode(), re.DOTALL)
_HAS_KEY = re.compile(_KEY.encode())


def secrecy_of_folder(name: str) -> Secrecy:
    """Judge a folder by its name."""
    return Secrecy.SECRET if _FOLDERS.fullmatch(_without_copy_marks(name)) else Secrecy.NONE


def secrecy_of_file(path: str, head: bytes = b"") -> Secrecy:
    """Judge a file by its path, of which the name and the folder it is in count, and by its first HEAD bytes."""
    pure = PurePosixPath(path)
    name = _without_copy_marks(pure.name)
    place = [*pure.parts[-3:-1], name]
    if _SECRETS.fullmatch(name) or any(_PLACES.fullmatch("/".join(place[start:])) for start in range(len(place))):
        return Secrecy.SECRET
    text = head[:HEAD].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")  # as UTF-16, every other byte is 0
    if _IS_KEY.match(text):
        return Secrecy.SECRET
    if _HAS_KEY.search(text):
        return Secrecy.DOUBTFUL
    return Secrecy.DOUBTFUL if _DOUBTFUL.search(name) and not _SOURCE.fullmatch(name) else Secrecy.NONE


def _without_copy_marks(name: str) -> str:
    name = name.strip("#") if name.startswith("#") and name.endswith("#") else name
    while True:
        shorter = _COPY.sub("", name)
        # A swap file of vi is named `.server.key.swp`.
        shorter = shorter.removeprefix(".") if re.search(r"\.sw[op]$", name) and not shorter.startswith(".env") else shorter
        if shorter in ("", name):
            return name
        name = shorter
