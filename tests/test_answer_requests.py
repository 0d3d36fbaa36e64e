"""No answer is paid for twice because of its form: for each form, how many requests the task costs and what is run."""

from __future__ import annotations

import pytest

from tests.endpoint_protocols import Answer
from tests.fakes import ListedRuns, program, team_of

PRINT = "import math\nprint(math.pi)"
FORMS = {
    "a plain block": program(PRINT),
    "the whole answer is the program": f"{PRINT}\n",
    "no language": f"Here:\n\n```\n{PRINT}\n```\n",
    "an uncommon label": f"```python3.12\n{PRINT}\n```\n",
    "a file name as label": f"```main.py\n{PRINT}\n```\n",
    "a stop token behind the fence": f"```python\n{PRINT}\n```<|im_end|>",
    "prose behind the fence": f"```python\n{PRINT}\n``` This prints pi.\n",
    "the fence behind prose": f"Here it is: ```python\n{PRINT}\n```\n",
    "no closing fence": f"```python\n{PRINT}\n",
    "a tag before the fence": f"<answer>\n```python\n{PRINT}\n```\n</answer>\n",
    "a folded part": f"<details>\n<summary>Code</summary>\n```python\n{PRINT}\n```\n</details>\n",
    "tags instead of fences": f"<code>\n{PRINT}\n</code>\n",
    "carriage returns": program(PRINT).replace("\n", "\r\n"),
    "a usage example": program("import math") + "\nThen:\n" + program("print(math.pi)"),
    "a session beside it": program(PRINT) + "\n```python\n>>> 1\n1\n```\n",
    "output in a python fence": program(PRINT) + "\nIt prints:\n" + program("3.14 or so"),
    "how to run it": program(PRINT) + "\n" + program("python main.py", "bash"),
    "a prompt": program(PRINT) + "\n" + program("$ python main.py", "bash"),
    "two files": "**tools.py**\n" + program("from math import pi") + "\n**main.py**\n" + program("from tools import pi\nprint(pi)"),
    "data beside it": program(PRINT) + "\n**data.json**\n" + program("[1]", "json"),
    "an indented program": program("    import math\n    print(math.pi)"),
    "a thought before it": f"<think>\n```python\nwrong(\n```\n</think>\n{program(PRINT)}",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
async def test_a_form_costs_one_request_and_runs_once(form: str) -> None:
    async with team_of([form]) as rig:
        await rig.say("Print pi.")
        assert len(rig.endpoint.requests) == 1
        assert len(rig.executor.blocks) == 1
        assert "pi" in rig.executor.blocks[0].code


@pytest.mark.parametrize(
    "form",
    [
        '{"name": "python", "arguments": {"code": "print(1)"}}',
        "<tool_call>\n{}\n</tool_call>",
        f"Use this:\n\n{PRINT}\n\nIt prints pi.",
        program(">>> 1\n1"),
    ],
)
async def test_what_is_no_program_is_sent_back_once_with_the_reason(form: str) -> None:
    async with team_of([form, program(PRINT)]) as rig:
        await rig.say("Print pi.")
        assert len(rig.endpoint.requests) == 2
        assert len(rig.executor.blocks) == 1
        told = "\n".join(rig.asked[1])
        assert "fence" in told or "session" in told


async def test_an_answer_that_was_cut_by_length_is_still_never_run() -> None:
    cut = Answer(f"```python\n{PRINT}\nprint(", finish="length")
    async with team_of([cut, cut, cut, cut, program(PRINT)]) as rig:
        await rig.say("Print pi.")
        assert isinstance(rig.executor, ListedRuns)
        assert [block.code.strip() for block in rig.executor.blocks] == [PRINT]
