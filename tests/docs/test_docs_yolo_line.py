"""The page on the YOLO line is what the committed run and the catalogue say."""

import yolo_line


def test_the_page_is_what_its_script_writes() -> None:
    """After a change of either: python bench/yolo_line.py."""
    assert yolo_line.PAGE.read_text(encoding="utf-8") == yolo_line.page()
