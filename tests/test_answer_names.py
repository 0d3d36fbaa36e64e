"""The names that an answer gives its blocks in its prose, and what is a file although its label names a language that is run."""

from __future__ import annotations

import pytest

from agents.answers.python_code import read_python
from agents.answers.reading import read_answer
from agents.answers.web_pages import IN_THE_PAGE
from agents.answers.written_files import written_files
from sandbox.languages import ALIASES
from tests.test_answers import fenced, names, py, reasons, runs, sh
from utils.code_blocks import Answer

HELPER = "def square(x):\n    return x * x"
USES = "from tools import square\nprint(square(3))"


def read(text: str) -> Answer:
    return read_answer(text, ALIASES)


INTRODUCED = {
    "a heading with a word": "### Helpers (tools.py)",
    "a heading with code": "## The module `tools.py`",
    "a step in bold": "**Step 1: Create `tools.py`**",
    "a word in bold": "**Helper module (`tools.py`):**",
    "an item with the name behind it": "1. **Create the module** `tools.py`",
    "an item with a description": "- `tools.py` – the helpers",
    "here is": "Here's `tools.py`:",
    "contents": "Contents of tools.py:",
    "a file with a name": "Create a file named tools.py with:",
    "in the file": "First, in `tools.py`, add the helper:",
    "this in": "And this in tools.py:",
    "the following code": "Save the following code in a file called tools.py:",
    "bold in a sentence": "The module **tools.py** holds the helper:",
    "a sentence behind the name": "`tools.py`\n\nThis module holds the helper.",
    "two sentences behind the heading": "### `tools.py`\n\nThis module holds the helper.\n\nIt has no state.",
    "a tag": '<file path="tools.py">',
    "a folder": "Put this into `./tools.py`:",
}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("**__init__.py**", "__init__.py"),
        ("`__tests__/a.py`:", "__tests__/a.py"),
        ("__init__.py", "__init__.py"),
        ("_utils.py_", "utils.py"),
        ("__utils.py__:", "utils.py"),
        ("_private.py", "_private.py"),
        ("### __2. utils.py__ (helpers)", "utils.py"),
        ("- `my_own_file.py` - what it is", "my_own_file.py"),
        ("-utils.py", "utils.py"),
        ("### File   name:   `a.py`", "a.py"),
        ("1. **File:** `a.py`", "a.py"),
    ],
)
def test_a_name_keeps_the_underlines_that_are_its_own(line: str, name: str) -> None:
    assert [file.name for file in read_answer(f"{line}\n\n```python\nprint(1)\n```\n", ALIASES).files] == [name]


@pytest.mark.parametrize("before", INTRODUCED.values(), ids=INTRODUCED.keys())
def test_the_prose_before_a_block_names_it(before: str) -> None:
    answer = read(f"{before}\n\n{py(HELPER)}\n**main.py**\n\n{py(USES)}")
    assert names(answer) == ["tools.py", "main.py"]
    assert runs(answer) == [("python", USES)]
    assert answer.notes == ("stored beside the program: tools.py; main.py is run",)


@pytest.mark.parametrize(
    ("before", "label", "text", "name"),
    [
        ("Contents of config.json:", "json", "{}", "config.json"),
        ("Here's `index.html`:", "html", "<p>Hi</p>", "index.html"),
        ("### Template (templates/index.html)", "html", "<p>Hi</p>", "templates/index.html"),
        ("Example `data.csv`:", "csv", "a,b\n1,2", "data.csv"),
        ("Suppose we have a file `data.csv` with this content:", "", "a,b\n1,2", "data.csv"),
        ("The input file `words.txt` looks like this:", "text", "one\ntwo", "words.txt"),
        ("It reads `data.csv`:", "csv", "a,b", "data.csv"),
        ("And a `Dockerfile`:", "dockerfile", "FROM x", "Dockerfile"),
        ("Styles go into `static/style.css`:", "css", "p {}", "static/style.css"),
        ("Your `docker-compose.yml` might look like this:", "yaml", "a: 1", "docker-compose.yml"),
        ("Add `schema.sql`:", "sql", "SELECT 1;", "schema.sql"),
    ],
)
def test_a_sentence_names_a_file_of_data(before: str, label: str, text: str, name: str) -> None:
    answer = read(f"{before}\n\n{fenced(label, text)}\nThe program:\n\n{py(f'print(open({name!r}).read())')}")
    assert [(file.name, file.text) for file in answer.files] == [(name, f"{text}\n")]
    assert answer.skipped == ()


