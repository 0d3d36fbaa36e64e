"""Reading an answer as one thing in every language: what holds for Python's blocks holds for those of the others."""

from __future__ import annotations

import time

import pytest

from agents.answers.other_code import OtherCode, join_texts, read_other
from agents.answers.reading import read_answer
from sandbox.languages import ALIASES, BY_NAME, LANGUAGES
from tests.language_programs import USAGE
from tests.test_answers import fenced, names, reasons, runs
from utils.code_blocks import Answer


def read(text: str) -> Answer:
    return read_answer(text, ALIASES)


def code(language: str, *lines: str) -> OtherCode:
    found = read_other(language, "\n".join(lines))
    assert found is not None
    return found


def file(name: str, label: str, *lines: str) -> str:
    return f"**{name}**\n\n{fenced(label, *lines)}\n"


def test_there_is_a_usage_example_in_every_language() -> None:
    assert list(USAGE) == [language.name for language in LANGUAGES]


@pytest.mark.parametrize("language", USAGE)
def test_a_usage_example_runs_with_what_it_uses(language: str) -> None:
    defines, uses = USAGE[language]
    answer = read(f"The function:\n\n{fenced(language, defines)}\nUsage:\n\n{fenced(language, uses)}")
    assert len(answer.blocks) == 1
    program = answer.blocks[0].code + "".join(file.text for file in answer.blocks[0].files)
    assert all(line in program for line in [*defines.splitlines(), *uses.splitlines()] if line not in ("<?php", "package main"))
    assert any("they use each other's names" in note or "is compiled into the program" in note for note in answer.notes)


@pytest.mark.parametrize("language", [name for name in USAGE if name != "sh"])
def test_a_part_of_a_program_that_is_shown_again_is_not_run(language: str) -> None:
    whole = "\n".join(USAGE[language])
    excerpt = USAGE[language][0].replace("<?php\n", "")
    indented = "\n".join(f"    {line}" for line in excerpt.splitlines())
    for shown in (excerpt, indented if language != "python" else excerpt, whole):
        answer = read(f"{fenced(language, whole)}\nThis is what counts:\n\n{fenced(language, shown)}")
        assert len(answer.blocks) == 1, shown
        assert reasons(answer) == ["it repeats a part of the program at line 1"], shown


def test_the_commands_of_a_shell_may_be_meant_twice() -> None:
    assert [text for _, text in runs(read(fenced("sh", "echo x >> a") + fenced("sh", "echo x >> a", "cat a")))] == [
        "echo x >> a",
        "echo x >> a\ncat a",
    ]


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("javascript", "const x = 1;\nconsole.log(x);", "let x = 2;\nconsole.log(x + 1);"),
        ("javascript", "const size = 1;\nconsole.log(size);", "console.log([].size, 'size');  // size"),
        ("javascript", "const name = 1;\nconsole.log(name);", "const a = { b: 2 };\nconsole.log(a.name);"),
        ("ruby", "x = 1\nputs x", "x = 2\nputs x"),
        ("lua", "local x = 1\nprint(x)", "local x = 2\nprint(x)"),
        ("c", '#include <stdio.h>\nint main(void) { puts("a"); }', '#include <stdio.h>\nint main(void) { puts("b"); }'),
        ("go", "package main\nfunc main() { println(1) }", "package main\nfunc main() { println(2) }"),
        ("sh", "X=1\necho $X", "X=2\necho $X"),
        ("sh", "NAME=a\necho $NAME", "echo 'a NAME' # NAME"),
    ],
)
def test_programs_that_do_not_need_each_other_run_one_after_the_other(language: str, first: str, second: str) -> None:
    assert runs(read(fenced(language, first) + fenced(language, second))) == [(language, first), (language, second)]


def test_programs_of_two_languages_never_join() -> None:
    answer = read(fenced("python", "total = 1") + fenced("ruby", "puts total"))
    assert [block.language for block in answer.blocks] == ["python", "ruby"]


