"""The reference is complete: generated parts hold all there is, pages by hand miss nothing."""

import argparse
import re
from pathlib import Path, PurePosixPath

import catalogue_part
import columns_part
import commands_part
import outside_files
import schema_part
import site_hooks
import yaml
from doc_pages import PAGES, ROOT, anchors, name_of
from mkdocs.config.defaults import MkDocsConfig
from msgspec import structs

import cspbench
from cspbench.catalogue import ENTRIES, find
from cspbench.cli.exit_codes import ExitCode
from cspbench.cli.verbs import VERBS, make_parser
from cspbench.comparison.thresholds import MEASURES as THRESHOLDS
from cspbench.measures.registry import MEASURES
from cspbench.plan import suite
from cspbench.plan.case import Accuracy
from cspbench.plan.tables import CaseTable, SuiteFile
from cspbench.records.quantities import QUANTITIES
from cspbench.records.run import SCHEMA, RunInfo

DOCS = ROOT / "docs"


def _page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of its kind."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _first_cells(text: str) -> list[str]:
    """The first cells of all rows of a page's tables that hold code."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def test_every_option_of_every_verb_is_in_the_commands() -> None:
    """With its help and its value, in the verb's own section."""
    text = commands_part.commands()
    verbs = commands_part.verbs(make_parser())
    assert tuple(sorted(verbs)) == tuple(sorted(VERBS))
    for name, verb in verbs.items():
        section = _section(f"\n{text}", f"`{name}`")
        for action in verb._actions:
            option = (*action.option_strings, action.metavar or action.dest)[0]
            if option != "-h":
                assert f"`{option}" in section, f"{name} {option}"
        assert not re.search(r"%\(|%%", section), name


def test_groups_descriptions_and_examples_of_a_parser_are_shown() -> None:
    """In the order of the help: usage, description, groups, epilog."""
    parser = argparse.ArgumentParser(prog="cspbench")
    verbs = parser.add_subparsers(dest="verb")
    verb = verbs.add_parser(
        "go",
        help="goes on, 100%% of it",
        description="Goes a long\n  way.",
        epilog="examples:\n  cspbench go a|b\n      goes\n  cspbench go --fast <x>\n\nSee stop.",
    )
    group = verb.add_argument_group("speed", "How fast.")
    group.add_argument("--fast", metavar="A|B", default=3, help="by %(default)s%% a_b")
    group.add_argument("--again", action="append", help="more")
    parts = [commands_part._summary(parser, "go"), *commands_part._body(verb)]
    assert "\n\n".join(parts) == (
        "Goes on, 100% of it.\n\n"
        "```text\ncspbench go [-h] [--fast A|B] [--again AGAIN]\n```\n\n"
        "Goes a long way.\n\n"
        "**Speed**\n\nHow fast.\n\n"
        "| option | meaning |\n| --- | --- |\n"
        "| `--fast A|B` | by 3% a\\_b |\n"
        "| `--again AGAIN` | more (may be repeated) |\n\n"
        "Examples:\n\n"
        "```text\ncspbench go a|b\n    goes\ncspbench go --fast <x>\n```\n\n"
        "See stop."
    )


def test_every_column_is_in_its_table_with_a_unit() -> None:
    """Each once, with a unit that its header, its form or both state."""
    text = columns_part.columns()
    assert sorted(_first_cells(text)) == sorted(quantity.key for quantity in QUANTITIES)
    units = {quantity.key: columns_part.unit(quantity) for quantity in QUANTITIES}
    assert all(units.values())
    assert units["latency"] == "ms"
    assert units["peak_tensor_bytes"] == "bytes"
    assert units["images_per_s"] == "1/s"
    assert units["macs"] == "count"
    assert units["verdict"] == "word"


