"""Suites: TOML to cases, each error with its place."""

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cspbench.catalogue import ENTRIES, find, yolo
from cspbench.errors import CspbenchError
from cspbench.plan import points, suite
from cspbench.plan.case import Case, make_case
from cspbench.plan.labels import names
from cspbench.plan.suite import Selection


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text('description = "mine"\n' + text)
    return str(path)


def test_the_default_suite_is_eight_entries_in_two_modes() -> None:
    """The six designs and two YOLO modules, inference first.

    The designs have the dense block's case as their reference; the modules' input is another, so
    that a ratio would say nothing of them.
    """
    cases = suite.load("blocks").cases
    entries = [
        *("dense", "csp", "csp_fusion_first", "csp_fusion_last", "csp_split_only"),
        *("csp_both_transitions", "bottleneck_csp", "c3"),
    ]
    assert [(case.entry, case.mode) for case in cases] == [
        (entry, mode) for mode in ("infer", "train") for entry in entries
    ]
    for case in cases:
        has_default_shape = case.entry not in {"bottleneck_csp", "c3"}
        assert case.reference == (
            f"dense 1x64x56x56 cpu fp32 {case.mode}" if has_default_shape else None
        )


def test_the_yolo_suite_has_every_module_of_the_yolo_line_and_variants() -> None:
    """Each entry once at its defaults, all beside c3."""
    cases = suite.load("yolo", Selection(mode=("infer",))).cases
    defaults = [
        case.entry for case in cases if case.arguments == make_case(find(case.entry), {}).arguments
    ]
    assert sorted(defaults) == sorted(entry.name for entry in yolo.ENTRIES)
    assert {case.reference for case in cases} == {"c3 1x128x32x32 cpu fp32 infer"}
    variants = [case.label for case in cases if case.entry in {"c3k2", "a2c2f"}]
    assert [label.partition(" ")[2] for label in variants if " " in label] == [
        "c3k=True",
        "attention=True",
        "attention=False",
        "area=1",
    ]


def test_a_grid_is_every_combination_over_what_is_set(tmp_path: Path) -> None:
    """Two gammas and two growths over three layers: four cases, named by what differs."""
    path = write(
        tmp_path,
        'mode = ["infer"]\n[[case]]\nentry = "csp"\nset = { layers = 3 }\n'
        "[case.grid]\ngamma = [0.25, 0.75]\ngrowth = [8, 16]\n",
    )
    assert [case.label for case in suite.load(path).cases] == [
        "csp layers=3 growth=8 gamma=0.25",
        "csp layers=3 growth=16 gamma=0.25",
        "csp layers=3 growth=8 gamma=0.75",
        "csp layers=3 growth=16 gamma=0.75",
    ]


def test_the_reference_is_added_where_a_suite_leaves_it_out(tmp_path: Path) -> None:
    """Ratios need it; a sweep of the reference entry itself has its defaults as reference."""
    path = write(
        tmp_path,
        'reference = "dense"\nmode = ["infer"]\n'
        '[[case]]\nentry = "dense"\ngrid = { growth = [8] }\n',
    )
    cases = suite.load(path).cases
    assert [case.label for case in cases] == ["dense", "dense growth=8"]
    assert {case.reference for case in cases} == {cases[0].key}


def test_options_are_laid_over_a_suite_and_each_point_has_its_own_reference() -> None:
    """Batch 1 and 8 at 28x28: each case's ratio is taken at its own batch."""
    cases = suite.load(
        "blocks", Selection(batch_size=(1, 8), img_size=(28,), mode=("infer",), precision="bf16")
    ).cases
    assert len(cases) == 16
    assert {(case.input_shape[0], case.reference) for case in cases} == {
        (1, "dense 1x64x28x28 cpu bf16 infer"),
        (8, "dense 8x64x28x28 cpu bf16 infer"),
    }


