"""The process that llama.cpp runs in: it serves one model file on loopback, and ends when its standard input does.

It is started by agents/models/local.py as a script of its own. Its first line of input is JSON with the file, the key, the number of
threads and the size of the context; its first line of output is JSON with the port, or with what went wrong. llama.cpp writes its own
log to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any


def main() -> None:
    """Serve until the end of input: whoever started this process is gone then, however it ended."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        server = _serve(order)
    except Exception as error:  # what C++ throws has no class of its own
        _say({"failed": str(error)})
        raise SystemExit(1) from error
    _say({"port": int(str(server.listening_address).rpartition(":")[2].strip("/"))})
    threading.Event().wait()


def _serve(order: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["file"]
    parameters.api_keys = [order["key"]]
    parameters.ui = False
    parameters.endpoint_slots = False  # it would show what is being asked
    parameters.n_ctx = order["context"]
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = order["threads"]
    return xllamacpp.Server(parameters)


def _end_with_input() -> None:
    sys.stdin.read()
    # The threads of llama.cpp do not end by themselves.
    os._exit(0)


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # The folder of a script comes first on the path: a file of ours must not hide a package.
    sys.path.pop(0)
    main()
