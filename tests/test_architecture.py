"""The architecture, as rules that a change can break."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
# From the top down: each may import those that stand behind it; main.py sees all.
LAYERS = ("main", "cli", "history", "teams", "agents", "sandbox", "utils")
MAY_IMPORT = {layer: set(LAYERS[number + 1 :]) for number, layer in enumerate(LAYERS)}
# Each outside library has one owner, so that replacing it touches one place. An owner is a package or a file.
OWNERS = {
    "docker": {"sandbox", "utils/docker_utils.py"},
    "rich": {"cli"},
    "prompt_toolkit": {"cli"},
    "sqlite3": {"history"},
    "jinja2": {"history"},
    "opentelemetry": {"teams/tracing.py"},
    "dotenv": {"utils/settings.py"},
    "markdown_it": {"utils/code_blocks.py", "utils/markdown.py"},
    "pathspec": {"sandbox"},
    "distributed": {"teams/batch/machines.py", "teams/batch/worker.py"},
    "openai": {"agents"},
    "anthropic": {"agents"},
    "ollama": {"agents"},
    "autogen_agentchat": {"agents", "teams", "main.py", "cli/output/transcript.py", "cli/output/progress.py"},
    "autogen_core": {"agents", "teams", "sandbox", "main.py", "cli/output/transcript.py"},
    "autogen_ext": {"agents", "sandbox", "main.py"},
}
TOP_LEVEL = {
    *("agents", "cli", "history", "sandbox", "teams", "tests", "utils", "main.py"),
    *(".ci", ".env.example", ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md"),
    *("pyproject.toml", "requirements.txt", "requirements"),
    *("AGENTS.md", "CONTRIBUTING.md", "SECURITY.md", ".pre-commit-config.yaml"),
}
# What only POSIX or only Windows has, and how a module would find out which of them it runs on: for utils/platform alone.
ONE_SYSTEM_MODULES = "termios tty pty fcntl pwd grp resource select syslog msvcrt winreg _winapi pywintypes win32api win32file"
ONE_SYSTEM_NAMES = {
    "os": """getuid geteuid getgid getegid fork forkpty killpg kill setsid getpgrp getpgid fchmod chown lchown mkfifo statvfs uname nice
        sysconf sched_getaffinity getloadavg get_blocking set_blocking ttyname openpty startfile execv execve name
        O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_CLOEXEC O_BINARY""",
    "signal": "SIGHUP SIGKILL SIGQUIT SIGTSTP SIGCONT SIGWINCH SIGPIPE SIGUSR1 SIGUSR2 SIGALRM SIGBREAK",
    "socket": "AF_UNIX",
    "ctypes": "WinDLL windll",
    "sys": "platform",
}
ONE_SYSTEM_CALLS = "add_signal_handler add_reader add_writer start_unix_server open_unix_connection"
ONE_SYSTEM_ARGUMENTS = "dir_fd src_dir_fd dst_dir_fd start_new_session preexec_fn creationflags pass_fds"
LONGEST_FILE = 250  # lines of code
LONGEST_FUNCTION = 40
MODULES = [ROOT / "main.py", *(file for name in sorted(MAY_IMPORT) for file in sorted((ROOT / name).glob("**/*.py")))]
PROSE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING}


def package(module: Path) -> str:
    return module.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of every module that is imported, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parse(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def project_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def docstring_lines(tree: ast.AST) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def code_lines(source: str) -> set[int]:
    """Return the numbers of the lines that hold code: no blank line, comment or docstring."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in PROSE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return lines - docstring_lines(ast.parse(source))


def long_functions(source: str) -> list[str]:
    lines = code_lines(source)
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f.name for f in functions if len(lines & set(range(f.lineno, (f.end_lineno or 0) + 1))) > LONGEST_FUNCTION]


def name_of(module: Path) -> str:
    return str(module.relative_to(ROOT))


def test_imports_point_down() -> None:
    upward = {}
    for module in MODULES:
        ours = {name.split(".")[0] for name in imports(parse(module))} & {*MAY_IMPORT, "tests"}
        upward[name_of(module)] = ours - {package(module)} - MAY_IMPORT[package(module)]
    assert {module: found for module, found in upward.items() if found} == {}


def test_outside_libraries_have_one_owner() -> None:
    strays = {}
    for module in MODULES:
        places = {package(module), name_of(module)}
        outside = {name.split(".")[0] for name in imports(parse(module))} & OWNERS.keys()
        strays[name_of(module)] = [library for library in sorted(outside) if not places & OWNERS[library]]
    assert {module: found for module, found in strays.items() if found} == {}


def test_no_file_imports_in_a_circle() -> None:
    files = {".".join(m.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): m for m in MODULES}
    graph = {name: {other for other in imports(parse(module)) if other in files and other != name} for name, module in files.items()}
    assert circle(graph) == []


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the names along one circle of the graph, or an empty list."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        found = next(filter(None, (walk(other, [*path, name]) for other in sorted(graph[name]))), [])
        done.add(name)
        return found

    return next(filter(None, (walk(name, []) for name in sorted(graph))), [])