@pytest.mark.parametrize("pattern", ["csp_*", "csp_fusion_first*", "*train"])
def test_only_keeps_what_matches_and_the_reference(pattern: str) -> None:
    """By entry, label or key."""
    cases = suite.load("blocks", Selection(only=pattern)).cases
    assert {case.reference for case in cases} - {None} <= {case.key for case in cases}
    assert 0 < len(cases) < 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("entries = [", "Invalid value (at end of document)"),
        ("", "no cases; add entries or a [[case]] table"),
        ('entries = ["dens"]', "case 1: no catalogue entry 'dens'; nearest: 'dense'"),
        (
            '[[case]]\nentry = "csp"\nset = { gama = 0.5 }',
            "case 1: csp has no parameter 'gama'; nearest: 'gamma'",
        ),
        (
            '[[case]]\nentry = "csp"\nset = { gamma = 1.0 }',
            "gamma must be a number in (0, 1), got 1.0",
        ),
        (
            '[[case]]\nentry = "csp"\ninput = [1, 63, 56, 56]',
            "csp with channels=64 takes an input N,64,H,W, got 1,63,56,56",
        ),
        ('entries = ["dense"]\nlaunches = 3', "no key 'launches'; allowed: 'description'"),
        ('entries = ["dense"]\nbatch_size = [0]', "batch_size: expected an integer >= 1"),
        (
            'entries = ["dense"]\nprecision = ["fp31"]',
            "precision: no precision 'fp31'; nearest: 'fp32', 'fp16'",
        ),
        ('entries = ["dense", "dense"]', "is listed 2 times; list it once"),
        ('entries = ["dense"]\nmode = []', "mode: expected a list of length >= 1"),
        (
            '[[case]]\nentry = "csp"\ngrid = { gamma = [] }',
            "case 1: grid: expected a list of length >= 1",
        ),
        (
            '[[case]]\nentry = "csp"\nset = { gamma = 0.5 }\ngrid = { gamma = [0.2] }',
            "case 1: 'gamma' is both in set and in grid; keep it in one of them",
        ),
        (
            '[[case]]\nentry = "csp"\n[case.grid]\n'
            + "".join(
                f"{name} = {list(range(1, 41))}\n" for name in ("layers", "growth", "bn_size")
            ),
            "mine.toml: 128,000 cases are too many; at most 100,000 are allowed (--only",
        ),
        (
            'entries = ["dense"]\nreference = "dence"',
            "no catalogue entry 'dence'; nearest: 'dense'",
        ),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    """It says where, what arrived and what is allowed."""
    with pytest.raises(CspbenchError) as caught:
        suite.load(write(tmp_path, text))
    assert message in str(caught.value)


def grid(entry: str, cases: int) -> str:
    """A table of so many ``cases``."""
    layers, growths = list(range(1, 101)), list(range(1, cases // 100 + 1))
    return f'[[case]]\nentry = "{entry}"\ngrid = {{ layers = {layers}, growth = {growths} }}\n'


def test_cases_are_counted_before_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all tables, modes and sizes; of entries too, and with the references that are added."""
    monkeypatch.setattr(points, "make_case", None)
    path = write(tmp_path, grid("csp", 25_000) + grid("dense", 25_100))
    with pytest.raises(
        CspbenchError, match=r"mine\.toml: 100,200 cases are too many; at most 100,000"
    ):
        suite.load(path)
    with pytest.raises(CspbenchError, match="501,000 cases"):
        suite.load(path, Selection(batch_size=tuple(range(1, 11)), mode=("infer",)))
    with pytest.raises(CspbenchError, match=r"^100,002 cases"):
        suite.of_entries(["dense"], Selection(batch_size=tuple(range(1, 50_002))))


def test_only_leaves_out_entries_before_cases_are_counted(tmp_path: Path) -> None:
    """Of a suite that has too many cases; the reference's cases stay, as they are needed."""
    tables = 'reference = "dense"\nmode = ["infer"]\nentries = ["dense", "c3"]\n'
    path = write(tmp_path, tables + grid("csp", 100_000))
    for only in ("c3", "c3*", "c3 1x*"):
        cases = suite.load(path, Selection(only=only)).cases
        assert [case.entry for case in cases] == ["c3"]
    with pytest.raises(CspbenchError, match="--only 'yolo' matches none of its entries"):
        suite.load(path, Selection(only="yolo"))
    for only in ("*", "c*", "csp layers=3*"):
        with pytest.raises(CspbenchError, match=r"100,00[0-9] cases"):
            suite.load(path, Selection(only=only))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * (1 << 20), "is too large: 1,048,597 bytes; at most 1,048,576 are read"),
        ('entries = ["dense"]\nbatch_size = [' + "9" * 5_000 + "]", "more digits than 64 bits"),
        ("x = " + "[" * 20_000, "nested too deeply"),
        ("[a" + ".a" * 20_000 + "]", "a key has more than 64 parts"),
        ("a" + ' . "a"' * 20_000 + " = 1", "a key has more than 64 parts"),
        ('entries = ["' + "d" * 10_000 + '"]', "expected a string of length <= 1000"),
        ("batch_size = [9223372036854775808]", "expected an integer <= 1000000"),
        (
            '[[case]]\nentry = "m:f"\nset = { a = 9223372036854775808 }',
            "expected an integer <= 9223372036854775807",
        ),
        ('[[case]]\nentry = "m:f"\nset = { a = inf }', "finite and fit in 64 bits, got inf"),
        (
            '[[case]]\nentry = "m:f"\ninput = [1]\nset = { a = "' + "x" * 3_000 + '" }',
            "case 1: m:f: arguments and inputs make a key of 3,024 characters; at most 2,000 are",
        ),
    ],
)
def test_what_would_take_time_or_memory_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """In one line, which says the limit."""
    with pytest.raises(CspbenchError) as caught:
        suite.load(write(tmp_path, text))
    assert message in str(caught.value)


