"""Small programs in every language: what each test of the languages runs."""

from __future__ import annotations

from typing import NamedTuple

GREETING = "Grüße, 世界"


class Programs(NamedTuple):
    """One language's programs: a greeting, one that reads a line and says how long it is, one that is no program, one that fails."""

    hello: str
    reads: str  # prints "end" where standard input is at its end
    broken: str
    fails: str  # ends with a status that is not 0
    writes: str  # puts GREETING into from-NAME.txt
    shows: str  # prints the first line of data.txt
    endless: str


def _java(body: str, name: str = "Program") -> str:
    return (
        f"import java.io.*;\nimport java.nio.file.*;\npublic class {name} {{\n"
        f"    public static void main(String[] args) throws Exception {{ {body} }}\n}}\n"
    )


def _go(body: str, *packages: str) -> str:
    imports = "".join(f'import "{package}"\n' for package in packages)
    return f"package main\n\n{imports}\nfunc main() {{\n{body}\n}}\n"


def _rust(body: str) -> str:
    return f'use std::io::{{self, BufRead}};\nuse std::fs;\nfn main() {{ let _ = (io::stdin(), fs::metadata(".")); {body} }}\n'


def _c(body: str) -> str:
    return f"#include <stdio.h>\n#include <stdlib.h>\nint main(void) {{ char line[200]; (void)line; {body} }}\n"


def _cpp(body: str) -> str:
    return f"#include <iostream>\n#include <fstream>\n#include <string>\nint main() {{ std::string line; {body} }}\n"


def _node(body: str) -> str:
    return f'const fs = require("node:fs");\n{body}\n'


PROGRAMS = {
    "python": Programs(
        f"print('{GREETING}')\n",
        "import sys\nprint('end' if not sys.stdin.readline() else 'line')\n",
        "def broken(:\n",
        "raise SystemExit(3)\n",
        f"open('from-python.txt', 'w').write('{GREETING}')\n",
        "print(open('data.txt').readline().strip())\n",
        "while True: pass\n",
    ),
    "sh": Programs(
        f"echo '{GREETING}'\n",
        "if read -r line; then echo line; else echo end; fi\n",
        "if then\n",
        "exit 3\n",
        f"printf '{GREETING}' >from-sh.txt\n",
        "head -n 1 data.txt\n",
        "while :; do :; done\n",
    ),
    "javascript": Programs(
        f"console.log('{GREETING}');\n",
        _node("console.log(fs.readFileSync(0).length === 0 ? 'end' : 'line');"),
        "const = ;\n",
        "throw new Error('no');\n",
        _node(f"fs.writeFileSync('from-javascript.txt', '{GREETING}');"),
        _node("console.log(fs.readFileSync('data.txt', 'utf8').split('\\n')[0]);"),
        "while (true) {}\n",
    ),
    "typescript": Programs(
        f"const words: string = '{GREETING}';\nconsole.log(words);\n",
        "import * as fs from 'node:fs';\nconst n: number = fs.readFileSync(0).length;\nconsole.log(n === 0 ? 'end' : 'line');\n",
        "const x: number = ;\n",
        "const n: number = 1;\nthrow new Error(`no ${n}`);\n",
        f"import * as fs from 'node:fs';\nfs.writeFileSync('from-typescript.txt', '{GREETING}' as string);\n",
        "import * as fs from 'node:fs';\nconsole.log((fs.readFileSync('data.txt', 'utf8') as string).split('\\n')[0]);\n",
        "while (true as boolean) {}\n",
    ),
    "go": Programs(
        _go(f'fmt.Println("{GREETING}")', "fmt"),
        _go('var s string; if _, err := fmt.Scanln(&s); err != nil { fmt.Println("end") } else { fmt.Println("line") }', "fmt"),
        _go("var unused int", "fmt"),
        _go('panic("no")'),
        _go(f'os.WriteFile("from-go.txt", []byte("{GREETING}"), 0o644)', "os"),
        _go('b, _ := os.ReadFile("data.txt"); fmt.Println(strings.Split(string(b), "\\n")[0])', "fmt", "os", "strings"),
        _go("for {}"),
    ),
    "rust": Programs(
        _rust(f'println!("{GREETING}");'),
        _rust(
            'let mut s = String::new(); let n = io::stdin().read_line(&mut s).unwrap(); println!("{}", ["line", "end"][(n == 0) as usize]);'
        ),
        _rust('let x: i32 = "no";'),
        _rust('panic!("no");'),
        _rust(f'fs::write("from-rust.txt", "{GREETING}").unwrap();'),
        _rust('println!("{}", fs::read_to_string("data.txt").unwrap().lines().next().unwrap());'),
        _rust("loop {}"),
    ),
    "c": Programs(
        _c(f'puts("{GREETING}");'),
        _c('puts(fgets(line, sizeof line, stdin) ? "line" : "end");'),
        _c("return undeclared;"),
        _c("return 3;"),
        _c(f'FILE *f = fopen("from-c.txt", "w"); fputs("{GREETING}", f); fclose(f);'),
        _c('FILE *f = fopen("data.txt", "r"); if (fgets(line, sizeof line, f)) fputs(line, stdout);'),
        _c("volatile int on = 1; while (on) {}"),
    ),
    "c++": Programs(
        _cpp(f'std::cout << "{GREETING}\\n";'),
        _cpp('std::cout << (std::getline(std::cin, line) ? "line" : "end") << "\\n";'),
        _cpp("return undeclared;"),
        _cpp('throw std::string("no");'),
        _cpp(f'std::ofstream("from-c++.txt") << "{GREETING}";'),
        _cpp('std::ifstream data("data.txt"); std::getline(data, line); std::cout << line << "\\n";'),
        _cpp("volatile int on = 1; while (on) {}"),
    ),
    "java": Programs(
        _java(f'System.out.println("{GREETING}");', "Hello"),
        _java('System.out.println(System.in.read() < 0 ? "end" : "line");'),
        _java('int x = "no";'),
        _java('throw new IllegalStateException("no");'),
        _java(f'Files.writeString(Path.of("from-java.txt"), "{GREETING}");'),
        _java('System.out.println(Files.readAllLines(Path.of("data.txt")).get(0));'),
        _java("while (args.length == 0) {}"),
    ),
    "ruby": Programs(
        f"puts '{GREETING}'\n",
        "puts STDIN.gets.nil? ? 'end' : 'line'\n",
        "def broken(\n",
        "raise 'no'\n",
        f"File.write('from-ruby.txt', '{GREETING}')\n",
        "puts File.read('data.txt').lines.first\n",
        "loop {}\n",
    ),
    "php": Programs(
        f"<?php echo '{GREETING}', PHP_EOL;\n",
        "<?php echo fgets(STDIN) === false ? 'end' : 'line', PHP_EOL;\n",
        "<?php if (\n",
        "<?php throw new Exception('no');\n",
        f"<?php file_put_contents('from-php.txt', '{GREETING}');\n",
        "<?php echo explode(PHP_EOL, file_get_contents('data.txt'))[0], PHP_EOL;\n",
        "<?php while (true) {}\n",
    ),
    "perl": Programs(
        f"print '{GREETING}', \"\\n\";\n",
        "print defined(<STDIN>) ? 'line' : 'end', \"\\n\";\n",
        "if (\n",
        "die 'no';\n",
        f"open(my $f, '>', 'from-perl.txt') or die; print $f '{GREETING}'; close $f;\n",
        "open(my $f, '<', 'data.txt') or die; my $line = <$f>; print $line;\n",
        "while (1) {}\n",
    ),
    "r": Programs(
        f"cat('{GREETING}\\n')\n",
        "cat(if (length(readLines(file('stdin'), n = 1)) == 0) 'end\\n' else 'line\\n')\n",
        "x <- (\n",
        "stop('no')\n",
        f"cat('{GREETING}', file = 'from-r.txt')\n",
        "cat(readLines('data.txt', n = 1), '\\n', sep = '')\n",
        "while (TRUE) {}\n",
    ),
    "lua": Programs(
        f"print('{GREETING}')\n",
        "print(io.read() == nil and 'end' or 'line')\n",
        "if then\n",
        "error('no')\n",
        f"local f = io.open('from-lua.txt', 'w'); f:write('{GREETING}'); f:close()\n",
        "print(io.open('data.txt'):read('l'))\n",
        "while true do end\n",
    ),
}

