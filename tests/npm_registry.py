"""A registry for npm on this machine's loopback, with small packages of the tests' own."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PACKAGES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "left-pad": ({}, "module.exports = (text, width) => String(text).padStart(width);\n"),
    "is-odd": (
        {"dependencies": {"is-number": "1.0.0"}},
        "const check = require('is-number');\nmodule.exports = (n) => check(n) && n % 2 === 1;\n",
    ),
    "is-number": ({}, "module.exports = (n) => typeof n === 'number';\n"),
    "modern-words": ({"type": "module", "exports": {"import": "./index.js"}}, "export default () => 'only for import';\n"),
    "@scoped/words": ({}, "module.exports = 'scoped';\n"),
    "with-scripts": (
        {"scripts": {name: "touch /opt/sandbox-packages/a-script-ran" for name in ("preinstall", "install", "postinstall")}},
        "module.exports = 'here';\n",
    ),
}
"""Each package's fields of package.json beyond name and version, and its only file."""


def tarball(name: str, fields: Mapping[str, Any], text: str) -> bytes:
    """Return the package as npm fetches it, version 1.0.0."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file, content in (("package.json", json.dumps({"name": name, "version": "1.0.0", **fields})), ("index.js", text)):
            member = tarfile.TarInfo(f"package/{file}")
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)  # the same bytes each time: npm compares their hash


@dataclass
class Registry:
    """Where it is, and what it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    logins: set[str] = field(default_factory=set)

    def answer(self, path: str) -> bytes | None:
        """Return a package's description or archive; None for a package that nobody has."""
        name, slash, _ = path.strip("/").replace("%2f", "/").partition("/-/")
        if name not in PACKAGES:
            return None
        fields, text = PACKAGES[name]
        archive = tarball(name, fields, text)
        if slash:
            return archive
        dist = {
            "tarball": f"{self.url}/{name}/-/package-1.0.0.tgz",
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode(),
        }
        scripts = {"hasInstallScript": True} if "scripts" in fields else {}
        version = {"name": name, "version": "1.0.0", **fields, **scripts, "dist": dist}
        return json.dumps({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}).encode()


@contextmanager
def npm_registry() -> Iterator[Registry]:
    """Serve the packages while it is entered."""
    registry = Registry()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.asked.append(self.path)
            registry.logins.add(self.headers.get("Authorization", ""))
            found = registry.answer(self.path)
            body = found or b'{"error": "not found"}'
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