def test_a_suite_that_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A FIFO would block."""
    os.mkfifo(tmp_path / "mine.toml")
    with pytest.raises(CspbenchError, match=r"mine\.toml is not a regular file"):
        suite.load(str(tmp_path / "mine.toml"))


def test_unknown_names_offer_the_nearest(tmp_path: Path) -> None:
    """A suite's name, a path that is not there, a glob that matches nothing."""
    with pytest.raises(CspbenchError, match="no suite 'blokcs'; nearest: 'blocks'"):
        suite.load("blokcs")
    with pytest.raises(CspbenchError, match="no suite or entry 'block'; nearest: 'blocks', 'hg_"):
        suite.load("block")
    with pytest.raises(CspbenchError, match=r"cannot read suite or graph .*: No such file"):
        suite.load(str(tmp_path / "none.toml"))
    with pytest.raises(CspbenchError, match="--only 'yolo' matches nothing in suite blocks; its"):
        suite.load("blocks", Selection(only="yolo"))


@given(st.text(max_size=200))
def test_no_text_is_more_than_an_error(text: str) -> None:
    """Whatever stands in a file, reading it gives one clear error (no text here is a suite)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "any.toml")
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        with pytest.raises(CspbenchError, match=r"^suite "):
            suite.load(str(path))


ACCURACY = 'accuracy = { top1 = 77.2, img_size = 256, source = "a paper" }\n'


def test_an_accuracy_stands_at_the_image_size_that_it_was_published_for(tmp_path: Path) -> None:
    """At any other it would be said of what was never tested."""
    path = write(tmp_path, f'[[case]]\nentry = "darknet53"\n{ACCURACY}')
    at_256, at_224 = (
        [case.accuracy for case in suite.load(path, Selection(img_size=(size,))).cases]
        for size in (256, 224)
    )
    assert [accuracy.top1 if accuracy else None for accuracy in at_256] == [77.2, 77.2]
    assert at_224 == [None, None]


@pytest.mark.parametrize("name", suite.built_in())
def test_every_built_in_suite_is_read(name: str) -> None:
    """Its cases have keys of their own, and its reference is one of them."""
    cases = suite.load(name).cases
    keys = [case.key for case in cases]
    assert len(set(keys)) == len(keys)
    assert {case.reference for case in cases} - {None} <= set(keys)


def test_the_networks_are_compared_at_one_size() -> None:
    """Every network of the catalogue, each once; accuracies from one table alone."""
    from cspbench.catalogue import networks

    cases = suite.load("networks").cases
    assert sorted(case.entry for case in cases) == sorted(entry.name for entry in networks.ENTRIES)
    assert {case.input_shape for case in cases} == {(1, 3, 256, 256)}
    assert len({case.accuracy.source for case in cases if case.accuracy}) == 1


def test_the_four_designs_have_as_many_parameters_as_their_growth_allows() -> None:
    """One more or less channel a layer would bring none of them nearer to the dense block's."""
    from cspbench.measures.execution.subject import BuiltSubject

    def parameters(case: Case, growth: int) -> int:
        arguments = {**case.arguments, "growth": growth}
        built = BuiltSubject(msgspec.structs.replace(case, arguments=arguments)).meta()
        return sum(parameter.numel() for parameter in built.parameters())

    dense, *candidates = suite.load("designs").cases
    assert [case.entry for case in candidates] == ["csp", "csp_fusion_first", "csp_fusion_last"]
    assert {case.reference for case in (dense, *candidates)} == {dense.key}
    target = parameters(dense, int(dense.arguments["growth"]))
    for case in candidates:
        growth = int(case.arguments["growth"])
        distances = {
            other_growth: abs(parameters(case, other_growth) - target)
            for other_growth in range(growth - 1, growth + 2)
        }
        assert min(distances, key=distances.__getitem__) == growth
        assert distances[growth] < 0.03 * target