@pytest.mark.parametrize(
    ("before", "block"),
    [
        ("Use `tools.py` like this:", py("import tools", "print(tools.square(2))")),  # a block is not what it imports
        ("The program creates `out.json`:", fenced("json", "[1]")),
        ("which writes `out.txt` with this text:", fenced("", "1")),
        ("Running `main.py` prints:", fenced("", "1 2 3")),
        ("Compare `a.py` with `b.py`:", py("X = 1")),
        ("The file tools.py is imported here. It is described below.", py("X = 1")),
        ("See https://example.com/tools.py:", py("X = 1")),
        ("Call `tools.py()`:", py("X = 1")),
        ("Ask me@tools.py:", py("X = 1")),
        ("Install it for Node.js:", fenced("javascript", "let x = 1")),
        ("Here is a bot for Discord.js v14:", fenced("javascript", "let x = 1")),
        ("A script for Godot Engine 3.x:", fenced("", "extends Node")),
        ("Then look at package.json:", fenced("", "const { a } = b;")),
        ("Add this to `package.json`:", fenced("json", '"scripts": { "start": "node ." }')),
        ("The log of `main.py`:", fenced("log", "started")),
        ("A `config.yaml` for it:", fenced("json", "{}")),
    ],
)
def test_a_sentence_that_names_no_file_that_is_given(before: str, block: str) -> None:
    assert names(read(f"{before}\n\n{block}")) == []


def test_commands_between_a_name_and_its_block_do_not_hide_it() -> None:
    for commands in (sh("pip install rich"), sh("mkdir app && cd app", "python -m venv .venv")):
        answer = read(f"**app.py**\n\nInstall this first:\n\n{commands}\n{py('import rich', 'print(1)')}")
        assert names(answer) == ["app.py"]
    answer = read(f"**one.py**\n\n{sh('ls > x.txt')}\n{py('print(1)')}")
    assert names(answer) == []


# --- Files with the label of a language that is run -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "label", "text"),
    [
        (".env", "bash", "API_KEY=abc\nDEBUG=1"),
        (".env", "sh", "export API_KEY=abc"),
        (".env.example", "bash", "API_KEY="),
        (".env", "python", "API_KEY='abc'"),
        ("requirements.txt", "bash", "rich\nnumpy==1.26"),
        ("requirements.txt", "python", "rich"),
        (".gitignore", "bash", "*.pyc\n.venv/"),
        ("Dockerfile", "bash", "FROM python:3.12\nCOPY . ."),
        ("run.bat", "bash", "@echo off\npython main.py"),
        ("settings.ini", "python", "[main]\nsize = 3 cm"),
        ("rows.csv", "python", "a,b\n1,2"),
        ("package.json", "javascript", '{"type": "module"}'),
        ("src/App.jsx", "javascript", "export default function App() { return <p/>; }"),
        ("src/App.tsx", "typescript", "export const App = () => <p/>;"),
        ("App.vue", "javascript", "<template></template>"),
    ],
)
@pytest.mark.parametrize("before", ["**{}**", "`{}`:", "### {}"])
def test_a_file_in_the_colours_of_a_language_is_stored_and_not_run(name: str, label: str, text: str, before: str) -> None:
    answer = read(f"{before.format(name)}\n\n{fenced(label, text)}\n**main.py**\n\n{py('print(1)')}")
    assert [file.name for file in answer.files] == [name, "main.py"]
    assert answer.files[0].text.strip() == text
    assert runs(answer) == [("python", "print(1)")]


