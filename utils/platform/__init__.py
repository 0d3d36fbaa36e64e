"""What the program asks the operating system: each question has one answer for POSIX and one for Windows.

No other module names what only one of them has, or finds out which of them this is.
"""

import sys

if sys.platform == "win32":
    from utils.platform.windows import *  # noqa: F403  # the questions are those that it answers
else:
    from utils.platform.posix import *  # noqa: F403  # the same
