"""A channel to a parent that is this process."""

from typing import Any


class FakeChannel:
    """Keeps the messages that a task sends."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def send(self, message: object) -> None:
        self.messages.append(message)

    def begin_step(self, index: int) -> None:
        """Steps are not kept."""

    def printed(self) -> str:
        """Nothing: what is printed here is not the channel's."""
        return ""
