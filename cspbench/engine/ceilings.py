"""The ceilings of devices: measured in processes of their own, and kept for later runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from ..errors import CspbenchError
from ..machine import caches, environment
from ..machine import ceilings as stored_ceilings
from ..measures.roofs.bandwidth import levels
from ..plan.case import Case, Precision
from ..records.ceilings import Bandwidth, Ceilings, Peak
from ..records.machine import Environment
from ..records.run import Settings
from ..verdicts.roofline import computes_in
from . import attempts
from .isolate import Exit

SECONDS = 15, 45
"""About how long the ceilings of a device take in one precision, at least and at most."""

_LAUNCHES = 2, 6  # the memory of a process may lie well or badly for its whole life
_AGREEMENT = 0.05  # of the best two launches: one that was disturbed is no ceiling

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Target:
    """A device on a machine, whose caches hold ``caches`` bytes by level."""

    device: str
    machine: str
    torch: str
    caches: Mapping[str, int]
    settings: Settings


def ceilings_of_cases(
    cases: Sequence[Case], settings: Settings, current: Environment, say: Say
) -> tuple[Ceilings, ...]:
    """The ceilings of the devices of ``cases`` in the cases' precisions: those kept, or new ones.

    New ones are kept for later runs if they can be stored. ``say`` is told why if they cannot, and
    of a device that cannot be measured.
    """
    measured = []
    for target in _targets(settings, current):
        precisions = dict.fromkeys(
            computes_in(case.precision, case.device)
            for case in cases
            if case.device == target.device
        )
        try:
            measured.append(_kept_or_new(target, tuple(precisions), say))
        except CspbenchError as error:
            say(f"no roofline on {target.device}: {error}")
    return tuple(measured)


def measure_ceilings(settings: Settings, current: Environment, say: Say) -> Ceilings:
    """The ceilings of the device of ``settings``, in all precisions of use there, not stored.

    Raises `CspbenchError` if they cannot be measured.
    """
    say("ceilings: finding the precisions of use")
    precisions, worker_exit = attempts.answers(
        "cspbench.engine.worker:find_useful",
        settings.device,
        settings,
        time_limit_s=settings.time_limit_s,
    )
    if worker_exit is not None:
        raise _unmeasured(worker_exit)
    return ceilings_in(tuple(precisions), settings, current, say)


def ceilings_in(
    precisions: tuple[Precision, ...], settings: Settings, current: Environment, say: Say
) -> Ceilings:
    """The ceilings of the device of ``settings`` in ``precisions``, not stored.

    Raises `CspbenchError` if they cannot be measured.
    """
    (target,) = _targets(settings, current)
    return _measure(target, precisions, say)


def _targets(settings: Settings, current: Environment) -> list[_Target]:
    """The devices of a run, which are GPUs of ``current``, or the CPU."""
    devices = settings.device.split(",")
    held = [{"L2": gpu.l2_bytes} for gpu in current.gpus] or [
        caches.capacities(current.affinity, settings.threads)
    ]
    return [
        _Target(
            device=device,
            machine=environment.machine(current),
            torch=current.packages["torch"],
            caches=capacities,
            settings=settings,
        )
        for device, capacities in zip(devices, held, strict=True)
    ]


def _kept_or_new(target: _Target, needed: tuple[Precision, ...], say: Say) -> Ceilings:
    threads = target.settings.threads
    kept = stored_ceilings.load(target.machine, target.device, threads, target.torch)
    known = tuple(kept.peaks) if kept else ()
    if kept and set(needed) <= set(known):
        return kept
    say(
        f"ceilings of {target.device}, for the roofline: {SECONDS[0]} to {SECONDS[1]} s, once for "
        f"this machine and {threads} thread{'' if threads == 1 else 's'}"
    )
    ceilings = _measure(target, tuple(dict.fromkeys((*needed, *known))), say)
    try:
        stored_ceilings.STORE.save(ceilings)
    except CspbenchError as error:
        say(str(error))
    return ceilings


def _measure(target: _Target, precisions: tuple[Precision, ...], say: Say) -> Ceilings:
    """The ceilings of ``target``, from as many launches as it takes for the best two to agree."""
    fewest, most = _LAUNCHES
    ceilings: Ceilings | None = None
    for number in range(1, most + 1):
        if ceilings is not None and number > fewest and ceilings.disagreement <= _AGREEMENT:
            break
        say(f"ceilings, launch {number} of {fewest} to {most}")
        launch = _launch(target, precisions)
        ceilings = launch if ceilings is None else _joined(ceilings, launch)
    assert ceilings is not None
    return ceilings


def _launch(target: _Target, precisions: tuple[Precision, ...]) -> Ceilings:
    """The ceilings of ``target`` in one process."""
    settings = target.settings
    answers, worker_exit = attempts.answers(
        "cspbench.engine.worker:measure_rates",
        target.device,
        settings,
        precisions,
        tuple(levels(target.caches, settings.memory_budget_bytes)),
        time_limit_s=settings.time_limit_s,
    )
    if worker_exit is not None:
        raise _unmeasured(worker_exit)
    return Ceilings(
        machine=target.machine,
        device=target.device,
        threads=settings.threads,
        torch=target.torch,
        peaks=dict(answer for answer in answers if not isinstance(answer, Bandwidth)),
        bandwidths=tuple(answer for answer in answers if isinstance(answer, Bandwidth)),
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _unmeasured(worker_exit: Exit) -> CspbenchError:
    return CspbenchError(f"cannot measure the ceilings: {worker_exit.reason}")


def _joined(earlier: Ceilings, later: Ceilings) -> Ceilings:
    """The rates of both launches, side by side; of precisions that both could compute in."""
    return msgspec.structs.replace(
        later,
        peaks={
            precision: _joined_peaks(earlier.peaks[precision], peak)
            for precision, peak in later.peaks.items()
            if precision in earlier.peaks
        },
        bandwidths=tuple(
            msgspec.structs.replace(
                after,
                copy_bytes=before.copy_bytes + after.copy_bytes,
                triad_bytes=before.triad_bytes + after.triad_bytes,
                sum_bytes=before.sum_bytes + after.sum_bytes,
            )
            for before, after in zip(earlier.bandwidths, later.bandwidths, strict=True)
        ),
    )


def _joined_peaks(before: Peak, after: Peak) -> Peak:
    """The rates of both, with the names of the faster shapes."""
    products, convolutions = (
        before.product_flops + after.product_flops,
        before.convolution_flops + after.convolution_flops,
    )
    return Peak(
        product_flops=products,
        convolution_flops=convolutions,
        product=before.product if products[-1] < max(products) else after.product,
        convolution=before.convolution
        if convolutions[-1] < max(convolutions)
        else after.convolution,
    )
