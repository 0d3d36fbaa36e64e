"""The errors and their exit statuses."""

from __future__ import annotations

import pytest

from utils.errors import AppError, ContainerLost, EngineError, ExitStatus, ModelError, UsageError


@pytest.mark.parametrize(
    ("name", "number"), [("DONE", 0), ("NOT_DONE", 1), ("USAGE", 2), ("MODEL", 3), ("ENGINE", 4), ("INTERRUPTED", 130)]
)
def test_exit_statuses(name: str, number: int) -> None:
    assert ExitStatus[name] == number


def test_there_are_no_others() -> None:
    assert len(ExitStatus) == 6


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (AppError, ExitStatus.NOT_DONE),
        (UsageError, ExitStatus.USAGE),
        (ModelError, ExitStatus.MODEL),
        (EngineError, ExitStatus.ENGINE),
        (ContainerLost, ExitStatus.ENGINE),
    ],
)
def test_an_error_knows_its_status(kind: type[AppError], status: ExitStatus) -> None:
    error = kind("It failed", "do this")
    assert error.status is status
    assert (str(error), error.message, error.hint, error.kind) == ("It failed", "It failed", "do this", kind.__name__)
    assert isinstance(error, AppError)


def test_an_error_may_name_its_kind() -> None:
    assert ModelError("It failed", kind="no-key").kind == "no-key"