def test_every_field_of_the_files_is_in_the_schema() -> None:
    """Of run.json and of every kind of line, with a link for each structure."""
    info, lines = schema_part.info_schema(), schema_part.lines_schema()
    for field in structs.fields(RunInfo):
        assert f"| `{field.encode_name}` |" in info
    for kind in ("counts", "latency", "launch", "launch_failure", "training", "failure"):
        assert f'| `kind` | `"{kind}"` |' in lines
    text = f"{info}\n\n{lines}\n\n{schema_part.result_fields()}"
    targets = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert targets <= anchors(text)
    titles = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert len(titles) == len(set(titles))
    assert "| `samples_s` | list of number | s |" in lines


def test_types_without_a_name_of_their_own_are_not_confused() -> None:
    """Two structures named Split have two titles."""
    from cspbench.records.gradient_terms import Split as Cut
    from cspbench.records.tensor_peak import Split

    assert schema_part.title(Split) == "Split of tensor peak"
    assert schema_part.title(Cut) == "Split of gradient terms"
    assert schema_part.title(RunInfo) == "RunInfo"


def test_every_entry_suite_and_measure_is_in_the_catalogue() -> None:
    """By its name, suites with their cases."""
    text = catalogue_part.catalogue()
    names = _first_cells(text)
    assert set(ENTRIES) <= set(names)
    assert set(suite.built_in()) <= set(names)
    assert "| `smoke` | Two small blocks: does everything run | 4 | `dense` |" in text
    assert _first_cells(catalogue_part.measures()) == list(MEASURES)
    arguments = {item.name for entry in ENTRIES.values() for item in entry.parameters}
    assert arguments <= set(names)


def test_what_a_parameter_takes_is_said() -> None:
    """Bounds of numbers, choices of texts."""
    parameters = {item.name: item for item in find("csp").parameters}
    assert catalogue_part.allowed(parameters["channels"]).startswith("whole number, at least 2")
    assert catalogue_part.allowed(parameters["gamma"]) == "number, above 0 and below 1"
    assert "`none`" in catalogue_part.allowed(parameters["pool"])


def test_the_catalogue_page_names_all_suites() -> None:
    """In the table by hand, which groups them."""
    table = _section(_page("reference/catalogue.md"), "What the suites measure")
    assert set(re.findall(r"`([a-z_]+)`", table)) >= set(suite.built_in())


def test_every_key_of_a_suite_is_explained() -> None:
    """Each that the loader knows, and no other."""
    page = _page("reference/suite-file.md")
    for heading, kind in (
        ("Keys of the suite", SuiteFile),
        ("Keys of a case", CaseTable),
        ("Keys of an accuracy", Accuracy),
    ):
        keys = [field.encode_name for field in structs.fields(kind)]
        assert _first_cells(_section(page, heading)) == keys


def test_every_exit_code_is_explained() -> None:
    """And no other."""
    codes = re.findall(r"^\| (\d+) \|", _page("reference/exit-codes.md"), re.MULTILINE)
    assert sorted(map(int, codes)) == sorted(ExitCode)


def test_every_public_name_is_in_the_python_reference() -> None:
    """What `cspbench` lists, and what its functions return."""
    page = _page("reference/python-api.md")
    names = set(re.findall(r"^::: cspbench\.(\w+)$", page, re.MULTILINE))
    assert names == set(cspbench.__all__) - {"__version__"}
    for name in ("api.Record", "api.Profile", "api.Run", "api.Comparison"):
        assert f"::: cspbench.{name}\n" in page


def test_every_measure_with_a_threshold_is_named() -> None:
    """In the how-to on thresholds."""
    named = _section(_page("how-to/thresholds.md"), "On the command line")
    assert set(THRESHOLDS) <= set(re.findall(r"`([a-z_]+)`", named))


def test_the_schema_number_of_the_run_folder_is_the_present_one() -> None:
    """The page states it."""
    assert f"`schema` in `run.json` is {SCHEMA}." in _page("reference/run-folder.md")