def test_cases_are_shared_out_over_devices_and_references_stand_on_each() -> None:
    """A ratio is of two cases on one device: the dense block is measured on both, the rest once."""
    devices = ("cuda:0", "cuda:1")
    shared = suite.share_out([suite.load("blocks", device=device) for device in devices])
    on = {device: [case for case in shared.cases if case.device == device] for device in devices}
    dense = [case.key for case in shared.cases if case.entry == "dense"]
    assert dense == [
        f"dense 1x64x56x56 {device} fp32 {mode}"
        for mode in ("infer", "train")
        for device in devices
    ]
    keys = {case.key.replace(case.device, "") for case in shared.cases if case.entry != "dense"}
    assert len(keys) == 14
    for device, cases in on.items():
        assert len(cases) == 2 + 7
        assert {case.reference for case in cases} - {None} <= {case.key for case in cases}
        assert all(device in case.key for case in cases)
    labels = names(shared.cases)
    assert labels["dense 1x64x56x56 cuda:1 fp32 infer"] == "dense cuda:1"


def test_a_suite_on_one_device_is_shared_with_nobody() -> None:
    """It stays as it is."""
    loaded = suite.load("blocks")
    assert suite.share_out([loaded]) == loaded


def test_a_form_is_part_of_what_a_case_is(tmp_path: Path) -> None:
    """In its key and its label; the command line's go before the suite's."""
    path = write(tmp_path, 'form = ["compiled:aot_eager"]\nmode = ["infer"]\nentries = ["c3"]\n')
    (case,) = suite.load(path).cases
    assert case.form == "compiled:aot_eager"
    assert case.key == "c3 1x128x32x32 cpu fp32 compiled:aot_eager infer"
    assert case.label == "c3 compiled:aot_eager"
    (case,) = suite.load(path, Selection(form=("eager",))).cases
    assert case.form == "eager"
    assert case.key == "c3 1x128x32x32 cpu fp32 infer"


def test_forms_are_compared_with_the_first_of_the_same_entry(tmp_path: Path) -> None:
    """Entries are compared with the reference entry in the first form alone, and only then."""
    path = write(
        tmp_path,
        'reference = "c3"\nform = ["fused", "eager"]\nmode = ["infer"]\nentries = ["c3", "c2f"]\n',
    )
    references = {case.label: case.reference for case in suite.load(path).cases}
    at = "1x128x32x32 cpu fp32"
    assert references == {
        "c3 fused": f"c3 {at} fused infer",
        "c2f fused": f"c3 {at} fused infer",
        "c3": f"c3 {at} fused infer",
        "c2f": f"c2f {at} fused infer",
    }


