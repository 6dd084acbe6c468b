"""The terminal pictures of the README, drawn from transcripts.

    python bench/pictures.py    draws docs/pictures/NAME.svg from docs/pictures/NAME.txt

A transcript is the command after ``$ ``, then what it printed; ``…`` stands for lines left out.
"""

import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"

_STYLES = {
    r"^\$ .*$": "bold",
    r"\b(faster|better|fits|good|Improvement)\b": "green",
    r"\b(slower|worse|poor|Regression)\b": "bold red",
    r"\b(undecided|fair|unknown)\b": "yellow",
}

# Rich's own template loads a font from a server: a picture needs no network.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def svg(transcript: str, name: str) -> str:
    """The picture of a terminal that shows ``transcript``; ``name`` makes identifiers unique."""
    text = Text(transcript.rstrip())
    for pattern, style in _STYLES.items():
        text.highlight_regex(rf"(?m){pattern}", style)
    width = max(map(len, transcript.splitlines()))
    console = Console(record=True, width=width, file=io.StringIO(), color_system="truecolor")
    console.print(text, no_wrap=True, overflow="ignore", crop=False)
    page = console.export_svg(title="", theme=MONOKAI, code_format=_SVG, unique_id=name)
    return "\n".join(line.strip() for line in page.splitlines() if line.strip()) + "\n"


def main() -> None:
    """Draw every transcript's picture beside it."""
    for path in sorted(PICTURES.glob("*.txt")):
        picture = svg(path.read_text(encoding="utf-8"), path.stem)
        path.with_suffix(".svg").write_text(picture, encoding="utf-8")
        print(path.with_suffix(".svg").name)


if __name__ == "__main__":
    main()
