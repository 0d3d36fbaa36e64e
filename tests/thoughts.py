"""The marks between which models put their thoughts, as they stand in answers: what begins a thought, and what ends it."""

from __future__ import annotations

ANALYSIS, FINAL = "<|channel|>analysis<|message|>", "<|start|>assistant<|channel|>final<|message|>"
THOUGHTS = {
    "tags": ("<think>", "</think>"),
    "tags in capitals": ("<THINKING>", "</THINKING>"),
    "tags with another word": ("<reasoning>", "</reasoning>"),
    "tags of Seed": ("<seed:think>", "</seed:think>"),
    "brackets": ("[THINK]", "[/THINK]"),
    "triangles": ("◁think▷", "◁/think▷"),
    "tokens of Cohere": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "tokens of two words": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "channels": (ANALYSIS, f"<|end|>{FINAL}"),
    "channels, with the agent's name": (f"<|start|>assistant{ANALYSIS}", f"<|end|>\n{FINAL}"),
    "channels without the end of the first": (ANALYSIS, FINAL),
    "channels without the beginning of the second": (ANALYSIS, "<|end|>"),
    "a channel for tools": (
        "<|start|>assistant<|channel|>commentary to=functions.run <|constrain|>json<|message|>",
        f"<|call|>{FINAL}",
    ),
    "two thoughts in channels": (f"{ANALYSIS}Well.<|end|><|start|>assistant<|channel|>commentary<|message|>", f"<|end|>{FINAL}"),
    "a channel that the prompt began": ("analysis<|message|>", f"<|end|>{FINAL}"),
    "words of channels": ("analysis", "assistantfinal"),
}
"""By what they are; the thought between them begins with a word."""
