"""The soak: what it draws, what it allows, and a few attempts."""

import random
import signal

import pytest
import soak
from soaking.attempts import Attempt, allowed_codes
from soaking.harms import SIGNALS, Harm, draw


def of(harm: Harm) -> Attempt:
    return Attempt(number=0, verb="run", harm=harm)


def test_every_signal_and_a_full_disk_are_drawn() -> None:
    """In a few hundred attempts."""
    chance = random.Random(0)
    kinds = {draw(chance).kind for _ in range(500)}
    expected = {f"{name} {role}" for role, names in SIGNALS.items() for name in names}
    assert kinds == {"full disk", *expected}


@pytest.mark.parametrize(
    ("harm", "codes"),
    [
        (Harm(signal="TERM"), {0, 130}),
        (Harm(signal="HUP", role="group"), {0, 130}),
        (Harm(signal="KILL"), {0, -signal.SIGKILL}),
        (Harm(signal="STOP"), {0}),
        (Harm(signal="KILL", role="worker"), {0, 3}),
        (Harm(room_bytes=0), {0, 2, 3}),
    ],
)
def test_the_documented_exit_codes_are_allowed(harm: Harm, codes: set[int]) -> None:
    """After a second, when the interpreter handles signals."""
    assert allowed_codes(of(harm), seconds=5.0) == codes


def test_the_table_counts_by_kind() -> None:
    """With a sentence below it."""
    good, bad = of(Harm(signal="KILL")), of(Harm(signal="KILL"))
    bad.faults.append("finished launches are gone")
    good.launches = bad.launches = 2
    counts, sentence = soak.table([good, bad]).splitlines()[1:]
    assert counts == "run     KILL parent             2        2        1"
    assert sentence.startswith("2 attempts with 4 finished launches; in 1 of them something was")