def test_a_piece_that_no_program_uses_or_that_it_has_itself_is_only_shown() -> None:
    whole = '#include <stdio.h>\nint sq(int x) { return x*x; }\nint main(void) { printf("%d", sq(2)); }'
    answer = read(fenced("c", whole) + "Change it:\n\n" + fenced("c", "int sq(int x) {", "  return x << 1;", "}"))
    assert runs(answer) == [("c", whole)]
    assert reasons(answer) == ["it is a part of a program, not a program"]


def test_pieces_alone_are_run_so_that_the_compiler_says_what_is_missing() -> None:
    assert runs(read(fenced("c", "int f(void) { return 1; }"))) == [("c", "int f(void) { return 1; }")]


def test_what_brings_in_the_same_again_is_joined_once() -> None:
    rust = join_texts("rust", ["use std::fs;\nfn f() {}", "use std::fs;\nfn main() { f(); }"])
    assert rust.count("use std::fs;") == 1
    node = join_texts("javascript", ["const fs = require('fs');\nfunction f() {}", "const fs = require('fs');\nf();"])
    assert node == "const fs = require('fs');\nfunction f() {}\n\nf();\n"
    assert join_texts("php", ["<?php\nfunction f() {}", "<?php\nf();"]) == "<?php\nfunction f() {}\n\nf();\n"


def test_a_second_usage_example_with_the_same_names_gets_a_program_of_its_own() -> None:
    stack = "class Stack {\n  push(x) { this.x = x; }\n}"
    uses = [f"const s = new Stack();\ns.push({number});" for number in (1, 2)]
    answer = read("".join(fenced("javascript", code) for code in (stack, *uses)))
    assert runs(answer) == [("javascript", f"{stack}\n{use}") for use in uses]


APART = {
    "its own parameter": (
        "javascript",
        "const items = [1];\nconsole.log(items);",
        "function f(items) { return items; }\nconsole.log(f(1));",
    ),
    "its own constant in a function": (
        "javascript",
        "const total = 1;\nconsole.log(total);",
        "function f() { const total = 2; return total; }\nf();",
    ),
    "a key": ("javascript", "const sum = 1;\nconsole.log(sum);", "console.log({ sum: 5 });"),
    "a pattern that takes the name": (
        "javascript",
        "const { name } = { name: 1 };\nconsole.log(name);",
        "const [name] = [2];\nconsole.log(name);",
    ),
    "a clash with what it needs": (
        "javascript",
        "const person = { a: 1 };\nconst { a } = person;",
        "const { a, ...rest } = person;\nconsole.log(rest);",
    ),
    "the end of the program": ("javascript", "function f() { return 1; }\nprocess.exit(0);", "console.log(f());"),
    "strict and not": ("javascript", "'use strict';\nconst n = 1;", "m = n;\nconsole.log(m);"),
    "two kinds of modules": ("javascript", "const fs = require('fs');\nconst data = 1;", "import os from 'os';\nconsole.log(data);"),
    "a subroutine of the same name": ("perl", "sub fib { 1 }\nmy $n = 10;\nprint fib($n);", "sub fib { 2 }\nprint fib($n);"),
    "strict Perl and not": ("perl", "use strict;\nmy $n = 1;\nprint $n;", "@n = (1);\nprint $n;"),
    "dead code": ("perl", "my $n = 1;\nexit 0;", "print $n;"),
    "a shell that exits": ("sh", "FILE=a.txt\nif [ ! -f $FILE ]; then exit 1; fi", "cat $FILE"),
    "a shell that stops at errors": ("sh", "set -e\nFILE=a.txt", "grep -c x $FILE"),
    "its own variable in a shell": ("sh", "FILE=a.txt\ncat $FILE", "f() { local FILE=b.txt; cat $FILE; }\nf"),
    "a function again": (
        "php",
        "<?php\nfunction f($n) { return 1; }\n$n = 5;\necho f($n);",
        "<?php\nfunction f($n) { return 2; }\necho f($n);",
    ),
    "a namespace": ("php", "<?php\nnamespace App;\nclass A {}", "<?php\nnew A();"),
    "a class that is opened again": ("ruby", "class Dog; end", "class Dog < Animal; end\nputs Dog"),
    "a block's parameter": ("ruby", "x = 1\nputs x", "[1].each { |x| puts x }"),
    "a loop's variable": ("r", "x <- 1\nprint(x)", "for (x in 1:3) print(x)"),
}


