"""The languages that programs are run in: one entry each. Adding a language is adding an entry (and an image that has its tools)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.java import read_java

# In the programs' home: --strict runs nothing that lies in /tmp, and what is hidden there is never handed over.
BUILT = "/home/sandbox"
BINARY = f"{BUILT}/.program"
CLASSES = f"{BUILT}/.classes"


@dataclass(frozen=True)
class Step:
    """A command of a language: the first of `tools` that the image has is started.

    In the arguments, {file} stands for the program's path, {files} for it and the files of its kind beside it, {main} for its main class.
    """

    tools: tuple[str, ...]
    arguments: tuple[str, ...] = ("{file}",)


@dataclass(frozen=True)
class Language:
    """How programs of one language are named, stored, built and started."""

    name: str
    aliases: tuple[str, ...]  # what a fence may say, and how its files end, in lower case
    file_name: str  # where a program without a `# filename:` line is stored
    run: Step
    image: str = ""  # of its own, for a session whose image lacks its tools; "" for what every image has
    download: int = 0  # MB that pulling the image takes, about
    build: Step | None = None  # compiles the program before it runs
    build_seconds: int = 120  # that compiling may take, whatever the program's own limit is
    check: Step | None = None  # after a failure: fails if the program is not even written in the language
    comment: str = "#"  # starts a comment that ends with its line
    packages: str = ""  # what installs packages: "pip", "npm" or nothing
    cannot: str = ""  # what the model reads when a program does not compile, or lacks something
    lacks: str = ""  # a pattern of how a program says that it lacks a package
    names: Callable[[str], tuple[str, str]] | None = None  # from a program's text: the file name that it needs, and its main class
    warm: str = ""  # a program that, compiled once, leaves in `cache` what others need compiled, too
    cache: str = ""  # a folder in the programs' home
    entry: str = ""  # a pattern of where a program starts: files of the answer without it are parts of one that has it
    part_header: str | None = None  # such a part needs a file of its own, which begins with this line ("" for none)
    defines: str = ""  # a pattern of the lines that define names for the whole file, with the name in a group
    takes: str = ""  # a pattern of how a program names another file of the answer as its module
    sign: str = ""  # a pattern that no text but a program of this language matches

    @property
    def image_setting(self) -> str:
        """Name the setting for the image that its programs run in."""
        return f"SANDBOX_IMAGE_{self.key.upper()}" if self.image else "SANDBOX_IMAGE"

    @property
    def key(self) -> str:
        """Return its name in small letters and digits alone, as settings have it."""
        return self.name.replace("+", "p")

    @property
    def ending(self) -> str:
        """Return how its files end, with the dot."""
        return posixpath.splitext(self.file_name)[1]

    def named(self, code: str, asked: str) -> str:
        """Return the name of the file that a program is stored in: the one that is asked for, unless the language wants another."""
        name = self.names(code)[0] if self.names else ""
        return posixpath.join(posixpath.dirname(asked), name) if name else asked or self.file_name

    def is_part(self, text: str) -> bool:
        """Whether a file of the language is no program of its own, but a part of one."""
        return bool(self.entry) and re.search(self.entry, text) is None

    def arguments(self, step: Step, file: str, code: str, beside: Sequence[tuple[str, str]] = ()) -> list[str]:
        """Return the step's arguments for a program in the file, with the names and texts of the files beside it."""
        tests = f"_test{self.ending}"
        files = [(name, text) for name, text in beside if name.endswith(self.ending) and not name.endswith(tests)]
        # JUnit is not here: with its tests, nothing would compile.
        parts = [
            name for name, text in files if self.is_part(text) and not re.search(r"^import (?:static )?org\.junit\.", text, re.MULTILINE)
        ]
        main = self.names(code)[1] if self.names else ""
        found: list[str] = []
        for argument in step.arguments:
            found += [file, *parts] if argument == "{files}" else [argument.replace("{file}", file).replace("{main}", main)]
        return found


# The version is for sandbox/newer.py.
_COMPILE = (
    "import sys; print('%d.%d' % sys.version_info[:2], flush=True); file = sys.argv[1]; "
    "compile(open(file, 'rb').read(), file, 'exec', dont_inherit=True)"
)
_NODE = Step(("node",))
_STRIP = "require('node:module').stripTypeScriptTypes(require('node:fs').readFileSync(process.argv[1], 'utf8'))"
_BUILT = Step(("env",), (BINARY,))
_ERASABLE = (
    "Types are removed, not checked: enum, namespace, parameter properties and JSX cannot be used, imports need the file's ending (.ts), "
    "and imports of types need `import type`."
)

# What programs that a model writes import; the whole library would take three times as long.
_GO_PACKAGES = (
    *("bufio", "bytes", "cmp", "container/heap", "container/list", "context", "crypto/md5", "crypto/rand", "crypto/sha1", "crypto/sha256"),
    *("encoding/base64", "encoding/binary", "encoding/csv", "encoding/hex", "encoding/json", "encoding/xml", "errors", "flag", "fmt"),
    *("hash/fnv", "io", "iter", "log", "maps", "math", "math/big", "math/bits", "math/cmplx", "math/rand", "math/rand/v2", "os"),
    *("os/exec", "os/signal", "path", "path/filepath", "reflect", "regexp", "runtime", "slices", "sort", "strconv", "strings", "sync"),
    *("sync/atomic", "text/tabwriter", "text/template", "time", "unicode", "unicode/utf8"),
)

