"""The names that programs get."""

from __future__ import annotations

import re

import pytest

from teams.naming import fitting_name

FACTORIAL = "def factorial(number):\n    return 1 if number < 2 else number * factorial(number - 1)\n\nprint(factorial(5))\n"


@pytest.mark.parametrize(
    ("task", "program", "name"),
    [
        ("Write a Python function to calculate the factorial of a number.", FACTORIAL, "factorial.py"),
        ("Write a Python function to calculate the factorial of a number.", "print(120)", "factorial.py"),
        ("Print the first ten primes.", "def is_prime(n): ...\ndef main(): ...\n", "is_prime.py"),
        ("Sum the sales per month and draw a chart", "class SalesChart:\n    pass\n", "sales_chart.py"),
        ("Sum the sales per month and draw a chart", "print(1)", "sum_sales_month.py"),
        ("anything", "# filename: tools/Sort It.py\nprint(1)", "sort-it.py"),
        ("anything at all", "# filename: ../../evil.py\nprint(1)", "program.py"),
        ("Schreibe ein Primzahlensieb für mich", "pass", "schreibe_ein_primzahlensieb.py"),
        ("Print the squares of 1 to 5, one per line.", "print(1)", "squares.py"),
        ("Print the average temperature of each city.", "print(1)", "average_temperature_city.py"),
        ("Write a long program that plays tic-tac-toe against itself", "print(1)", "plays_tic_tac_toe.py"),
        ("Write a long program that plays tic-tac-toe against itself", "class TicTacToe: ...", "tic_tac_toe.py"),
        ("Fibonacci\u2019s numbers, and don't recurse", "print(1)", "fibonacci_recurse.py"),
        ("What is the 100th prime?", "print(1)", "prime.py"),
        ("Plot sin(x) until x is 10", "print(1)", "plot_sin.py"),
        (f"Decode {'q' * 50} twice", "print(1)", "decode.py"),
        ("", "", "program.py"),
        ("计算阶乘", "print(1)", "program.py"),
        ("go", "def main(): ...", "program.py"),
    ],
)
def test_the_name_says_what_the_program_does(task: str, program: str, name: str) -> None:
    assert fitting_name(task, program) == name


def test_the_ending_is_the_languages() -> None:
    assert fitting_name("count the files", "ls | wc -l", "sh") == "count_files.sh"
    assert fitting_name("count the files", "?", "a language of nobody") == "count_files"


@pytest.mark.parametrize("task", ["x" * 5000, "../../etc/passwd", "a\0b\n\u202ec", "rm -rf /; $(reboot)", "word " * 900])
def test_a_name_is_always_safe(task: str) -> None:
    for program in ("", f"def {task[:90]}(): ...", f"# filename: {task}"):
        assert re.fullmatch(r"[a-z0-9_-]{1,40}\.[A-Za-z0-9]{1,8}", fitting_name(task, program))