@pytest.mark.parametrize(("language", "first", "second"), APART.values(), ids=APART.keys())
def test_blocks_that_joining_would_change_stay_apart(language: str, first: str, second: str) -> None:
    assert runs(read(fenced(language, first) + fenced(language, second))) == [(language, first), (language, second)]


@pytest.mark.parametrize(
    ("language", "first", "second", "joined"),
    [
        ("php", "<?php\nfunction f() { return 1; }\n?>", "<?php\necho f();", "<?php\nfunction f() { return 1; }\necho f();"),
        (
            "lua",
            "local M = {}\nfunction M.f() return 1 end\nreturn M",
            "print(M.f())",
            "local M = {}\nfunction M.f() return 1 end\nprint(M.f())",
        ),
        (
            "javascript",
            "import {\n  a,\n} from 'node:fs';\nconst n = 1;",
            "import {\n  b,\n} from 'node:os';\nconsole.log(n);",
            "import {\n  a,\n} from 'node:fs';\nconst n = 1;\nimport {\n  b,\n} from 'node:os';\nconsole.log(n);",
        ),
        (
            "c++",
            "int best(vector<int>& p) {\n    return p[0];\n}",
            "#include <vector>\nusing namespace std;\nint main() {\n    vector<int> v{1};\n    return best(v);\n}",
            "#include <vector>\nusing namespace std;\nint best(vector<int>& p) {\n    return p[0];\n}\n"
            "int main() {\n    vector<int> v{1};\n    return best(v);\n}",
        ),
    ],
)
def test_joining_leaves_a_program_that_can_be_read(language: str, first: str, second: str, joined: str) -> None:
    assert runs(read(fenced(language, first) + fenced(language, second))) == [(language, joined)]


@pytest.mark.parametrize(
    ("language", "piece", "program"),
    [
        (
            "c++",
            "int best(int p) {\n    return p;\n}",
            "class Solution {\npublic:\n    int best(int p) { return p; }\n};\nint main() { Solution s; s.best(1); }",
        ),
        ("go", "func worker() {}", "package main\nfunc main() {\n\tworker := 1\n\tprintln(worker)\n}"),
        ("go", "type Stack struct{}\nfunc check() {}", "package main\ntype Stack struct{}\nfunc main() { check() }"),
        (
            "java",
            "class Solution {}",
            "public class Main {\n    static class Solution {}\n    public static void main(String[] a) { new Solution(); }\n}",
        ),
        ("c", "int max(int a, int b) {\n    return a;\n}", "int main(void) {\n    int max = 3;\n    return max;\n}"),
    ],
)
def test_a_piece_of_which_the_program_has_its_own_is_not_compiled_in(language: str, piece: str, program: str) -> None:
    answer = read(fenced(language, piece) + fenced(language, program))
    assert runs(answer) == [(language, program)]
    assert answer.files == ()


def test_a_program_that_is_told_in_steps_is_one_program() -> None:
    steps = [
        "#include <stdio.h>",
        "typedef struct {\n    int x;\n} Point;",
        "int size(Point p) {\n    return p.x;\n}",
        'int main(void) {\n    Point p = { 3 };\n    printf("%d", size(p));\n}',
    ]
    assert runs(read("\nThen:\n\n".join(fenced("c", step) for step in steps))) == [("c", "\n".join(steps))]


def test_a_program_is_not_taken_for_the_header_that_is_not_there() -> None:
    answer = read(fenced("c++", '#include "gumbo.h"\nint f() {\n    return 1;\n}') + fenced("c++", "int main() {\n    return f();\n}"))
    assert answer.files == ()
    assert len(answer.blocks) == 1


