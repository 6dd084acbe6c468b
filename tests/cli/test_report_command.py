"""``report``: what it prints is what it writes."""

from pathlib import Path

import pytest
from synthetic import make_run, write_folder

from cspbench.cli import main


def test_a_page_is_printed_as_it_is_written(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """To the byte: the browser compares each script with its hash."""
    write_folder(make_run(("dense", "csp"), launches=2, turns=2), tmp_path / "run")
    assert main(["report", str(tmp_path / "run"), "--format", "html"]) == 0
    printed = capsysbinary.readouterr().out
    assert printed == (tmp_path / "run" / "report.html").read_bytes()
    assert printed.startswith(b"<!DOCTYPE html>\n")
