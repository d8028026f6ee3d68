"""A screen as a small SVG: one text element for each run of a style. Deterministic, and readable in a diff."""

from __future__ import annotations

from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

CELL, LINE = 8.4, 17
FOREGROUND, BACKGROUND = "#d0d0d0", "#101010"


def _colours(style: Style) -> tuple[str, str]:
    """Text and background, empty where they are the terminal's own."""
    ends = [
        "" if colour is None or colour.is_default else colour.get_truecolor().hex
        for colour in (style.color, style.bgcolor)
    ]
    return (ends[1] or BACKGROUND, ends[0] or FOREGROUND) if style.reverse else (ends[0], ends[1])


def _rule(style: Style) -> str:
    text, _ = _colours(style)
    parts = [f"fill:{text}"] if text else []
    parts += ["font-weight:bold"] if style.bold else []
    parts += ["opacity:.6"] if style.dim else []
    parts += ["text-decoration:underline"] if style.underline else []
    return ";".join(parts)


_INK = f'fill="{FOREGROUND}" xml:space="preserve"'


def picture(strips: list[Strip], width: int, height: int) -> str:
    """Draw the strips of a screen of `width` times `height` cells."""
    classes: dict[str, str] = {}
    body: list[str] = []
    for y, strip in enumerate(strips[:height]):
        x, top = 0, y * LINE
        runs: list[tuple[str, Style]] = []
        for segment in strip:
            if segment.control or not segment.text:
                continue
            style = segment.style or Style.null()
            if runs and (_colours(runs[-1][1]), _rule(runs[-1][1])) == (_colours(style), _rule(style)):
                runs[-1] = (runs[-1][0] + segment.text, style)
            else:
                runs.append((segment.text, style))
        for text, style in runs:
            cells = cell_len(text)
            back = _colours(style)[1]
            if back:
                body.append(
                    f'<rect x="{x * CELL:.1f}" y="{top}" width="{cells * CELL:.1f}" height="{LINE}" fill="{back}"/>'
                )
            if text.strip():
                name = classes.setdefault(_rule(style), f"s{len(classes)}")
                lead = cells - cell_len(text.lstrip(" "))
                shown = text.strip(" ")
                body.append(
                    f'<text class="{name}" x="{(x + lead) * CELL:.1f}" y="{top + 13}" '
                    f'textLength="{cell_len(shown) * CELL:.1f}">{escape(shown)}</text>'
                )
            x += cells
    rules = "".join(f".{name}{{{rule}}}" for rule, name in classes.items())
    size = f'width="{width * CELL:.0f}" height="{height * LINE}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace" font-size="14" {_INK}>',
        f"<style>{rules}</style>",
        f'<rect {size} fill="{BACKGROUND}"/>',
    ]
    return "\n".join([*head, *body, "</svg>", ""])
