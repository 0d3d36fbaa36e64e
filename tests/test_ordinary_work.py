"""Ordinary work under the filter of system calls: what programs, packages and compilers do every day is not what it forbids."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import docker
import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from sandbox.docker_executor import SandboxExecutor
from sandbox.engine.room import engines_folder
from sandbox.packages.install import PipRequest
from sandbox.verdicts import Verdict
from tests.network import certificates, why_no_index
from utils.docker_utils import PACKAGES, Limits

pytestmark = pytest.mark.engine

LIMITS = Limits(timeout=120, memory=2 * 1024**3, network="install")

PYTHON = r"""
import asyncio, concurrent.futures, mmap, multiprocessing, os, shutil, signal, sqlite3
import subprocess, sys, tempfile, zipfile
with sqlite3.connect("x.db") as db:
    db.execute("pragma journal_mode=wal")
    db.execute("create table t (n integer)")
    db.executemany("insert into t values (?)", [(n,) for n in range(1000)])
    print("sqlite", db.execute("select sum(n) from t").fetchone()[0])
with tempfile.TemporaryFile() as file:
    file.truncate(4096)
    with mmap.mmap(file.fileno(), 4096) as memory:
        memory[:3] = b"map"
        print("mmap", bytes(memory[:3]).decode())
print("child", subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True).stdout.strip())
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print("pool", sum(pool.map(abs, range(-10, 0))))
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        print("threads", sum(threads.map(len, ["ab"] * 10)))
async def serve():
    async def answer(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    print("socket", (await reader.readline()).decode().strip())
    writer.close()
    server.close()
asyncio.run(serve())
with zipfile.ZipFile("x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("a", "b" * 1000)
shutil.copy("x.zip", "y.zip")
os.link("y.zip", "z.zip")
signal.setitimer(signal.ITIMER_REAL, 0)
print("files", os.path.getsize("z.zip") > 0)
"""
PANDAS = """
import hashlib, matplotlib.pyplot as plt, numpy as np, pandas as pd, sqlite3
matrix = np.random.default_rng(1).random((400, 400))
print("numpy", np.allclose(matrix @ np.linalg.inv(matrix), np.eye(400), atol=1e-6))
table = pd.DataFrame({"n": range(1000), "g": [n % 3 for n in range(1000)]})
table.to_csv("t.csv", index=False)
with sqlite3.connect("t.db") as db:
    pd.read_csv("t.csv").to_sql("t", db, index=False)
    print("pandas", pd.read_sql("select g, sum(n) as s from t group by g", db)["s"].tolist())
table.groupby("g").n.sum().plot.bar()
plt.savefig("t.png")
print("matplotlib", hashlib.sha256(open("t.png", "rb").read()).hexdigest())
"""
C = "printf '#include <stdio.h>\\nint main(void) { printf(\"c %%d\\\\n\", 6 * 7); return 0; }' >a.c && gcc a.c -o a && ./a"
NODE = """cat >a.js <<'END'
const http = require('http')
const server = http.createServer((request, answer) => answer.end('node 42')).listen(0, '127.0.0.1', () =>
  http.get({port: server.address().port}, (answer) => {
    answer.on('data', (data) => console.log(String(data)))
    answer.on('end', () => server.close())
  }))
END
node a.js"""
JAVA = """cat >A.java <<'END'
public class A {
  public static void main(String[] arguments) throws Exception {
    Thread thread = new Thread(() -> System.out.println("java " + 6 * 7));
    thread.start();
    thread.join();
  }
}
END
javac A.java && java -Xmx256m A"""
GO = """cat >a.go <<'END'
package main
import "fmt"
func main() { c := make(chan int); go func() { c <- 42 }(); fmt.Println("go", <-c) }
END
go run a.go"""
TOOLS = [("gcc", C, "c 42"), ("javac", JAVA, "java 42"), ("node", NODE, "node 42"), ("go", GO, "go 42")]
# Not /usr/sbin, where the engine puts its init process.
LENT = ("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/include", "/usr/share", "/etc/alternatives")


@pytest.mark.parametrize("strict", [False, True])
async def test_the_standard_library_works_in_both_profiles(image: str, tmp_path: Path, strict: bool) -> None:
    async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS, strict=strict) as executor:
        done = await executor.sandbox.run_block(CodeBlock(code=PYTHON, language="python"), CancellationToken())
    expected = ["sqlite 499500", "mmap map", "child 42", "pool 55", "threads 20", "socket hello", "files True"]
    assert (done.verdict, done.output.splitlines()) == (Verdict.OK, expected), done.output


@pytest.mark.soak
async def test_the_usual_packages_are_installed_and_work(image: str, tmp_path: Path) -> None:
    if reason := why_no_index():
        pytest.skip(reason)
    async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS, certificates=certificates()) as executor:
        installed = await executor.sandbox.install([PipRequest(("pandas", "matplotlib"))], CancellationToken())
        assert installed.verdict is Verdict.OK, installed.output
        assert {"matplotlib", "numpy", "pandas", "pillow"} <= {package.name for package in installed.installed}
        done = await executor.sandbox.run_block(CodeBlock(code=PANDAS, language="python"), CancellationToken())
        tool = await executor.sandbox.run_block(
            CodeBlock(code="fonttools --help | head -n 1; which f2py", language="sh"), CancellationToken()
        )
        files = await executor.sandbox.collect_files()
    assert done.verdict is Verdict.OK, done.output
    picture = next(file for file in files if file.name == "t.png").path.read_bytes()
    assert picture.startswith(b"\x89PNG")
    said = ["numpy True", "pandas [166833, 166167, 166500]", f"matplotlib {hashlib.sha256(picture).hexdigest()}"]
    assert done.output.splitlines() == said
    assert "fonttools" in tool.output
    assert f"{PACKAGES}/bin/f2py" in tool.output


@pytest.mark.parametrize(("tool", "script", "said"), TOOLS)
async def test_compilers_and_other_languages_work(
    engine: docker.APIClient, image: str, tmp_path: Path, tool: str, script: str, said: str
) -> None:
    # The image has none of them: those of this machine are lent to it.
    found = shutil.which(tool)
    if found is None or not found.startswith("/usr/") or engines_folder(engine) is None:
        pytest.skip(f"there is no {tool} here that the container could borrow")
    lent = [path for path in (*map(Path, LENT), *Path("/etc").glob("java*")) if path.is_dir()]
    volumes = {str(path): {"bind": str(path), "mode": "ro"} for path in lent}
    async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS, extra_volumes=volumes) as executor:
        done = await executor.sandbox.run_block(CodeBlock(code=script, language="sh"), CancellationToken())
    assert (done.verdict, done.output.strip()) == (Verdict.OK, said), done.output
