"""Runs in the container, as pip's user: runs pip, and leaves in `result.json` what it installed, what is source code only, and its errors.

pip sees what it has installed before, so that it keeps or replaces it; but nothing there can be imported. The arguments are pip's; the
current folder is pip's home, which is emptied afterwards.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import re
import runpy
import site
import sys
from pathlib import Path
from typing import Any

_MISSING = re.compile(r"No matching distribution found for (.+)$", re.MULTILINE)
_SKIPPED = re.compile(r"No sources permitted for .*?/([^/\s#]+)(?:#| |$)", re.MULTILINE)


# Where pip says which archives it passes over, which pages it could not get, and why it gives up. A log file would hold that, too, but with
# the output of builds.
_FINDERS = ("pip._internal.index.package_finder", "pip._internal.index.collector")
_TALKERS = (*_FINDERS, "pip._internal.cli.base_command", "pip._internal.commands.install")
_NOT_FETCHED = "Could not fetch URL "
_MOST_ERRORS = 20
_LONGEST_ERROR = 2000  # characters


class Listener(logging.Handler):
    """Keeps what pip says, without showing it."""

    def __init__(self) -> None:
        """Listen to what is needed to know why nothing was found."""
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.errors: list[str] = []
        """Why it failed, as far as pip says so, whether it shows that or not."""
        importlib.import_module("pip._internal")  # sets the class of pip's loggers, which have methods of their own
        for name in _TALKERS:
            logging.getLogger(name).addHandler(self)
        for name in _FINDERS:
            logging.getLogger(name).setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        message = record.getMessage()
        self.lines.append(message)
        if record.levelno >= logging.ERROR or message.startswith(_NOT_FETCHED):
            causes = [each for each in (*(record.args or ()), (record.exc_info or (None, None))[1]) if isinstance(each, BaseException)]
            self.errors.append("; ".join((message, *map(repr, causes)))[:_LONGEST_ERROR])


class Closed:
    """A finder that finds nothing in its folder."""

    def find_spec(self, name: str, target: Any = None) -> None:
        """Find nothing."""


def there(place: str) -> set[str]:
    """Return the names and versions of what is installed in the place, as NAME-VERSION."""
    return {path.stem for path in Path(place).glob("*.dist-info")}


def archives(report: str) -> dict[tuple[str, str], tuple[str, bool]]:
    """Return the SHA-256 of each archive in pip's report and whether it was asked for by name, by name and version.

    pip before 22.2 writes no report.
    """
    try:
        items = json.loads(Path(report).read_text("utf-8"))["install"]
        return {
            (spell(each["metadata"]["name"]), each["metadata"]["version"]): (_hash_of(each), bool(each.get("requested"))) for each in items
        }
    except (OSError, ValueError, KeyError):
        return {}


def _hash_of(item: Any) -> str:
    archive = item["download_info"].get("archive_info") or {}
    return (archive.get("hashes") or {}).get("sha256") or str(archive.get("hash", "")).partition("sha256=")[2]


def spell(name: str) -> str:
    """Return the one spelling of a package's name."""
    return re.sub("[-_.]+", "-", name).lower()


def only_as_source(log: str) -> list[str]:
    """Return the requirements that pip found no wheel for, although it was offered an archive of source code that would do."""
    requirements = importlib.import_module("pip._vendor.packaging.requirements")
    utils = importlib.import_module("pip._vendor.packaging.utils")
    versions = set()
    for name in _SKIPPED.findall(log):
        try:
            versions.add(utils.parse_sdist_filename(name))
        except ValueError:
            continue  # an old kind of archive
    found = []
    for text in dict.fromkeys(_MISSING.findall(log)):
        try:
            wanted = requirements.Requirement(text.partition(" (from ")[0])
        except ValueError:
            continue
        name = utils.canonicalize_name(wanted.name)
        if any(name == other and version in wanted.specifier for other, version in versions):
            found.append(text)
    return found


def main() -> None:
    """Run pip and write the result, whatever it comes to."""
    if importlib.util.find_spec("pip") is None:
        sys.exit("The image has no pip.")
    place = site.getusersitepackages()
    sys.path.append(place)
    sys.path_importer_cache[place] = Closed()
    version = [int(part) for part in importlib.import_module("pip").__version__.split(".")[:2]]
    sys.argv += ["--report", "report.json"] if version >= [22, 2] else []
    listener = Listener()
    before = there(place)
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    finally:
        known = archives("report.json")
        parts = [name.rpartition("-")[::2] for name in sorted(there(place) - before)]
        installed = [(name, version, *known.get((spell(name), version), ("", True))) for name, version in parts]
        result = {"installed": installed, "sources": only_as_source("\n".join(listener.lines)), "errors": listener.errors[-_MOST_ERRORS:]}
        Path("result.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main()