def test_the_only_program_is_kept_although_it_leaves_parts_out() -> None:
    header = fenced("c", "#ifndef A_H\n#define A_H\nint f(void);\n#endif")
    answer = read(f"**a.h**\n\n{header}\n**a.c**\n\n{fenced('c', 'int main(void) {', '    // ...', '    return 0;', '}')}")
    assert [block.name for block in answer.blocks] == ["a.c"]


def test_a_piece_of_java_gets_the_imports_of_its_program() -> None:
    piece = "class Lists {\n    static List<Integer> one() { return List.of(1); }\n}"
    program = "import java.util.*;\n\npublic class Main {\n    public static void main(String[] a) { System.out.println(Lists.one()); }\n}"
    (block,) = read(fenced("java", piece) + fenced("java", program)).blocks
    assert [(each.name, each.text) for each in block.files] == [("Lists.java", f"import java.util.*;\n{piece}\n")]


@pytest.mark.parametrize("language", ["javascript", "ruby", "c", "sh", "php"])
def test_a_file_that_comes_again_counts_as_its_last_version(language: str) -> None:
    name = f"work{BY_NAME[language].ending}"
    texts = {
        **{"c": [f"int main(void) {{ return {n}; }}" for n in (1, 0)], "php": [f"<?php\necho {n};" for n in (1, 2)]},
        **{"javascript": ["console.log(1)", "console.log(2)"], "ruby": ["puts 1", "puts 2"], "sh": ["echo 1", "echo 2"]},
    }[language]
    answer = read(file(name, language, texts[0]) + "Better:\n\n" + file(name, language, texts[1]))
    assert runs(answer) == [(language, texts[1])]
    assert [(each.name, each.text) for each in answer.files] == [(name, f"{texts[1]}\n")]
    assert len(reasons(answer)) == 1
    assert reasons(answer)[0].startswith(f"{name} comes again at line ")