def test_forms_that_cannot_be_trained_are_measured_at_inference_alone(tmp_path: Path) -> None:
    """In training, the first form that can be is the reference; none at all is an error."""
    path = write(tmp_path, 'form = ["fused", "eager", "compiled"]\nentries = ["c3"]\n')
    made = {(case.form, case.mode): case.reference for case in suite.load(path).cases}
    at = "c3 1x128x32x32 cpu fp32"
    assert made == {
        ("fused", "infer"): None,
        ("eager", "infer"): f"{at} fused infer",
        ("compiled", "infer"): f"{at} fused infer",
        ("eager", "train"): None,
        ("compiled", "train"): f"{at} train",
    }
    with pytest.raises(CspbenchError, match=r"fused cannot be trained \(choose --mode infer\)"):
        suite.load(path, Selection(form=("fused",), mode=("train",)))


@pytest.mark.parametrize(
    ("selection", "device", "says"),
    [
        (Selection(form=("openvino",)), "cuda", "the form openvino runs on the CPU"),
        (Selection(form=("onnxruntime:int8",), precision="bf16"), "cpu", "got precision bf16"),
        (Selection(form=("onnxruntime",), channels_last=True), "cpu", "not channels_last"),
    ],
)
def test_what_a_runtime_cannot_run_is_refused(selection: Selection, device: str, says: str) -> None:
    """Before anything is measured, in a line that names the form."""
    with pytest.raises(CspbenchError, match=says):
        suite.of_entries(["c3"], selection, device)


def test_entries_that_are_chosen_come_with_all_that_they_are_compared_with() -> None:
    """Another form with the entry's first form, and that with the reference entry."""
    selection = Selection(only="csp_fusion_first*fused", mode=("infer",), form=("eager", "fused"))
    loaded = suite.load("smoke", selection)
    assert {(case.entry, case.form) for case in loaded.cases} == {
        ("csp_fusion_first", "fused"),
        ("csp_fusion_first", "eager"),
        ("dense", "eager"),
    }


def test_a_reference_is_of_one_size_of_input(tmp_path: Path) -> None:
    """Channels may differ, as designs of other widths compare; images and their size may not."""
    path = write(
        tmp_path,
        'reference = "dense"\nmode = ["infer"]\n'
        '[[case]]\nentry = "csp"\ngrid = { channels = [32, 64] }\n'
        '[[case]]\nentry = "c3"\n[[case]]\nentry = "c2f"\ninput = [1, 128, 56, 56]\n',
    )
    references = {case.label: case.reference for case in suite.load(path).cases}
    dense = "dense 1x64x56x56 cpu fp32 infer"
    assert references == {
        "dense": dense,
        "csp channels=32": dense,
        "csp": dense,
        "c3": None,
        "c2f 1x128x56x56": dense,
    }


def test_a_file_without_what_makes_the_model_says_how_it_is_named() -> None:
    """The form in which it would be found."""
    with pytest.raises(
        CspbenchError, match=r"^mine\.py names only a file; .*, as in mine\.py:Net$"
    ):
        find("mine.py")


def references(path: str, **selection: Any) -> dict[str, str | None]:
    cases = suite.load(path, Selection(mode=("infer",), **selection)).cases
    return {case.key.removesuffix(" cpu fp32 infer"): case.reference for case in cases}