def one_system(tree: ast.AST) -> set[str]:
    """Return the names in a module that mean something on one system only."""
    found = {name for name in imports(tree) if name.partition(".")[0] in ONE_SYSTEM_MODULES.split()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in (*ONE_SYSTEM_NAMES.get(owner, "").split(), *ONE_SYSTEM_CALLS.split()):
                found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names} & set(ONE_SYSTEM_NAMES.get(node.module or "", "").split())
        elif isinstance(node, ast.keyword) and node.arg in ONE_SYSTEM_ARGUMENTS.split():
            found.add(str(node.arg))
    return found


def test_what_only_one_system_has_stays_behind_one_module() -> None:
    inside = ROOT / "utils" / "platform"
    found = {name_of(module): one_system(parse(module)) for module in MODULES if inside not in module.parents}
    assert {name: names for name, names in found.items() if names} == {}
    for system in ("posix", "windows"):
        assert one_system(parse(inside / f"{system}.py")), "the control: these are found where they belong"


def test_the_answers_for_both_systems_are_to_the_same_questions() -> None:
    questions = []
    for system in ("posix", "windows"):
        tree = parse(ROOT / "utils" / "platform" / f"{system}.py")
        things = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        inner = [(thing.name, each.name) for thing in things for each in thing.body if isinstance(each, ast.FunctionDef)]
        arguments = [(node.name, ast.unparse(node.args)) for node in things if isinstance(node, ast.FunctionDef)]
        questions.append({each for each in [*inner, *arguments] if not each[0].startswith("_") and each[1][:1] != "_"})
    assert questions[0] == questions[1]


def test_every_module_of_utils_is_used_by_two_packages_or_is_part_of_another() -> None:
    given = {"docker_utils", "code_blocks"}  # their place is part of the layout that was asked for
    users: dict[str, set[str]] = {}
    for module in MODULES:
        for name in imports(parse(module)):
            users.setdefault(name, set()).add(package(module))
    drawer = {f.stem: users.get(f"utils.{f.stem}", set()) for f in (ROOT / "utils").glob("[!_]*.py")}
    assert {stem: found for stem, found in drawer.items() if len(found) < 2 and stem not in given and found != {"utils"}} == {}


def test_files_and_functions_are_short() -> None:
    sources = {name_of(module): module.read_text("utf-8") for module in MODULES}
    assert {name: lines for name, source in sources.items() if (lines := len(code_lines(source))) > LONGEST_FILE} == {}
    assert {name: found for name, source in sources.items() if (found := long_functions(source))} == {}


def public_things(node: ast.Module | ast.ClassDef) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    yield node
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_"):
            if any(isinstance(each, ast.Attribute) and each.attr == "setter" for each in inner.decorator_list):
                continue  # the property itself has the docstring
            yield from public_things(inner) if isinstance(inner, ast.ClassDef) else (inner,)


def test_every_public_thing_has_a_docstring() -> None:
    bare = []
    for module in MODULES:
        for thing in public_things(parse(module)):
            first = (ast.get_docstring(thing) or "").split("\n")[0]
            if not first.endswith((".", ":")):
                bare.append(f"{name_of(module)}: {getattr(thing, 'name', '')}")
    assert bare == []


def test_the_top_level_holds_only_what_the_design_allows() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in project_files()} <= TOP_LEVEL


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    own = re.compile(rf"(?<![\w.])(?:/home/(?!sandbox\b)|/Users/|/root/|{re.escape('/work')}/|[A-Z]:\\Users\\)[\w.]")
    assert own.search("see /home/" + "jo/x")
    assert not own.search("/home/sandbox and /workspace/x")
    found = {}
    for file in project_files():
        lines = [line for line in file.read_text("utf-8", errors="replace").splitlines() if own.search(line)]
        if lines and file != Path(__file__):
            found[str(file.relative_to(ROOT))] = lines
    assert found == {}


def test_tests_rarely_patch() -> None:
    tests = [file.read_text("utf-8") for file in (ROOT / "tests").glob("*.py")]
    patches = sum(len(re.findall(r"\bmock\.patch|monkeypatch\.setattr", text)) for text in tests)
    count = sum(len(re.findall(r"^(?:async )?def test_", text, re.MULTILINE)) for text in tests)
    assert patches * 20 <= count


def test_the_rules_notice_what_they_forbid() -> None:
    hidden = "def f():\n    import termios\n    from os import getuid\n    x.run(a, dir_fd=3)\n    loop.add_reader(1)\n    os.kill(1, 0)"
    assert one_system(ast.parse(hidden)) == {"termios", "getuid", "dir_fd", "add_reader", "kill"}
    assert one_system(ast.parse("process.kill()\nimport os\nos.open(p, os.O_RDONLY)")) == set()
    body = "    x = 1\n" * LONGEST_FUNCTION
    assert long_functions(f'def f():\n    """Say."""\n{body}') == ["f"]
    assert long_functions(f'def f():\n    """Say."""\n    # why\n\n{body[10:]}') == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert list(imports(ast.parse("def f():\n    from a.b import c"))) == ["a.b", "a.b.c"]
    assert code_lines('"""Doc."""\n\nx = """a\nb"""  # why\n# why\n') == {3, 4}
