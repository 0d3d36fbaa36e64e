"""The scenes of the demo: what the user types, and what the scripted model answers."""

from __future__ import annotations

from dataclasses import dataclass

from utils.words import APPROVE


@dataclass(frozen=True)
class Scene:
    """A task, what the user says after it, and the model's answers in order."""

    task: str
    replies: tuple[str, ...]
    answers: tuple[str, ...]


_FACTORIAL = '''\
A recursive function is the shortest way to say it:

```python
def factorial(number: int) -> int:
    """Return number! for a number that is not negative."""
    if number < 0:
        raise ValueError("the factorial of a negative number is not defined")
    return 1 if number < 2 else number * factorial(number - 1)


print(f"factorial(5) = {factorial(5)}")
```
'''

_AVERAGES_WRONG = """\
I group the readings by city and divide each sum by the number of readings:

```python
readings = {"Oslo": [3.1, 4.4, 2.9], "Rome": [15.2, 16.8], "Cairo": []}

for city, values in readings.items():
    print(f"{city}: {sum(values) / len(values):.1f}")
```
"""

_AVERAGES_RIGHT = """\
Cairo has no readings, so the program divided by zero. Now a city without readings is reported as such:

```python
readings = {"Oslo": [3.1, 4.4, 2.9], "Rome": [15.2, 16.8], "Cairo": []}

for city, values in readings.items():
    average = f"{sum(values) / len(values):.1f}" if values else "no readings"
    print(f"{city}: {average}")
```
"""

_SQUARES = """\
```python
for number in range(1, 6):
    print(f"{number} squared is {number**2}")
```
"""

_SQUARES_TABLE = """\
Now as a table, with the cubes beside the squares, and kept in a file:

```python
rows = [f"{number:>6} {number**2:>6} {number**3:>6}" for number in range(1, 6)]
table = "\\n".join([f"{'number':>6} {'square':>6} {'cube':>6}", *rows])
print(table)

with open("table.txt", "w") as file:
    file.write(table + "\\n")
```
"""

SCENES = (
    Scene("Write a Python function to calculate the factorial of a number.", (APPROVE,), (_FACTORIAL,)),
    Scene("Print the average temperature of each city.", (APPROVE,), (_AVERAGES_WRONG, _AVERAGES_RIGHT)),
    Scene("Print the squares of the numbers from 1 to 5.", ("Add the cubes, as a table.", APPROVE), (_SQUARES, _SQUARES_TABLE)),
)