@pytest.mark.parametrize(
    ("name", "label", "text"),
    [
        ("requirements.txt", "bash", "pip install -r requirements.txt"),
        ("data.csv", "python", "import csv\nprint(1)"),
        ("Dockerfile", "bash", "docker build -t x .\necho done > log.txt"),
        ("words.txt", "bash", "sort words.txt | uniq -c"),
        ("config.json", "javascript", "console.log(1)"),
        (".env", "bash", "cat .env"),
        ("out.txt", "bash", "for i in 1 2; do echo $i; done > o"),
    ],
)
def test_commands_under_the_name_of_a_file_are_still_a_program(name: str, label: str, text: str) -> None:
    answer = read(f"**{name}**\n\n{fenced(label, text)}")
    assert names(answer) == []
    assert [code for _, code in runs(answer)] == [text]


@pytest.mark.parametrize(
    ("name", "label", "language"),
    [("main.cpp", "c", "c++"), ("main.ts", "javascript", "typescript"), ("lib.h", "cpp", "c++"), ("a.mjs", "js", "javascript")],
)
def test_the_name_decides_between_languages_that_are_relatives(name: str, label: str, language: str) -> None:
    assert [block.language for block in read(f"**{name}**\n\n{fenced(label, 'int x;')}").blocks] == [language]


# --- Files that show what a program writes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "open('out.txt', 'w').write('3')",
        "with open('out.txt', mode='w') as file:\n    file.write('3')",
        "from pathlib import Path\nPath('out.txt').write_text('3')",
        "from pathlib import Path\nPath('out.txt').open('w').write('3')",
        "NAME = 'out.txt'\nwith open(NAME, 'a') as file:\n    file.write('3')",
        "import numpy as np\nnp.savetxt('out.txt', [3])",
        "import pandas as pd\npd.DataFrame().to_csv('data/out.txt')",
        "import os\nwith open(os.path.join('data', 'out.txt'), 'w') as file:\n    file.write('3')",
        "from pathlib import Path\nOUT = Path('data') / 'out.txt'\nOUT.write_text('3')",
        "from pathlib import Path\nOUT = Path('out.txt')\nwith OUT.open('w') as file:\n    file.write('3')",
    ],
)
def test_a_block_that_shows_what_the_program_writes_is_not_stored(code: str) -> None:
    answer = read(f"{py(code)}\nout.txt:\n\n{fenced('', '3')}")
    assert names(answer) == []
    assert reasons(answer) == ["it shows out.txt, which the program writes"]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("javascript", "require('fs').writeFileSync('out.txt', '3');"),
        ("ruby", "File.write('data/out.txt', '3')"),
        ("php", "<?php\nfile_put_contents('out.txt', '3');"),
        ("c", '#include <stdio.h>\nint main(void) { FILE *f = fopen("out.txt", "w"); fclose(f); }'),
        ("go", 'package main\nimport "os"\nfunc main() { os.WriteFile("out.txt", nil, 0644) }'),
        ("sh", "seq 3 > out.txt"),
    ],
)
def test_what_a_program_in_another_language_writes_is_not_stored(language: str, code: str) -> None:
    shown = f"\nout.txt:\n\n{fenced('', '3')}"
    assert names(read(f"{fenced(language, code)}{shown}")) == []
    assert names(read(f"{fenced(language, code.replace('out.txt', 'other.txt'))}{shown}")) == ["out.txt"]


@pytest.mark.parametrize(
    "code",
    [
        "print(open('out.txt').read())",
        "import os\nif os.path.exists('out.txt'):\n    print(1)\nopen('out.txt', 'w').write('3')",  # it goes on from what is there
        "open('other.txt', 'w').write('out.txt')",
        "import pandas as pd\nprint(pd.read_csv('out.txt'))",
        "open('out.txt', 'r+').write('3')",
        "def write_summary(source, target):\n    pass\nwrite_summary('out.txt', 'x.txt')",
    ],
)
def test_a_file_that_the_program_reads_is_stored(code: str) -> None:
    assert names(read(f"{py(code)}\nout.txt:\n\n{fenced('', '3')}")) == ["out.txt"]
    parsed = read_python(code)
    assert parsed is not None
    assert "out.txt" not in written_files(parsed)


