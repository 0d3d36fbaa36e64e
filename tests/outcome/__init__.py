"""The outcome bench: how many of a fixed list of tasks come out right with a real model, beside a plain AutoGen program."""
