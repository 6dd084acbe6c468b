"""Whether idle sessions of both runtimes change the time of an eager module: 20 trials.

    python bench/beside_sessions.py --trials 20

A launch is a forked process. In each of its turns, both sessions are loaded and called, then the
eager module is timed while they are idle, or after they were freed, in random order. A trial is
decided as a run decides: Student's t over launches, a threshold of 1%.
"""

import argparse
import os
import random
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from cspbench.catalogue import find
from cspbench.choices import Form
from cspbench.engine import libraries  # noqa: F401 -- before processes are forked
from cspbench.engine.builds import Builds
from cspbench.machine import allocator
from cspbench.measures.forms.subjects import FileSubject
from cspbench.measures.forms.timed import timed_call
from cspbench.plan.case import make_case
from cspbench.records.gate import THRESHOLD
from cspbench.verdicts.judge import ALPHA, Criterion, judge
from cspbench.verdicts.stats import CONFIDENCE
from cspbench.verdicts.turns import difference

_RUNTIMES: tuple[Form, ...] = ("onnxruntime", "openvino")
_CALLS = 16  # of a sample, whose median counts
_FEWEST_LAUNCHES = 4


def main() -> None:
    """Print a line for each trial, and how many said "same"."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--launches", type=int, default=24, help="the most of a trial")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        _in_child(lambda: _prepare(files))
        for trial in range(options.trials):
            answer, text = _trial(files, trial, options.launches, options.turns)
            answers.append(answer)
            print(f"trial {trial + 1:2d}: {text}", flush=True)
    print(f"same in {answers.count('same')} of {len(answers)} trials")


def _trial(files: Path, trial: int, launches: int, turns: int) -> tuple[str, str]:
    """The verdict on the time beside idle sessions over that without them."""
    beside: dict[int, tuple[float, ...]] = {}
    alone: dict[int, tuple[float, ...]] = {}
    answer, text = "undecided", ""
    for launch in range(launches):
        seed = 1000 * trial + launch
        samples = _in_child(lambda seed=seed: _launch(files, seed, turns))  # type: ignore[misc]
        beside[launch], alone[launch] = samples[:turns], samples[turns:]
        if launch + 1 < _FEWEST_LAUNCHES:
            continue
        compared = difference(beside, alone)
        assert compared is not None
        rule = Criterion(threshold=THRESHOLD, alpha=ALPHA, confidence=CONFIDENCE)
        verdict = judge({"eager": compared}, {"eager": rule})["eager"]
        answer = verdict.answer
        low, high = verdict.ratio.low or 0.0, verdict.ratio.high or 0.0
        text = f"{verdict.ratio.value:.4f} ({low:.4f}–{high:.4f}), {launch + 1} launches: {answer}"
        if verdict.is_decided:
            break
    return answer, text


def _launch(files: Path, seed: int, turns: int) -> list[float]:
    """Seconds of a call beside idle sessions, by turn, then those without them."""
    allocator.pin()
    order = random.Random(seed)
    eager = timed_call(Builds(files=files).subject(make_case(find("dense"), {})))
    for _ in range(10):
        eager()
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(turns):
        for are_kept in order.sample((True, False), 2):
            sessions = [_session(form, files) for form in _RUNTIMES]
            for session in sessions:
                session()
            if not are_kept:
                del session
                sessions.clear()
            eager()
            seconds[are_kept].append(statistics.median(_seconds(eager) for _ in range(_CALLS)))
    return [*seconds[True], *seconds[False]]


def _seconds(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def _subject(form: Form, files: Path) -> FileSubject:
    subject = Builds(files=files).subject(make_case(find("c2f"), {}, form=form))
    assert isinstance(subject, FileSubject)
    return subject


def _session(form: Form, files: Path) -> Callable[[], object]:
    return _subject(form, files).session()


def _prepare(files: Path) -> list[float]:
    for form in _RUNTIMES:
        _session(form, files)
    return []


def _in_child(work: Callable[[], list[float]]) -> tuple[float, ...]:
    """What ``work`` returns in a forked process; raises RuntimeError if it fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            text = " ".join(map(repr, work()))
            os.write(writing, text.encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise RuntimeError("a launch failed")
    return tuple(map(float, text.split()))


if __name__ == "__main__":
    main()