# --- Web pages -------------------------------------------------------------------------------------------------------------------

PAGE = fenced("html", "<!DOCTYPE html>", '<link rel="stylesheet" href="style.css">', "<p id=t></p>", "<script src='./script.js'></script>")
SCRIPT = fenced("javascript", "document.getElementById('t').textContent = 'Hi';")
STYLE = fenced("css", "p { color: red }")


@pytest.mark.parametrize(
    "text",
    [
        f"**index.html**\n\n{PAGE}\n**style.css**\n\n{STYLE}\n**script.js**\n\n{SCRIPT}",
        f"### HTML (index.html)\n{PAGE}\n### CSS (style.css)\n{STYLE}\n### JavaScript (script.js)\n{SCRIPT}",
        f"HTML:\n\n{PAGE}\nCSS:\n\n{STYLE}\nJavaScript:\n\n{SCRIPT}",
    ],
)
def test_a_web_page_is_stored_with_what_it_refers_to_and_nothing_of_it_is_run(text: str) -> None:
    answer = read(text)
    assert answer.blocks == ()
    assert names(answer) == ["index.html", "style.css", "script.js"]
    assert reasons(answer) == [IN_THE_PAGE]


def test_the_modules_of_a_page_belong_to_it() -> None:
    page = "**web/index.html**\n\n" + fenced("html", '<script type="module" src="/app.js"></script>')
    app = "**web/app.js**\n\n" + fenced("js", "import { f } from './lib.js';", "f();")
    lib = "**web/lib.js**\n\n" + fenced("js", "export const f = () => 1;")
    server = "**server.js**\n\n" + fenced("js", "require('http').createServer(); console.log(1);")
    answer = read(page + app + lib + server)
    assert [block.name for block in answer.blocks] == ["server.js"]
    assert names(answer) == ["web/index.html", "web/app.js", "web/lib.js", "server.js"]


def test_a_server_with_templates_is_run_and_its_scripts_are_not() -> None:
    answer = read(
        f"### Backend (app.py)\n\n{py('from flask import Flask', 'app = Flask(__name__)', 'app.run()')}\n"
        f"### Page (templates/index.html)\n\n{PAGE}\n### Script (static/script.js)\n\n{SCRIPT}\n{sh('python app.py')}"
    )
    assert [block.name for block in answer.blocks] == ["app.py"]
    assert [file.name for file in answer.blocks[0].files] == ["templates/index.html", "static/script.js"]


@pytest.mark.parametrize(
    "script",
    [
        "console.log(1);",
        "const fs = require('fs');\nfs.writeFileSync('x.html', 'document.title');",
        "import { JSDOM } from 'jsdom';\nwindow.x = 1;",
    ],
)
def test_a_program_beside_a_page_that_does_not_load_it_is_run(script: str) -> None:
    answer = read(f"**index.html**\n\n{fenced('html', '<p>Hi</p>')}\n{fenced('javascript', script)}")
    assert [block.language for block in answer.blocks] == ["javascript"]


def test_a_page_without_a_name_is_stored_with_its_scripts() -> None:
    page = fenced("html", '<p id="t"></p>', "<script>start()</script>")
    assert names(read(f"{page}\n**script.js**\n\n{SCRIPT}")) == ["index.html", "script.js"]
    assert names(read(page)) == []


def test_scripts_of_other_sites_and_two_candidates_give_no_names() -> None:
    page = fenced("html", '<script src="https://cdn.example/script.js"></script>', '<script src="//cdn.example/b.js"></script>')
    assert names(read(page + SCRIPT)) == []
    assert names(read(PAGE + fenced("js", "let a = 1;") + fenced("js", "let b = 1;"))) == []