@pytest.mark.parametrize(
    ("language", "module", "program", "name"),
    [
        (
            "javascript",
            "function sq(x) { return x * x; }\nmodule.exports = { sq };",
            "const { sq } = require('./lib/sq');\nsq(2);",
            "lib/sq.js",
        ),
        ("javascript", "export const sq = x => x * x;", "import { sq } from './sq.js';\nsq(2);", "sq.js"),
        ("typescript", "export const sq = (x: number) => x * x;", "import { sq } from './sq.ts';\nsq(2);", "sq.ts"),
        ("ruby", "def sq(x) = x * x", "require_relative 'sq'\nputs sq(2)", "sq.rb"),
        ("php", "<?php\nfunction sq($x) { return $x * $x; }", "<?php\nrequire 'sq.php';\necho sq(2);", "sq.php"),
        ("lua", "function sq(x) return x * x end", "require('sq')\nprint(sq(2))", "sq.lua"),
        ("r", "sq <- function(x) x * x", "source('sq.r')\nprint(sq(2))", "sq.r"),
        ("sh", "sq() { echo $(($1 * $1)); }", "source ./sq.sh\nsq 2", "sq.sh"),
        ("c", "int sq(int x);", '#include "sq.h"\nint main(void) { return sq(0); }', "sq.h"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_block_gets_the_name_as_which_another_one_takes_it(language: str, module: str, program: str, name: str, first: bool) -> None:
    blocks = [fenced(language, module), fenced(language, program)]
    answer = read("\nThen:\n\n".join(blocks if first else blocks[::-1]))
    assert runs(answer) == [(language, program)]
    assert [(each.name, each.text) for each in answer.files] == [(name, f"{module}\n")]
    assert answer.notes[0] == f"stored as {name}: {'a later' if first else 'an earlier'} block imports it"


def test_modules_get_the_names_under_which_they_are_wanted() -> None:
    logger, store = "export class Logger {}", "export const openDb = () => 1;"
    program = "import { Logger } from './logger.js';\nimport { openDb } from './db.js';\nnew Logger(); openDb();"
    answer = read(fenced("js", logger) + fenced("js", store) + fenced("js", program))
    assert {each.name: each.text for each in answer.files} == {"logger.js": f"{logger}\n", "db.js": f"{store}\n"}
    ruby = ["class UserStore; end", "class Mailer; end", "require_relative 'user_store'\nrequire_relative 'mailer'\nUserStore.new"]
    answer = read("".join(fenced("ruby", code) for code in ruby))
    assert {each.name: each.text for each in answer.files} == {"user_store.rb": f"{ruby[0]}\n", "mailer.rb": f"{ruby[1]}\n"}


@pytest.mark.parametrize(("label", "shown"), [("js", "app.get('/', f);"), ("js", "function f() { return 2; }")])
def test_a_part_of_a_file_in_another_language_does_not_replace_it(label: str, shown: str) -> None:
    whole = "const app = g();\nfunction f() { return 1; }\napp.get('/', f);"
    answer = read(file("server.js", label, whole) + "In `server.js`:\n\n" + fenced(label, shown))
    assert [(each.name, each.text) for each in answer.files] == [("server.js", f"{whole}\n")]
    assert reasons(answer) == ["it repeats a part of server.js"]


def test_a_test_before_the_module_that_it_imports_finds_it() -> None:
    test = "from shapes import area\nassert area(2) == 4\nprint('ok')"
    answer = read(fenced("python", test) + fenced("python", "def area(r):\n    return r * r"))
    assert runs(answer) == [("python", test)]
    assert names(answer) == ["shapes.py"]


def test_the_ending_that_node_wants_is_added_for_the_answers_own_files() -> None:
    answer = read(
        file("lib/util.js", "js", "export const sq = x => x * x;")
        + file("lib/more.js", "js", "import { sq } from './util';", "export const q = x => sq(sq(x));")
        + file("main.js", "js", 'import { q } from "./lib/more";', "import fs from 'fs';", "import './other';", "console.log(q(2));")
    )
    texts = {each.name: each.text for each in answer.files}
    assert texts["lib/more.js"].startswith("import { sq } from './util.js';\n")
    assert texts["main.js"].startswith("import { q } from \"./lib/more.js\";\nimport fs from 'fs';\nimport './other';\n")
    assert runs(answer)[0][1] + "\n" == texts["main.js"]
    assert "added the ending `.js` where the program imports the answer's files" in answer.notes


def test_what_code_defines_and_needs() -> None:
    node = code("javascript", "class A { b() { return this.c; } }", "const d = `${e}`;", "f('g');  // h", "export async function i() {}")
    assert node.defines == {"A", "d", "i"}
    assert {"e", "f"} <= node.needs
    assert not {"A", "c", "g", "h"} & node.needs
    c = code(
        "c", "static int *find(const char *s, int n)\n{", "    return 0;\n}", "struct Node { int x; };", "#define SIZE 3", "int other(int);"
    )
    assert c.defines == {"find", "Node", "SIZE"}
    assert code("sh", "f() { g; }", "export A=1", "echo \"$B\" '$C'").defines == {"f", "A"}
    assert "B" in code("sh", "echo \"$B\" '$C'").needs
    assert "C" not in code("sh", "echo \"$B\" '$C'").needs


def test_php_without_its_opening_gets_it() -> None:
    answer = read(fenced("php", "echo 1;"))
    assert runs(answer) == [("php", "<?php\necho 1;")]
    assert answer.notes == ("added `<?php` to the program at line 1: without it, PHP prints the program",)
    joined = read(fenced("php", "function f() { return 1; }") + fenced("php", "<?php", "echo f();"))
    assert runs(joined) == [("php", "<?php\nfunction f() { return 1; }\necho f();")]
    for code in ("<?php\necho 1;", "<p>a</p>", "<?= 1 ?>", "a <?= 1 ?>"):
        assert (runs(read(fenced("php", code))), read(fenced("php", code)).notes) == ([("php", code)], ())


def test_what_shows_a_part_of_a_php_program_is_no_program() -> None:
    assert len(runs(read(fenced("php", "<?php", "$a = 1;", "echo $a;", "echo 2;") + fenced("php", "echo $a;")))) == 1


JEST = ("const sum = require('./sum');", "test('adds', () => {", "  expect(sum(1, 2)).toBe(3);", "});")
SUM = file("sum.js", "js", "module.exports = (a, b) => a + b;")


@pytest.mark.parametrize(
    ("label", "name", "code"),
    [
        ("js", "sum.test.js", JEST),
        ("js", "test/sum.spec.js", JEST),
        ("js", "__tests__/sum.js", JEST),
        ("ts", "sum.spec.ts", ("import { describe, it } from 'vitest';", "describe.each([1])('a', () => {});")),
        ("ruby", "sum_spec.rb", ("RSpec.describe Sum do", "end")),
        ("php", "SumTest.php", ("<?php", "use PHPUnit\\Framework\\TestCase;", "class SumTest extends TestCase {}")),
    ],
)
def test_tests_for_a_runner_that_is_not_here_are_stored_and_not_run(label: str, name: str, code: tuple[str, ...]) -> None:
    answer = read(SUM + file(name, label, *code) + fenced("sh", f"npx jest {name}"))
    assert name in [each.name for each in answer.files]
    assert [block.name for block in answer.blocks] == ["sum.js"]
    alone = read(file(name, label, *code))
    assert ([each.name for each in alone.files], alone.blocks) == ([name], ())


@pytest.mark.parametrize(
    "code",
    [
        ("import test from 'node:test';", "test('a', () => {});"),
        ("const { test, describe } = require('node:test');", "test('a', () => {});"),
        ("import { test } from 'uvu';", "test('a', () => {});", "test.run();"),
        ("function test(name, body) { body(); }", "test('a', () => {});"),
        ("console.log(/a/.test('a') ? 1 : 2);",),
        ("const assert = require('assert');", "assert.equal(1, 1);"),
    ],
)
def test_tests_that_node_runs_are_run(code: tuple[str, ...]) -> None:
    answer = read(SUM + file("sum.test.js", "js", *code))
    assert answer.blocks[-1].name == "sum.test.js"


@pytest.mark.parametrize(
    "code",
    [
        "export default function App() {\n  return <p/>;\n}",
        "const App = () => (\n  <div>\n    Don't\n  </div>\n);",
        'function App() {\n  return (\n    <div className="a">1</div>\n  );\n}',
        "root.render(<App />);",
        "const a = <>b</>;",
        "const App = () => <Layout.Main/>;",
    ],
)
def test_jsx_in_a_file_of_javascript_is_a_file(code: str) -> None:
    for label in ("jsx", "js", ""):
        answer = read(f"**src/App.js**\n{fenced(label, code)}")
        assert ([each.name for each in answer.files], answer.blocks) == (["src/App.js"], ()), label


@pytest.mark.parametrize(
    "code",
    [
        "console.log('return <p/> = <b>');",
        "console.log(`\nreturn (<p/>)`);",
        "// return <p/>\nconsole.log(1);",
        "for (let i=0; i <n; i++) { if (a<b ) console.log(i); }",
        "const f = (a, b) => a <b;\nconsole.log(f(1, 2));",
    ],
)
def test_javascript_that_compares_or_writes_html_is_a_program(code: str) -> None:
    assert [block.name for block in read(f"**app.js**\n{fenced('js', code)}").blocks] == ["app.js"]


@pytest.mark.parametrize("language", [language.name for language in LANGUAGES if language.name != "python"])
def test_time_grows_with_the_length_only(language: str) -> None:
    pieces = [
        "x = ",
        "(",
        "a " * 50,
        "{\n",
        "// // ",
        "int f(int a,\n",
        "'",
        '"',
        "/*",
        "$x = ",
        "-- ",
        "package main ",
        "<<A ",
        "use a;\n",
        "#{",
    ]
    started = time.monotonic()
    for piece in pieces:
        for line in (1_900, 20_000):
            text = f"{piece * (line // len(piece))}\n" * (20_000 // line)
            read(fenced(language, text) + fenced(language, f"{text} 1"))
    assert time.monotonic() - started < 60  # a few seconds here; a pattern that goes back and forth takes minutes