def test_the_gpu_table_is_the_reference_runs() -> None:
    """Every figure of it, as the report of that run has it."""
    (report,) = (ROOT / "results" / "reference" / "cuda-h200").glob("report.txt")
    text = report.read_text(encoding="utf-8")
    timed = text.partition("\nTimed: ")[2]
    for row in re.findall(r"^\| `(\w+)` \| (.+) \|$", _page("how-to/gpu.md"), re.MULTILINE):
        name, cells = row[0], row[1].split(" | ")
        if name not in ENTRIES:
            continue
        rows = [line for line in timed.splitlines() if line.startswith(f"| {name} ")]
        figures = {word for line in rows for cell in line.split("|") for word in cell.split()[:1]}
        for cell in (cells[2], cells[3]):  # latency, as a graph
            assert cell in figures, f"{name}: {cell}"


def test_words_of_this_project_are_in_the_glossary() -> None:
    """Sorted, and each that the brief of the documentation names."""
    page = _page("reference/glossary.md")
    titles = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert titles == sorted(titles, key=str.lower)
    words = "launch turn sample iteration yardstick noise-floor tensor-peak contended baseline"
    words += " reference-entry candidate macs flops latency warm-up verdict threshold suite entry"
    assert set(words.split()) <= anchors(page)


def test_every_page_is_in_the_navigation() -> None:
    """And what is in it exists."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = yaml.safe_load(text[text.index("\nnav:") :])["nav"]

    def files(part: object) -> list[str]:
        if isinstance(part, str):
            return [part]
        items = part.values() if isinstance(part, dict) else part
        return [file for item in items for file in files(item)]  # type: ignore[attr-defined]

    pages = {name_of(page).removeprefix("docs/") for page in PAGES} - {"README.md"}
    assert set(files(nav)) == pages


def test_the_notebook_is_in_the_navigation_where_there_is_one(tmp_path: Path) -> None:
    """After the tutorial; without it the navigation is as it was."""
    config = MkDocsConfig()
    config.load_dict({"docs_dir": str(tmp_path), "nav": ["index.md", "tutorial.md", "a.md"]})
    site_hooks.on_config(config)
    assert config.nav == ["index.md", "tutorial.md", "a.md"]
    (tmp_path / "notebooks").mkdir()
    (tmp_path / site_hooks.NOTEBOOK).touch()
    site_hooks.on_config(config)
    assert config.nav[2] == {"Notebook": "notebooks/tutorial.ipynb"}


def test_a_generated_part_takes_the_place_of_its_mark() -> None:
    """And of what is said in its place on GitHub."""
    text = (
        "All.\n\n<!-- on GitHub -->\n\nNot here.\n\n<!-- generated: columns -->\n\n"
        "More.\n\n<!-- generated: measures -->\n\n<!-- on GitHub -->\n\nNor here.\n\n<!-- end -->\n"
    )
    columns, measures = columns_part.columns(), catalogue_part.measures()
    assert site_hooks.with_parts(text) == (f"All.\n\n{columns}\n\nMore.\n\n{measures}\n\n\n")


def test_links_out_of_docs_lead_to_copies_in_the_site(tmp_path: Path) -> None:
    """Files keep their path, folders become a page, the README is the home page; code stays."""
    (tmp_path / "results" / "run").mkdir(parents=True)
    (tmp_path / "results" / "run" / "report.txt").touch()
    text = (
        "[a](../../results/run) ![b](../../results/run/report.txt) [c](../method.md#x) "
        "[d](https://e.org) [f](#g) [h](../../README.md)\n```text\n[a](../../results/run)\n```\n"
    )
    page = PurePosixPath("docs/how-to/page.md")
    assert outside_files.links_in_site(text, page, tmp_path) == (
        "[a](../results/run/index.md) ![b](../results/run/report.txt) [c](../method.md#x) "
        "[d](https://e.org) [f](#g) [h](../index.md)\n```text\n[a](../../results/run)\n```\n"
    )
    pages = {str(page): text}
    assert outside_files.linked_outside(pages, tmp_path) == {
        "results/run",
        "results/run/report.txt",
    }
    listing = outside_files.listing(tmp_path / "results" / "run", "results/run")
    assert "- [`report.txt`](report.txt)" in listing