def test_a_suite_gives_any_inputs(tmp_path: Path) -> None:
    """By position, by name, as words, and made by a callable; each in a key of its own."""
    path = write(
        tmp_path,
        'mode = ["infer"]\n'
        '[[case]]\nentry = "torch.nn:A"\ninput = [[1, 3, 64, 64], [1, 8]]\n'
        '[[case]]\nentry = "torch.nn:A"\ninput = { ids = "1,77:int64:49408", mask = [1, 77] }\n'
        '[[case]]\nentry = "torch.nn:A"\ninput = ["1,3,8,8", "mask=1,8:bool"]\n'
        '[[case]]\nentry = "torch.nn:A"\ninput = "net.py:inputs"\n'
        '[[case]]\nentry = "torch.nn:A"\ninput = [1, 77]\n',
    )
    cases = suite.load(path).cases
    texts = [
        *("1x3x64x64,1x8", "ids=1x77:int64:49408,mask=1x77", "1x3x8x8,mask=1x8:bool"),
        *("net.py:inputs", "1x77"),
    ]
    assert [case.key for case in cases] == [f"torch.nn:A {text} cpu fp32 infer" for text in texts]
    assert [case.input_shape for case in cases] == [
        *((1, 3, 64, 64), (1, 77), (1, 3, 8, 8), (), (1, 77))
    ]
    assert list(names(cases).values()) == [f"torch.nn:A {text}" for text in texts]
    read = msgspec.json.decode(msgspec.json.encode(cases), type=tuple[Case, ...])
    assert read == cases


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            'entry = "csp"\ninput = [[1, 64, 8, 8], [1, 2]]',
            "csp: expected one input N,C,H,W, got 1x64",
        ),
        ('entry = "csp"\ninput = [1, 64, 8]', "csp: expected an input N,C,H,W of four positive"),
        ('entry = "torch.nn:A"\ninput = 7', "expected an input (a shape, a list or a table)"),
        ('entry = "torch.nn:A"\ninput = [1, "x y"]', "expected an input such as "),
        ('entry = "torch.nn:A"\ninput = [1, -2]', "sizes of an input must be positive, got 1x-2"),
    ],
)
def test_inputs_of_a_suite_that_cannot_be_are_said(tmp_path: Path, case: str, message: str) -> None:
    """With the number of the case, also where the suite's reference is added before it."""
    path = write(tmp_path, f'reference = "dense"\n[[case]]\n{case}\n')
    with pytest.raises(CspbenchError, match="case 1: ") as caught:
        suite.load(path)
    assert message in str(caught.value)


def test_a_reference_with_a_grid_is_measured_at_its_input(tmp_path: Path) -> None:
    """And not at the entry's default, which a model outside the catalogue does not have."""
    path = write(
        tmp_path,
        'reference = "torch.nn:A"\n'
        '[[case]]\nentry = "torch.nn:A"\ninput = [2, 9]\nset = { w = 3 }\ngrid = { d = [1, 2] }\n'
        '[[case]]\nentry = "torch.nn:B"\ninput = [2, 9]\n',
    )
    reference = "torch.nn:A[w=3] 2x9 cpu fp32 infer"
    assert references(path) == dict.fromkeys(
        [
            *("torch.nn:A[w=3] 2x9", "torch.nn:A[w=3,d=1] 2x9", "torch.nn:A[w=3,d=2] 2x9"),
            "torch.nn:B 2x9",
        ],
        reference,
    )


def test_a_grid_may_hold_the_reference_itself(tmp_path: Path) -> None:
    """The default is then measured once."""
    path = write(
        tmp_path, 'reference = "csp"\n[[case]]\nentry = "csp"\ngrid = { gamma = [0.25, 0.5] }\n'
    )
    reference = "csp 1x64x56x56 cpu fp32 infer"
    assert references(path) == {
        "csp[gamma=0.25] 1x64x56x56": reference,
        "csp 1x64x56x56": reference,
    }


def test_each_size_of_input_has_its_own_reference(tmp_path: Path) -> None:
    """Where the suite lists it, and at other inputs that it can take."""
    path = write(
        tmp_path,
        'reference = "dense"\n'
        + "".join(
            f'[[case]]\nentry = "{entry}"\ninput = [1, {channels}, {size}, {size}]\n'
            for entry, channels, size in (
                *(("dense", 64, 14), ("dense", 64, 28), ("csp", 64, 28), ("csp", 64, 14)),
                *(("csp", 64, 7), ("c3", 128, 9)),
            )
        ),
    )
    found = references(path)
    assert found["csp 1x64x28x28"] == "dense 1x64x28x28 cpu fp32 infer"
    assert found["csp 1x64x14x14"] == "dense 1x64x14x14 cpu fp32 infer"
    assert found["csp 1x64x7x7"] == "dense 1x64x7x7 cpu fp32 infer"
    assert found["c3 1x128x9x9"] is None
    assert references(path, only="c3") == {"c3 1x128x9x9": None}


