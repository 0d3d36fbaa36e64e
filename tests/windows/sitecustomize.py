"""Python runs this first if the folder is on PYTHONPATH: from then on the program sees what it would see on Windows."""

from importlib import import_module

import_module("hiding").hide_from_program()