_JS_DEFINES = (
    r"^(?:export\s+)?(?:default\s+)?(?:abstract\s+|async\s+)*"
    r"(?:function(?:\s*\*\s*|\s+)|(?:class|const|let|var|interface|type|enum)\s+)([\w$]+)"
)
_JS_TAKES = r"""(?:\bfrom|\brequire\(|\bimport\(?)\s*["']\.{1,2}/([\w./-]+)["']"""
_C_DEFINES = (
    r"^[A-Za-z_][^\n(){};=#]*[\s*&](\w+)\s*\([^;{}]{0,1000}\)[^;{}()]{0,1000}\{"
    r"|^(?:typedef\s+)?(?:struct|class|enum|union)\s+(\w+)|^\}\s*(\w+)\s*;"
    r"|^#define\s+(\w+)"
)
_C_TAKES = r"""^[ \t]*#include\s*"([\w./-]+)\""""

LANGUAGES = (
    Language(
        *("python", ("python", "py", "python3"), "program.py", Step(("python3", "python"))),
        check=Step(("python3", "python"), ("-I", "-c", _COMPILE, "{file}")),
        packages="pip",
    ),
    # The shell runs the lines before the one that it cannot read, so a check afterwards would not say that nothing was run.
    Language(
        *("sh", ("sh", "bash", "shell"), "script.sh", Step(("bash", "sh"))),
        defines=r"^(?:function\s+)?([A-Za-z_]\w*)\s*\(\)|^function\s+(\w+)|^(?:export\s+|readonly\s+)?([A-Za-z_]\w*)=",
        takes=r"^[ \t]*(?:source|\.)\s+(?:\./)?([\w./-]+\.sh)\b",
        sign=r"^[ \t]*(?:for\s+\w+\s+in\b.*;\s*do\b|while\s.*;\s*do\b|if\s+\[.*\];\s*then\b|(?:for|while|if)\s.*\n[ \t]*(?:do|then)\b)",
    ),
    Language(
        *("javascript", ("javascript", "js", "mjs", "cjs", "node", "nodejs"), "program.js", _NODE, "node:24-slim", 80),
        check=Step(("node",), ("--check", "{file}")),
        comment="//",
        packages="npm",
        defines=_JS_DEFINES,
        takes=_JS_TAKES,
        sign=r"\bconsole\.(?:log|error)\(",
    ),
    Language(
        *("typescript", ("typescript", "ts", "mts", "cts"), "program.ts", Step(("node",), ("--no-warnings", "{file}")), "node:24-slim", 80),
        check=Step(("node",), ("--no-warnings", "-e", _STRIP, "{file}")),
        comment="//",
        packages="npm",
        cannot=_ERASABLE,
        defines=_JS_DEFINES,
        takes=_JS_TAKES,
        sign=r"^(?:export\s+)?(?:const|let|function|async)\b[^\n]*:\s*(?:string|number|boolean|void)\b|\bas\s+(?:string|number|any)\b|^(?:export\s+)?interface\s+\w+\s*\{",
    ),
    Language(
        *("go", ("go", "golang"), "main.go", _BUILT, "golang:1", 300),
        build=Step(("go",), ("build", "-o", BINARY, "{files}")),
        comment="//",
        cannot="Only Go's standard library is here.",
        warm="package main\n" + "".join(f'import _ "{package}"\n' for package in _GO_PACKAGES) + "func main() {}\n",
        cache=".cache/go-build",
        entry=r"func\s+main\s*\(",
        part_header="package main",
        defines=r"^(?:func\s+(?:\([^)\n]*\)\s*)?|type\s+|var\s+|const\s+)(\w+)",
        sign=r"^package main\b",
    ),
    Language(
        *("rust", ("rust", "rs"), "main.rs", _BUILT, "rust:1-slim", 300),
        build=Step(
            ("rustc",),
            ("--edition", "2021", "--crate-name", "program", "-C", "opt-level=1", "-C", "debuginfo=0", "-o", BINARY, "{file}"),
        ),
        comment="//",
        cannot="Only Rust's standard library is here: no crates.",
        entry=r"fn\s+main\s*\(",
        defines=r"^(?:pub(?:\([^)\n]*\))?\s+)?(?:async\s+|unsafe\s+)*(?:fn|struct|enum|trait|type|static|mod|const)\s+(\w+)",
        takes=r"^[ \t]*(?:pub\s+)?mod\s+(\w+)\s*;",
        sign=r"^fn main\(\)\s*(?:->|\{)",
    ),
    Language(
        *("c", ("c", "h"), "main.c", _BUILT, "gcc:15", 500),
        build=Step(("gcc", "cc"), ("-O1", "-std=c17", "-D_GNU_SOURCE", "-I.", "-o", BINARY, "{files}", "-lm", "-pthread")),
        comment="//",
        cannot="Only the C library is here.",
        entry=r"\bmain\s*\(",
        defines=_C_DEFINES,
        takes=_C_TAKES,
        sign=r"^#include\s*<\w+\.h>",
    ),
    Language(
        *("c++", ("c++", "cpp", "cxx", "cc", "hpp"), "main.cpp", _BUILT, "gcc:15", 500),
        build=Step(("g++", "c++"), ("-O1", "-std=c++20", "-I.", "-o", BINARY, "{files}", "-pthread")),
        comment="//",
        cannot="Only the standard library of C++ is here.",
        entry=r"\bmain\s*\(",
        defines=_C_DEFINES,
        takes=_C_TAKES,
        sign=r"^#include\s*<\w+>",
    ),
    Language(
        *("java", ("java",), "Main.java", Step(("java",), ("-XX:MaxRAMPercentage=70", "-XX:-UsePerfData", "-cp", CLASSES, "{main}"))),
        *("eclipse-temurin:21-jdk", 220),
        build=Step(("javac",), ("-J-XX:-UsePerfData", "-encoding", "UTF-8", "-d", CLASSES, "{files}")),
        comment="//",
        cannot="Only Java's own library is here.",
        names=read_java,
        entry=r"\bmain\s*\(",
        part_header="",
        defines=r"^(?:(?:public|final|abstract|sealed|static)\s+)*(?:class|interface|enum|record)\s+(\w+)",
        sign=r"\bpublic\s+static\s+void\s+main\s*\(\s*String\b",
    ),
    Language(
        *("ruby", ("ruby", "rb"), "program.rb", Step(("ruby",)), "ruby:3.4-slim", 75),
        check=Step(("ruby",), ("-c", "{file}")),
        cannot="Only Ruby's standard library is here: no gems.",
        lacks=r"cannot load such file",
        defines=r"^(?:def|class|module)\s+(?:self\.)?(\w+)|^([A-Za-z_]\w*)\s*=(?!=)",
        takes=r"""\brequire_relative\s*(?:\(\s*)?["'](?:\./)?([\w./-]+)["']""",
    ),
    Language(
        *("php", ("php",), "program.php", Step(("php",)), "php:8-cli", 185),
        check=Step(("php",), ("-l", "{file}")),
        comment="//",
        cannot="Only what comes with PHP is here: no composer packages.",
        lacks=r"vendor/autoload\.php|Class \"[\w\\]+\" not found|undefined function",
        defines=r"^(?:abstract\s+|final\s+)*(?:function|class|interface|trait|enum)\s+(\w+)|^\$(\w+)\s*=",
        takes=r"""\b(?:require|include)(?:_once)?\s*(?:\(\s*)?(?:__DIR__\s*\.\s*)?["'](?:\.?/)?([\w./-]+\.php)["']""",
        sign=r"\A\s*<\?php\b",
    ),
    Language(
        *("perl", ("perl", "pl"), "program.pl", Step(("perl",)), "perl:5-slim", 55),
        check=Step(("perl",), ("-c", "{file}")),
        cannot="Only Perl's own modules are here.",
        lacks=r"Can't locate \S+\.pm",
        defines=r"^sub\s+(\w+)|^(?:my|our)\s*(?:\(\s*)?[$@%](\w+)",
        takes=r"""^[ \t]*(?:require|do)\s+["'](?:\./)?([\w./-]+\.p[lm])["']""",
        sign=r"^use strict;",
    ),
    Language(
        *("r", ("r", "rscript"), "program.r", Step(("Rscript",), ("--vanilla", "{file}")), "r-base:4.5.1", 350),
        check=Step(("Rscript",), ("--vanilla", "-e", "invisible(parse(commandArgs(TRUE)[1]))", "{file}")),
        cannot="Only what comes with R is here: no packages.",
        lacks=r"there is no package called",
        defines=r"^([A-Za-z]\w*)\s*(?:<-|=)(?!=)",
        takes=r"""\bsource\(\s*["'](?:\./)?([\w./-]+)["']""",
        sign=r"^\w+\s*<-\s*function\(",
    ),
    Language(
        *("lua", ("lua",), "program.lua", Step(("lua5.4", "lua", "lua5.3", "luajit")), "nickblah/lua:5.4", 50),
        check=Step(("luac5.4", "luac", "luac5.3"), ("-p", "{file}")),
        comment="--",
        cannot="Only Lua's own library is here: no rocks.",
        lacks=r"module '[^']+' not found",
        defines=r"^(?:local\s+)?function\s+(\w+)|^(?:local\s+)?(\w+)\s*=(?!=)",
        takes=r"""\b(?:require|dofile)\s*(?:\(\s*)?["']([\w./-]+)["']""",
    ),
)

BY_NAME: Mapping[str, Language] = {language.name: language for language in LANGUAGES}
ALIASES: Mapping[str, str] = {alias: language.name for language in LANGUAGES for alias in language.aliases}


def find_language(word: str) -> Language | None:
    """Return the language that a fence's word means, in any case, or None."""
    name = ALIASES.get(word.strip().lower())
    return None if name is None else BY_NAME[name]