USAGE = {
    "python": ("def square(x):\n    return x * x", "print(square(3))"),
    "sh": ("square() { echo $(($1 * $1)); }", "square 3"),
    "javascript": ("function square(x) {\n  return x * x;\n}", "console.log(square(3));"),
    "typescript": ("function square(x: number): number {\n  return x * x;\n}", "console.log(square(3));"),
    "go": (
        "package main\n\nfunc square(x int) int {\n\treturn x * x\n}",
        'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println(square(3))\n}',
    ),
    "rust": ("fn square(x: i32) -> i32 {\n    x * x\n}", 'fn main() {\n    println!("{}", square(3));\n}'),
    "c": ("int square(int x)\n{\n    return x * x;\n}", '#include <stdio.h>\nint main(void)\n{\n    printf("%d\\n", square(3));\n}'),
    "c++": ("int square(int x) {\n    return x * x;\n}", "#include <iostream>\nint main() {\n    std::cout << square(3) << std::endl;\n}"),
    "java": (
        "public class Squares {\n    static int square(int x) {\n        return x * x;\n    }\n}",
        "public class Main {\n    public static void main(String[] args) {\n        System.out.println(Squares.square(3));\n    }\n}",
    ),
    "ruby": ("def square(x)\n  x * x\nend", "puts square(3)"),
    "php": ("<?php\nfunction square($x) {\n    return $x * $x;\n}", "<?php\necho square(3), PHP_EOL;"),
    "perl": ("sub square {\n    my ($x) = @_;\n    return $x * $x;\n}", 'print square(3), "\\n";'),
    "r": ("square <- function(x) {\n  x * x\n}", "print(square(3))"),
    "lua": ("function square(x)\n  return x * x\nend", "print(square(3))"),
}
"""A function in every language, and a second block that prints what it makes of 3."""
