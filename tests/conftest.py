"""What holds for every test."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_state_of_the_user(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's noise floor, if the user has one, is neither read nor replaced by tests."""
    folder: Path = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
