"""What the user types in the demo: the lines of each scene, suggested one after another."""

from __future__ import annotations

from collections.abc import Sequence

from utils.words import APPROVE


class DemoLines:
    """The lines of the scenes; each scene begins with its task."""

    def __init__(self, scenes: Sequence[Sequence[str]]) -> None:
        """Take each scene's lines."""
        self._scenes = list(scenes)
        self._number = -1
        self._line = 0

    def all(self) -> list[str]:
        """Return all lines in order, for a demo that plays itself."""
        return [line for scene in self._scenes for line in scene]

    def start_scene(self, *, again: bool = False) -> bool:
        """Go to the next scene, or to the beginning of this one again; False if there is none left."""
        self._number += not again
        self._line = 0
        return self._number < len(self._scenes)

    def suggestion(self) -> str:
        """Return the line to suggest now."""
        scene = self._scenes[self._number] if 0 <= self._number < len(self._scenes) else ()
        return scene[self._line] if self._line < len(scene) else APPROVE

    def taken(self) -> None:
        """Go to the next line: the user has typed one, this one or another."""
        self._line += 1
