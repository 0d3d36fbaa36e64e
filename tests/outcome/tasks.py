"""The tasks of the outcome bench, each with how it is judged, a right result, and wrong ones that have to be refused.

Tasks with an even number (counted from 0) may be used to choose words for the model; those with an odd number never are, and are what is
reported. Neighbours are of one kind, so that the halves are alike.
"""

from __future__ import annotations

from tests.outcome.checks import Task, number, only, pairs, says, sequence, words
from tests.outcome.file_tasks import FILES

NUMBERS = (
    Task("gcd", "Compute the greatest common divisor of 252 and 105.", number(21), "GCD of 252 and 105: 21\n", ["15", "252", "210"]),
    Task("lcm", "Compute the least common multiple of 12 and 18.", number(36), "LCM: 36\n", ["216", "12 18", "6"]),
    Task(
        "primes",
        "Print all prime numbers below 50.",
        sequence(2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47),
        "Primes below 50: [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]\n",
        ["[2, 3, 5, 7]", "1 2 3 5 7 11 13 17 19 23 29 31 37 41 43 47", "2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 49"],
    ),
    Task(
        "fibonacci",
        "Print the first 12 Fibonacci numbers, beginning with 0.",
        sequence(0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89),
        "0 1 1 2 3 5 8 13 21 34 55 89\n",
        ["0 1 1 2 3 5 8 13 21 34 55", "1 1 2 3 5 8 13 21 34 55 89 144", "0 1 1 2 3 5 8 13 21 34 55 89 144"],
    ),
    Task("digit sum", "What is the sum of the digits of 2**100?", number(115), "115\n", ["1267650600228229401496703205376", "116"]),
    Task("multiples", "What is the sum of all multiples of 3 or 5 below 1000?", number(233168), "Sum: 233168\n", ["234168", "1000"]),
    Task("factorial", "Calculate the factorial of 20.", number(2432902008176640000), "20! = 2432902008176640000\n", ["120", "20"]),
    Task("power", "Calculate 2 to the power of 64.", number(18446744073709551616), "18446744073709551616\n", ["64", "2 64", "4294967296"]),
    Task("perfect", "Find all perfect numbers below 1000.", sequence(6, 28, 496), "[6, 28, 496]\n", ["[1, 6, 28, 496]", "6 28", "[]"]),
    Task(
        "divisors",
        "List all divisors of 84.",
        sequence(1, 2, 3, 4, 6, 7, 12, 14, 21, 28, 42, 84),
        "Divisors of 84: [1, 2, 3, 4, 6, 7, 12, 14, 21, 28, 42, 84]\n",
        ["1 2 3 4 6 7 12 14 21 28 42", "2 3 7", "84"],
    ),
    Task("binary", "Convert the decimal number 202 to binary.", says("11001010", "0b11001010"), "11001010\n", ["202", "1100101", "0xca"]),
    Task(
        "hexadecimal",
        "Convert the decimal number 48879 to hexadecimal.",
        says("beef", "BEEF", "0xbeef", "0xBEEF"),
        "beef\n",
        ["48879", "bee", "0b10"],
    ),
    Task(
        "mean and median",
        "Print the mean and the median of the numbers 3, 1, 4, 1, 5, 9, 2, 6.",
        number(3.875, 3.5),
        "Mean: 3.875\nMedian: 3.5\n",
        ["3.875", "3.5", "Mean: 3.9\nMedian: 4"],
    ),
    Task(
        "deviation",
        "Print the population standard deviation of the numbers 2, 4, 4, 4, 5, 5, 7, 9, 14.",
        number(3.399),
        "Population standard deviation: 3.3993463423951895\n",
        ["3.605551275463989", "11.56", "6"],
    ),
    Task("celsius", "Convert 100 degrees Fahrenheit to Celsius, with two decimals.", number(37.78), "37.78\n", ["212.00", "37", "38"]),
    Task(
        "interest",
        "What do 1000 euros become in 10 years at 5 % interest, compounded yearly?",
        number(1628.89),
        "1628.89\n",
        ["1500", "1000"],
    ),
    Task("hanoi", "How many moves does the Tower of Hanoi with 10 disks take?", number(1023), "1023\n", ["1024", "10", "31"]),
    Task("coins", "In how many ways can 50 cents be paid with coins of 1, 5, 10 and 25 cents?", number(49), "49\n", ["50", "2", "0"]),
)

DATES = (
    Task(
        "date",
        "Which date is 100 days after 2024-01-01?",
        says("2024-04-10", "April 10, 2024", "10 April 2024"),
        "2024-04-10\n",
        ["2024-04-09", "2024-01-01", "100"],
    ),
    Task("weekday", "On which day of the week was 2000-01-01?", says("Saturday"), "Saturday\n", ["Sunday", "5", "2000-01-01"]),
    Task(
        "days between", "How many days are there from 2024-02-01 to 2024-03-01?", number(29), "29\n", ["28", "29 days, 0:00:00\n30", "2024"]
    ),
    Task("leap years", "How many leap years are there from 1900 to 2000, both included?", number(25), "25\n", ["24", "26", "2000"]),
)

