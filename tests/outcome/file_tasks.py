"""The tasks whose result is a file, needs a package, another language, feedback, or a second attempt; see tasks.py."""

from __future__ import annotations

import io
import re
import sqlite3
import struct
import zipfile
import zlib
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.outcome.checks import (
    Result,
    Task,
    both,
    database,
    file,
    json_file,
    number,
    pairs,
    picture,
    rows,
    sequence,
    xml,
    zip_file,
)


def png(width: int, height: int, *colours: tuple[int, int, int]) -> bytes:
    """Draw a PNG whose columns take turns between the colours."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    line = b"\0" + b"".join(bytes(colours[column % len(colours)]) for column in range(width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(line * height)) + part(b"IEND", b"")


def packed(texts: dict[str, str]) -> bytes:
    """Make a ZIP archive of these texts."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return data.getvalue()


def stored(*statements: str) -> bytes:
    """Make an SQLite database by these statements."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.db"
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return path.read_bytes()


WHITE, BLACK, RED, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)
BLANK = png(640, 480, WHITE)
DRAWN = png(640, 480, WHITE, BLACK, BLUE)
_FRUIT = ["Fruit", "apple", "pear", "cherry"]
_CITIES = "CREATE TABLE cities (name TEXT, population INTEGER)"

FILES = (
    Task(
        "squares file",
        "Write the numbers from 1 to 5 and their squares into squares.csv, with the header number,square.",
        rows("squares.csv", ["number", "square"], *([str(n), str(n * n)] for n in range(1, 6))),
        Result("", {"squares.csv": b"number,square\r\n1,1\r\n2,4\r\n3,9\r\n4,16\r\n5,25\r\n"}),
        [
            Result("number,square\n1,1"),
            Result("", {"squares.csv": b"1,1\n2,4\n3,9\n4,16\n5,25\n"}),
            Result("", {"squares.csv": b"number,square"}),
        ],
    ),
    Task(
        "cubes file",
        "Write the numbers from 1 to 4 and their cubes into cubes.csv, with the header number,cube.",
        rows("cubes.csv", ["number", "cube"], *([str(n), str(n**3)] for n in range(1, 5))),
        Result("", {"cubes.csv": b"number,cube\n1,1\n2,8\n3,27\n4,64\n"}),
        [
            Result("1,1"),
            Result("", {"cubes.csv": b"number,cube\n1,1\n2,4\n3,9\n4,16\n"}),
            Result("", {"cube.csv": b"number,cube\n1,1\n2,8\n3,27\n4,64\n"}),
        ],
    ),
    Task(
        "json object",
        'Write a JSON file person.json with the name "Ada" and the year of birth (key "born") 1815.',
        json_file("person.json", {"name": "Ada", "born": 1815}),
        Result("", {"person.json": b'{"name": "Ada", "born": 1815}'}),
        [
            Result('{"name": "Ada", "born": 1815}'),
            Result("", {"person.json": b"{'name': 'Ada', 'born': 1815}"}),
            Result("", {"person.json": b"{}"}),
        ],
    ),
    Task(
        "json list",
        "Write the first five prime numbers as a JSON list into primes.json.",
        json_file("primes.json", [2, 3, 5, 7, 11]),
        Result("", {"primes.json": b"[2, 3, 5, 7, 11]"}),
        [Result("[2, 3, 5, 7, 11]"), Result("", {"primes.json": b"[1, 2, 3, 5, 7]"}), Result("", {"primes.json": b"2 3 5 7 11"})],
    ),
    Task(
        "text file",
        "Write the words red, green and blue into colors.txt, one a line.",
        file("colors.txt", lambda text: text.split("\n") == ["red", "green", "blue"]),
        Result("", {"colors.txt": b"red\ngreen\nblue\n"}),
        ["red\ngreen\nblue", Result("", {"colors.txt": b"red green blue"}), Result("", {"colors.txt": b"red\ngreen\n"})],
    ),
    Task(
        "numbers file",
        "Write the numbers from 1 to 100 into numbers.txt, one a line, and print their sum.",
        both(file("numbers.txt", lambda text: text.split("\n") == [str(n) for n in range(1, 101)]), number(5050)),
        Result("Sum: 5050\n", {"numbers.txt": "\n".join(map(str, range(1, 101))).encode()}),
        ["5050", Result("4950", {"numbers.txt": "\n".join(map(str, range(1, 101))).encode()}), Result("5050", {"numbers.txt": b"1\n2\n"})],
    ),
    Task(
        "web page",
        "Make a web page fruit.html with the heading (h1) Fruit and a list of apple, pear and cherry.",
        file("fruit.html", lambda text: [*re.findall(r"<h1[^>]*>\s*(\w+)", text), *re.findall(r"<li[^>]*>\s*(\w+)", text)] == _FRUIT),
        Result("", {"fruit.html": b"<h1>Fruit</h1>\n<ul><li>apple</li><li>pear</li><li>cherry</li></ul>"}),
        ["<h1>Fruit</h1>", Result("", {"fruit.html": b"<h1>Fruit</h1>apple, pear, cherry"}), Result("", {"fruit.html": b"Fruit"})],
    ),
    Task(
        "xml",
        "Write an XML file books.xml: the root books holds two elements book with the texts Emma and Ulysses.",
        xml(
            "books.xml",
            "books",
            lambda root: [(each.tag, (each.text or "").strip()) for each in root] == [("book", "Emma"), ("book", "Ulysses")],
        ),
        Result("", {"books.xml": b"<books><book>Emma</book><book>Ulysses</book></books>"}),
        [Result("", {"books.xml": b"<books><book>Emma</book></books>"}), Result("", {"books.xml": b"<books>"}), "<books/>"],
    ),
    Task(
        "zip",
        "Write 'pack me' into notes.txt and pack that file into notes.zip.",
        zip_file("notes.zip", {"notes.txt": "pack me"}),
        Result("", {"notes.zip": packed({"notes.txt": "pack me"})}),
        [Result("", {"notes.zip": b"PK"}), Result("", {"notes.txt": b"pack me"}), Result("", {"notes.zip": packed({"notes.txt": ""})})],
    ),
    Task(
        "database",
        "Make an SQLite database cities.db with a table cities (name, population), and put Oslo 700000 and Rome 2800000 into it.",
        database("cities.db", "SELECT name, population FROM cities", ("Oslo", 700000), ("Rome", 2800000)),
        Result("", {"cities.db": stored(_CITIES, "INSERT INTO cities VALUES ('Rome', 2800000), ('Oslo', 700000)")}),
        ["Oslo 700000\nRome 2800000", Result("", {"cities.db": stored(_CITIES)}), Result("", {"cities.db": b"SQLite format 3\0"})],
    ),
    Task(
        "sine",
        "With matplotlib, plot sin(x) for x from 0 to 10 and save the plot as sine.png.",
        picture("sine.png"),
        Result("", {"sine.png": DRAWN}),
        [Result("", {"sine.png": BLANK}), Result("", {"sine.png": DRAWN[:40]}), Result("", {"plot.png": DRAWN})],
    ),
    Task(
        "bars",
        "With matplotlib, draw a bar chart of apples 3, pears 5 and plums 2, and save it as bars.png.",
        picture("bars.png"),
        Result("", {"bars.png": DRAWN}),
        [Result("", {"bars.png": BLANK}), Result("", {"bars.png": b"GIF89a"}), "saved"],
    ),
    Task(
        "red square",
        "With Pillow, make a picture of 60 by 60 pixels, all of it red (255, 0, 0), and save it as red.png.",
        picture("red.png", (60, 60), RED),
        Result("", {"red.png": png(60, 60, RED)}),
        [
            Result("", {"red.png": png(60, 60, BLUE)}),
            Result("", {"red.png": png(60, 50, RED)}),
            Result("", {"red.png": png(60, 60, RED, BLACK)}),
        ],
    ),
    Task(
        "blue picture",
        "With Pillow, make a picture 80 pixels wide and 40 high, all of it blue (0, 0, 255), and save it as blue.png.",
        picture("blue.png", (80, 40), BLUE),
        Result("", {"blue.png": png(80, 40, BLUE)}),
        [Result("", {"blue.png": png(40, 80, BLUE)}), Result("", {"blue.png": png(80, 40, RED)}), Result("", {"blue.png": b""})],
    ),
    Task(
        "numpy equations",
        "With numpy, solve 2x + y = 5 and x - 3y = -1. Print x and y.",
        number(2, 1),
        "x = 2.0\ny = 1.0\n",
        ["x = 1.0\ny = 2.0", "2.0", "[2.0, -1.0]"],
    ),
    Task(
        "numpy determinant",
        "With numpy, print the determinant of the matrix [[4, 3], [6, 8]].",
        number(14),
        "14.000000000000004\n",
        ["50.0", "-14.0", "[[4 3]\n [6 8]]"],
    ),
    Task(
        "pandas sums",
        "With pandas, print the sum of the sales for each shop: north 10, south 20, north 5, south 3.",
        pairs({"north": 15, "south": 23}),
        "shop\nnorth    15\nsouth    23\nName: sales, dtype: int64\n",
        ["north 10\nsouth 20\nnorth 5\nsouth 3", "38", "north 15"],
    ),
    Task(
        "pandas means",
        "With pandas, print the mean temperature of each city: Rome 20, Oslo 4, Rome 35, Oslo 8.",
        pairs({"Rome": 27.5, "Oslo": 6}),
        "city\nOslo     6.0\nRome    27.5\nName: temperature, dtype: float64\n",
        ["15.5", "Rome 20\nOslo 4\nRome 35\nOslo 8", "Oslo 12\nRome 55"],
    ),
    Task(
        "bash count",
        "Write a Bash script that prints the numbers from 1 to 5.",
        sequence(1, 2, 3, 4, 5),
        "1\n2\n3\n4\n5\n",
        ["1 2 3 4", "5", "1..5"],
    ),
    Task(
        "bash file",
        "Write a Bash script that writes 'first' and 'second' into list.txt, one a line, and prints how many lines the file has.",
        both(file("list.txt", lambda text: text.split("\n") == ["first", "second"]), number(2)),
        Result("2 list.txt\n", {"list.txt": b"first\nsecond\n"}),
        ["2", Result("2", {"list.txt": b"first second"}), Result("1", {"list.txt": b"first\nsecond\n"})],
    ),
    Task(
        "change of mind",
        "Write the first 5 square numbers into squares.txt, one a line.",
        file("cubes.txt", lambda text: text.split("\n") == ["1", "8", "27", "64", "125"]),
        Result("", {"squares.txt": b"1\n4\n9\n16\n25\n", "cubes.txt": b"1\n8\n27\n64\n125\n"}),
        [Result("", {"squares.txt": b"1\n4\n9\n16\n25\n"}), Result("", {"cubes.txt": b"1\n4\n9\n16\n25\n"}), "1 8 27 64 125"],
        feedback="Write the first 5 cube numbers instead, into cubes.txt.",
    ),
    Task(
        "capitals",
        "Write 'good morning' into greeting.txt.",
        file("greeting.txt", lambda text: text == "GOOD MORNING"),
        Result("", {"greeting.txt": b"GOOD MORNING\n"}),
        [Result("", {"greeting.txt": b"good morning"}), Result("", {"greeting.txt": b"Good Morning"}), "GOOD MORNING"],
        feedback="Write it in capital letters.",
    ),
    Task(
        "broken import",
        "Run this program. If it fails, correct it and run it again:\n\n```python\nfrom collections import Iterable\n\n"
        "print(sum(range(1, 14)) if isinstance([1], Iterable) else 0)\n```",
        number(91),
        "91\n",
        ["0", "ImportError: cannot import name 'Iterable' from 'collections'", "105"],
    ),
    Task(
        "broken sum",
        "Run this program. If it fails, correct it and run it again:\n\n```python\nvalues = ['4', '8', '15']\n"
        "print('total: ' + sum(values))\n```",
        number(27),
        "total: 27\n",
        ["total: 4815", "TypeError: unsupported operand type(s) for +: 'int' and 'str'", "total:"],
    ),
)