def test_a_neck_is_a_reference_at_the_sizes_of_all_levels(tmp_path: Path) -> None:
    """Channels may differ, as they may between blocks."""
    path = write(
        tmp_path,
        'reference = "fpn"\nentries = ["fpn"]\n'
        '[[case]]\nentry = "pan"\nset = { c4 = 8 }\n'
        '[[case]]\nentry = "bifpn"\ninput = [[1, 256, 8, 8], [1, 512, 4, 4], [1, 1024, 2, 2]]\n',
    )
    default, small = "1x256x32x32,1x512x16x16,1x1024x8x8", "1x256x8x8,1x512x4x4,1x1024x2x2"
    assert references(path) == {
        f"fpn {default}": f"fpn {default} cpu fp32 infer",
        f"fpn {small}": f"fpn {small} cpu fp32 infer",
        "pan[c4=8] 1x256x32x32,1x8x16x16,1x1024x8x8": f"fpn {default} cpu fp32 infer",
        f"bifpn {small}": f"fpn {small} cpu fp32 infer",
    }


def test_a_model_is_a_reference_at_the_inputs_of_the_others(tmp_path: Path) -> None:
    """Also one that no case lists."""
    path = write(
        tmp_path,
        'reference = "torch.nn:R"\n'
        '[[case]]\nentry = "torch.nn:A"\ninput = { x = [1, 8] }\n'
        '[[case]]\nentry = "torch.nn:B"\ninput = [1, 9]\n',
    )
    assert references(path) == {
        "torch.nn:R x=1x8": "torch.nn:R x=1x8 cpu fp32 infer",
        "torch.nn:R 1x9": "torch.nn:R 1x9 cpu fp32 infer",
        "torch.nn:A x=1x8": "torch.nn:R x=1x8 cpu fp32 infer",
        "torch.nn:B 1x9": "torch.nn:R 1x9 cpu fp32 infer",
    }


def test_entries_without_a_suite_have_the_first_as_reference() -> None:
    """At any input, in each mode and batch; a single one has none."""
    selection = Selection(mode=("infer",), batch_size=(1, 8))
    several = suite.of_entries(("csp", "c3"), selection)
    assert several.name == "csp-c3"
    assert [(case.key.split()[1], case.reference) for case in several.cases] == [
        (f"{batch}x{rest}", f"csp {batch}x64x56x56 cpu fp32 infer")
        for batch in (1, 8)
        for rest in ("64x56x56", "128x32x32")
    ]
    (alone,) = suite.of_entries(("csp",), Selection(mode=("infer",))).cases
    assert alone.reference is None


def test_entries_without_a_suite_take_arguments_and_inputs() -> None:
    """Each of them."""
    made = suite.of_entries(
        ("csp", "csp_split_only"),
        Selection(mode=("train",)),
        overrides=["layers=2"],
        inputs=["1,64,8,8"],
    )
    assert [case.key for case in made.cases] == [
        f"{entry}[layers=2] 1x64x8x8 cpu fp32 train" for entry in ("csp", "csp_split_only")
    ]
    with pytest.raises(CspbenchError, match="c3 has no parameter 'layers'"):
        suite.of_entries(("csp", "c3"), overrides=["layers=2"])


def test_a_reference_is_measured_on_a_device_only_where_a_case_needs_it() -> None:
    """One case to compare goes to the first device: the second has nothing to do for it."""
    devices = ("cuda:0", "cuda:1")
    for only, keys in (
        ("csp_split_only", ["dense cuda:0", "csp_split_only cuda:0"]),
        ("dense", ["dense cuda:0"]),
    ):
        selection = Selection(only=only, mode=("infer",))
        shared = suite.share_out([suite.load("blocks", selection, device) for device in devices])
        assert [f"{case.entry} {case.device}" for case in shared.cases] == keys


def test_no_name_is_of_a_suite_and_of_an_entry() -> None:
    """So that both are named by one word."""
    assert not set(suite.built_in()) & set(ENTRIES)