TEXT = (
    Task("reverse", "Reverse the string 'hello world'.", says("dlrow olleh"), "dlrow olleh\n", ["hello world", "world hello"]),
    Task(
        "caesar", "Encrypt 'HELLO' with a Caesar cipher that shifts by 3.", says("KHOOR"), "Encrypted: KHOOR\n", ["HELLO", "khoor", "EBIIL"]
    ),
    Task("vowels", "Count the vowels in 'programming language'.", number(7), "Number of vowels: 7\n", ["6", "20", "7 13"]),
    Task("words", "Count the words in 'the quick brown fox jumps over the lazy dog'.", number(9), "9\n", ["8", "43", "{'the': 2}"]),
    Task("letter", "Which letter occurs most often in 'bookkeeper'?", says("e"), "Most common letter: e\n", ["o", "k", "b: 1", "3"]),
    Task(
        "palindrome",
        "Is 'A man a plan a canal Panama' a palindrome? Ignore blanks and case.",
        says("True", "Yes", "yes", "is a palindrome"),
        "True\n",
        ["False", "Panama"],
    ),
    Task(
        "alphabet",
        "Sort the words pear, apple, fig and cherry alphabetically and print them one a line.",
        words("apple", "cherry", "fig", "pear"),
        "apple\ncherry\nfig\npear\n",
        ["pear\napple\nfig\ncherry", "apple\ncherry\nfig", "fig"],
    ),
    Task(
        "by length",
        "Sort the words banana, fig, grape and kiwi by their length, shortest first.",
        words("fig", "kiwi", "grape", "banana"),
        "['fig', 'kiwi', 'grape', 'banana']\n",
        ["banana grape kiwi fig", "banana fig grape kiwi", "fig"],
    ),
    Task(
        "title",
        "Write 'the lord of the rings' in title case.",
        says("The Lord Of The Rings"),
        "The Lord Of The Rings\n",
        ["the lord of the rings"],
    ),
    Task(
        "hash",
        "Print the SHA-256 hash of the text 'hello' in hexadecimal.",
        says("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n",
        ["5d41402abc4b2a76b9719d911017c592", "2cf24dba"],
    ),
    Task(
        "frequencies",
        "Count how often each word occurs in 'red blue red green blue red green'.",
        pairs({"red": 3, "blue": 2, "green": 2}),
        "{'red': 3, 'blue': 2, 'green': 2}\n",
        ["red: 2\nblue: 2\ngreen: 2", "red: 3", "red blue green 3 2 1"],
    ),
    Task(
        "letters",
        "Count how often each letter occurs in 'banana'.",
        pairs({"b": 1, "a": 3, "n": 2}),
        "b: 1\na: 3\nn: 2\n",
        ["b: 1\na: 3", "{'b': 1, 'a': 2, 'n': 2}", "6"],
    ),
)

PROGRAMS = (
    Task(
        "bubble sort",
        "Sort 5, 2, 9, 1 with bubble sort and print the result.",
        sequence(1, 2, 5, 9),
        "[1, 2, 5, 9]\n",
        ["[5, 2, 9, 1]", "1 2 5"],
    ),
    Task(
        "binary search",
        "Write a binary search and print the index of 23 in [3, 8, 12, 16, 19, 20, 23, 38] (the first index is 0).",
        number(6),
        "The index of 23 is 6\n",
        ["7", "-1", "23", "5"],
    ),
    Task(
        "stack",
        "Write a class Stack. Push 1, 2 and 8, pop once, and print only what was popped.",
        only(8),
        "Popped: 8\n",
        ["1", "2", "[1, 2, 8]", "8\n2"],
    ),
    Task(
        "account",
        "Write a class BankAccount. Deposit 100, withdraw 30, and print the balance.",
        number(70),
        "Balance: 70\n",
        ["130", "100", "Deposit: 100", "30"],
    ),
    Task(
        "transpose",
        "Transpose the matrix [[1, 2, 3], [4, 5, 6]] and print it.",
        sequence(1, 4, 2, 5, 3, 6),
        "[[1, 4], [2, 5], [3, 6]]\n",
        ["[[1, 2, 3], [4, 5, 6]]", "[[1, 4], [2, 5]]"],
    ),
    Task(
        "pascal",
        "Print the first 5 rows of Pascal's triangle.",
        sequence(1, 1, 1, 1, 2, 1, 1, 3, 3, 1, 1, 4, 6, 4, 1),
        "[1]\n[1, 1]\n[1, 2, 1]\n[1, 3, 3, 1]\n[1, 4, 6, 4, 1]\n",
        ["1\n1 1\n1 2 1\n1 3 3 1", "5", "1 1 1 1 2 1 1 3 3 1 1 4 6 4 1 1 5 10 10 5 1"],
    ),
    Task(
        "fizzbuzz",
        "Print FizzBuzz for the numbers from 1 to 5.",
        words("1", "2", "Fizz", "4", "Buzz"),
        "1\n2\nFizz\n4\nBuzz\n",
        ["1\n2\nFizz\n4\n5", "1 2 3 4 5", "1\n2\nFizz\n4\nBuzz\nFizz"],
    ),
    Task(
        "collatz",
        "Print the Collatz sequence that begins with 6 and ends with 1.",
        sequence(6, 3, 10, 5, 16, 8, 4, 2, 1),
        "[6, 3, 10, 5, 16, 8, 4, 2, 1]\n",
        ["6 3 10 5 16 8 4 2", "6, 3, 1", "3, 10, 5, 16, 8, 4, 2, 1"],
    ),
)

TASKS = (*NUMBERS, *DATES, *TEXT, *PROGRAMS, *FILES)
