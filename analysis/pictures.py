"""Figures as files: SVG and PNG, byte for byte the same at every run."""

import io
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.figure

from analysis import layout
from analysis.figures import Drawing
from trainables.records.files import write_local


def save(drawing: Drawing, folder: Path) -> bytes:
    """Write a drawing as SVG and PNG under its name; the SVG.

    Raises:
        OSError: if they cannot be written.
    """
    with matplotlib.rc_context(layout.STYLE):
        svg = picture(drawing.figure, "svg", metadata={"Date": None})
        png = picture(drawing.figure, "png", dpi=160)
    write_local(folder / f"{drawing.name}.svg", svg)
    write_local(folder / f"{drawing.name}.png", png)
    return svg


def picture(figure: matplotlib.figure.Figure, kind: str, **options: Any) -> bytes:
    """A figure as the bytes of a file of this kind (svg, png, pdf)."""
    content = io.BytesIO()
    figure.savefig(content, format=kind, **options)
    return content.getvalue()
