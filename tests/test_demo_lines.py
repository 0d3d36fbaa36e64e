"""The lines that the demo suggests."""

from __future__ import annotations

from cli.input.demo_lines import DemoLines

SCENES = [["first task", "APPROVE"], ["second task", "change it", "APPROVE"]]


def test_each_scene_suggests_its_lines_in_order() -> None:
    demo = DemoLines(SCENES)
    seen = []
    while demo.start_scene():
        for _ in range(3):
            seen.append(demo.suggestion())
            demo.taken()
    # Past its last line a scene suggests how to end it.
    assert seen == ["first task", "APPROVE", "APPROVE", "second task", "change it", "APPROVE"]


def test_a_scene_that_was_not_finished_begins_again() -> None:
    demo = DemoLines(SCENES)
    demo.start_scene()
    demo.taken()
    assert demo.start_scene(again=True)
    assert demo.suggestion() == "first task"
    demo.start_scene()
    assert demo.start_scene(again=True)
    assert demo.suggestion() == "second task"
    assert not demo.start_scene()


def test_a_demo_without_a_terminal_types_all_lines() -> None:
    assert DemoLines(SCENES).all() == [line for scene in SCENES for line in scene]


def test_before_the_first_scene_and_without_scenes_nothing_fails() -> None:
    assert DemoLines(SCENES).suggestion() == "APPROVE"
    assert not DemoLines([]).start_scene()
