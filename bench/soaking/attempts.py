"""One attempt: a command that is harmed, and what must hold when it has ended."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from . import harms
from .harms import Harm
from .processes import MARK, await_none, describe, marked

LIMIT_S = 300.0  # of a command, which on a busy machine takes 30 s
GRACE_S = 10.0  # of processes after the command has ended
START_S = 0.5  # until an interpreter handles signals

Verb = Literal["run", "ab", "report"]
VERBS: tuple[Verb, ...] = ("run", "run", "run", "ab", "report")
OPTIONS = (
    *("--launches", "2", "--turns", "2", "--threads", "1", "--min-time", "0.0001"),
    *("--mode", "infer", "--time-limit", "20"),
)
MODELS = """import time
from torch import nn

def Quick(): return nn.Conv2d(4, 4, 3)

class Slow(nn.Conv2d):
    def __init__(self): super().__init__(4, 4, 3)
    def forward(self, x):
        time.sleep(0.02)
        return super().forward(x)
"""
SUITE = 'description = "soak"\nreference = "models.py:Quick"\n' + "".join(
    f'[[case]]\nentry = "models.py:{name}"\ninput = [1, 4, 8, 8]\n' for name in ("Quick", "Slow")
)


@dataclass(kw_only=True)
class Attempt:
    """What was done and found; ``faults`` are sentences, empty if all held."""

    number: int
    verb: Verb
    harm: Harm
    code: int = 0
    launches: int = 0
    has_hit: bool = False
    faults: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Ended:
    """A command that has ended, by itself or late."""

    code: int
    errors: str
    seconds: float
    has_hit: bool = True
    is_late: bool = False


class Place:
    """The folder of an attempt: models and suite, a run folder, temporary files, a mark."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mark = uuid.uuid4().hex
        self.code, self.disk = root / "code", root / "disk"
        self.run, self.temporary = self.disk / "run", self.disk / "tmp"
        self.flushed: set[bytes] = set()
        self.disk.mkdir(parents=True)
        self.code.mkdir()
        (self.code / "suite.toml").write_text(SUITE, encoding="utf-8")
        self._git("init", "--quiet")
        for text in (MODELS, MODELS.replace("4, 4, 3", "4, 4, 3, bias=False")):
            (self.code / "models.py").write_text(text, encoding="utf-8")
            self._git("add", "models.py", "suite.toml")
            self._git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "a")

    def words(self, verb: Verb, *, resume: bool = False) -> list[str]:
        """The command line of a verb after ``cspbench``."""
        if verb == "report":
            return ["report", str(self.run)]
        if verb == "ab":
            return ["ab", "HEAD~1", "HEAD", "suite.toml", *OPTIONS, "--out", str(self.run)]
        return ["run", "suite.toml", *OPTIONS, "--resume" if resume else "--out", str(self.run)]

    def call(self, words: list[str], harm: Harm | None = None, usual_s: float = 0.0) -> Ended:
        """Run the command, harmed if asked, for at most `LIMIT_S`."""
        room = harm.room_bytes if harm else None
        with harms.disk(self.disk, room) as limit:
            self.temporary.mkdir(exist_ok=True)
            return self._call(words, harm, usual_s, limit)

    def _call(self, words: list[str], harm: Harm | None, usual_s: float, room: int | None) -> Ended:
        started, log = time.monotonic(), self.root / "stderr"
        with log.open("w", encoding="utf-8") as errors, Path(os.devnull).open("w") as nowhere:
            process = subprocess.Popen(
                [sys.executable, "-m", "cspbench", *words],
                cwd=self.code,
                env=os.environ
                | {MARK: self.mark, "TMPDIR": str(self.temporary)}
                | {"XDG_STATE_HOME": str(self.root / "state")},
                stdout=nowhere,
                stderr=errors,
                text=True,
                start_new_session=True,
                preexec_fn=lambda: harms.prepare(room),  # noqa: PLW1509 -- one thread
            )
            try:
                has_hit = harm is None or harms.apply(
                    harm, process, self.mark, usual_s, self.observe
                )
                process.wait(LIMIT_S)
                is_late = False
            except subprocess.TimeoutExpired:
                is_late = True
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        return Ended(
            code=process.returncode,
            errors=log.read_text(encoding="utf-8", errors="replace"),
            seconds=time.monotonic() - started,
            has_hit=has_hit,
            is_late=is_late,
        )

    def lines(self) -> list[bytes]:
        """The whole lines of the run's records."""
        try:
            content = (self.run / "records.jsonl").read_bytes()
        except FileNotFoundError:
            return []
        return content[: content.rfind(b"\n") + 1].splitlines()

    def launches(self) -> list[bytes]:
        """The lines that close a launch."""
        return [line for line in self.lines() if b'"kind":"launch"' in line]

    def observe(self) -> None:
        """Note the launches that are finished by now: none of them may be lost."""
        self.flushed.update(self.launches())

    def leftovers(self) -> list[str]:
        """Temporary files and checkouts that no command needs any more."""
        names = [
            f"temporary {path.name}"
            for path in self.temporary.iterdir()
            if not path.name.startswith("torchinductor_")  # torch's own cache
        ]
        names += [f"beside a file: {path.name}" for path in self.run.rglob("*.tmp")]
        trees = self._git("worktree", "list").splitlines()[1:]
        return names + [f"worktree {tree}" for tree in trees]

    def _git(self, *words: str) -> str:
        command = ["git", "-C", str(self.code), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def attempt(number: int, seed: int, root: Path, usual_s: Callable[[Verb], float]) -> Attempt:
    """Make the attempt ``number`` of ``seed`` in the new folder ``root``, and check what is left.

    ``usual_s`` gives the seconds of a verb without harm. The folder stays if anything failed.
    """
    chance = random.Random(f"{seed} {number}")
    verb = chance.choice(VERBS)
    harm = harms.draw(chance, ("parent", "group") if verb == "report" else tuple(harms.SIGNALS))
    result = Attempt(number=number, verb=verb, harm=harm)
    place = Place(root)
    if result.verb == "report":
        _expect(result, "run", place.call(place.words("run")), {0})
    place.observe()
    seconds = usual_s(result.verb) if result.harm.signal else 0.0
    ended = place.call(place.words(result.verb), result.harm, seconds)
    result.code, result.has_hit = ended.code, ended.has_hit
    _expect(result, result.verb, ended, allowed_codes(result, ended.seconds))
    if remaining := await_none(lambda: marked(place.mark), GRACE_S):
        result.faults.append(f"processes left: {describe(marked(place.mark)) or remaining}")
        for process in marked(place.mark):
            os.kill(process, signal.SIGKILL)
    _check_folder(result, place)
    if not result.faults:
        shutil.rmtree(root)
    return result


def allowed_codes(result: Attempt, seconds: float) -> set[int]:
    """The documented exit codes of a command after its harm."""
    whole = {0, 1, 3, 4} if result.verb == "ab" else {0}
    harm = result.harm
    if harm.signal is None:
        return whole | {2, 3}
    if not harm.ends_command:
        return whole | ({3} if harm.role in {"worker", "guard", "server"} else set())
    number = signal.Signals[f"SIG{harm.signal}"]
    if harm.signal in {"KILL", "QUIT"} or seconds < START_S:
        whole |= {-number}
    return whole | {130} if harm.signal != "KILL" else whole


def _expect(result: Attempt, name: str, ended: Ended, codes: set[int]) -> None:
    """Note an exit code that is not documented, a traceback, and a command without end."""
    tail = " | ".join(ended.errors.strip().splitlines()[-3:])[-300:]
    if ended.is_late:
        result.faults.append(f"{name} did not end within {LIMIT_S:g} s: {tail}")
    elif ended.code not in codes:
        result.faults.append(f"{name}: exit code {ended.code}, not of {sorted(codes)}: {tail}")
    if "Traceback (most recent" in ended.errors:
        result.faults.append(f"{name}: a traceback: {tail}")


def _check_folder(result: Attempt, place: Place) -> None:
    """The records can be read and went on from, nothing of them is lost, nothing else is left."""
    result.launches = len(place.launches())
    if place.flushed - set(place.launches()):
        result.faults.append("finished launches are gone")
    place.observe()
    if (place.run / "run.json").exists():
        compared = place.call(["compare", str(place.run), str(place.run)])
        _expect(result, "read afterwards", compared, {0, 3, 4})
        _go_on(result, place)
    else:
        if place.flushed:
            result.faults.append("launches without run.json")
        _expect(result, "begun anew", place.call(place.words(result.verb)), {0, 1, 4})
    if remaining := await_none(place.leftovers, GRACE_S):
        result.faults.append(f"left behind: {', '.join(map(str, remaining[:4]))}")
    if remaining := await_none(lambda: marked(place.mark), GRACE_S):
        result.faults.append(f"processes left at the end: {describe(marked(place.mark))}")


def _go_on(result: Attempt, place: Place) -> None:
    """Resume a run, or compare two revisions anew; the exit code says whether a case failed."""
    if result.verb == "ab":
        shutil.rmtree(place.run)
        _expect(result, "ab again", place.call(place.words("ab")), {0, 1, 4})
        return
    if result.verb == "report":
        _expect(result, "report again", place.call(place.words("report")), {0})
        return
    resumed = place.call(place.words("run", resume=True))
    has_failed = any(b'"kind":"failure"' in line for line in place.lines())
    _expect(result, "resume", resumed, {3} if has_failed else {0})
    if place.flushed - set(place.launches()):
        result.faults.append("finished launches are gone after going on")


def usual_seconds(verb: Verb, root: Path, say: Callable[[str], None]) -> float:
    """The seconds of a verb without harm; raises RuntimeError if it fails."""
    place = Place(root)
    if verb == "report":
        place.call(place.words("run"))
    ended = place.call(place.words(verb))
    if ended.code not in {0, 1, 4}:
        raise RuntimeError(f"{verb} without harm: {ended.code}, {ended.errors[-2000:]}")
    if remaining := place.leftovers():
        say(f"{verb} leaves {', '.join(remaining)}")
    say(f"{verb} without harm: {ended.seconds:.1f} s")
    return ended.seconds
