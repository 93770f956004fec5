"""The visual language of every figure: a look per flavour, a canvas with its legend, notes on what is missing."""

from __future__ import annotations

import functools
import io
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaebench.errors import VaebenchError
from vaebench.files import write
from vaebench.study.naming import CONTROLS, readable

RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs, so the same bytes, everywhere
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "0.4",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.92",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": "0.4",
    "ytick.color": "0.4",
    "xtick.labelcolor": "0.15",
    "ytick.labelcolor": "0.15",
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "pdf.fonttype": 42,
}
# Any two differ by 16 or more in CIELAB, also as seen with protanopia, deuteranopia and tritanopia.
COLOURS = ("#0173b2", "#de8f05", "#029e73", "#e34a33", "#56b4e9", "#8c1c3c", "#f0a3c0", "#332288")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
LINES: tuple[tuple[float, ...], ...] = ((), (5, 1.5), (5, 1.5, 1, 1.5), (1, 1))
CONTROL_COLOURS = ("#000000", "#808080")
# Of classes: as far apart, and from white and light grey as well.
CLASSES = ("#0173b2", "#de8f05", "#029e73", "#e34a33", "#56b4e9", "#8c1c3c", "#8844ee", "#332288", "#000000", "#99e650")
BAND = 0.12
# Per inch. While a PDF is written, each panel of points takes the memory of an image of the whole page.
DOTS = {".pdf": 120, ".png": 200}

Parameters = ParamSpec("Parameters")
Colour = tuple[float, float, float]
Arrays = Mapping[str, np.ndarray]  # pictures of one flavour
Absence = tuple[str, str, str]  # a flavour, the place where it is not shown ("" for all), and the reason


class Look(NamedTuple):
    """How a flavour appears: name, colour, marker, and the dashes of its line (none: solid)."""

    name: str
    colour: str
    marker: str
    dashes: tuple[float, ...]

    def line(self) -> dict[str, Any]:
        """Keyword arguments for a line of this look."""
        return {"color": self.colour, "dashes": self.dashes} if self.dashes else {"color": self.colour}

    def handle(self) -> Line2D:
        """Entry in a legend."""
        return Line2D([], [], marker=self.marker, label=self.name, **self.line())


Palette = Mapping[str, Look]


def palette(families: Mapping[str, str]) -> dict[str, Look]:
    """A look for every flavour of a study, from the family of each, in their order; draw all its figures with it.

    Controls are black and grey, in turn.
    """
    chosen = looks(flavour for flavour, family in families.items() if family != CONTROLS)
    for i, flavour in enumerate(flavour for flavour, family in families.items() if family == CONTROLS):
        colour = CONTROL_COLOURS[i % len(CONTROL_COLOURS)]
        chosen[flavour] = Look(readable(flavour, CONTROLS), colour, "|", (3, 2))
    return {flavour: chosen[flavour] for flavour in families}


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """A look for each label.

    Eight colours come with a marker each; the next eight labels have the same colours, other markers and dashed lines,
    and so on: colour and marker together stay unique for 64 labels.
    """
    found = {}
    for i, label in enumerate(labels):
        turn = i // len(COLOURS)
        marker, dashes = MARKERS[(i + turn) % len(MARKERS)], LINES[turn % len(LINES)]
        found[label] = Look(readable(label), COLOURS[i % len(COLOURS)], marker, dashes)
    return found


def class_colours(labels: np.ndarray) -> dict[int, Colour]:
    """Colour of each class label: that of a label does not depend on which others occur, up to ten classes."""
    classes = np.unique(labels).tolist()
    if max(classes) < 10:
        colours = [to_rgb(colour) for colour in CLASSES]
    else:
        import seaborn as sns

        colours = sns.color_palette("husl", max(classes) + 1)
    return {label: colours[label] for label in classes}


def class_handles(colours: Mapping[int, Colour]) -> list[Line2D]:
    """Entries of classes in a legend."""
    return [Line2D([], [], linestyle="", marker="o", color=c, label=str(label)) for label, c in colours.items()]


def ordered(flavours: Iterable[str], palette: Palette) -> list[str]:
    """Flavours in the order of the palette; raises `VaebenchError` for one that it lacks."""
    present = set(flavours)
    if unknown := present - set(palette):
        raise VaebenchError(
            f"no colour for {', '.join(sorted(unknown))}: make the palette from all flavours of the study"
        )
    return [flavour for flavour in palette if flavour in present]


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Decorator: draw with the settings of this module, whatever those of the user are."""

    @functools.wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with _settings():
            return draw(*args, **kwargs)

    return drawn


def _settings() -> Any:
    return matplotlib.style.context(["default", RC])


def canvas(
    count: int,
    columns: int,
    panel: tuple[float, float],
    *,
    handles: Sequence[Artist] = (),
    note: str = "",
    least: float = 6.4,
    **subplots: Any,
) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels of ``panel`` inches, its legend above them and its note below.

    It is made at least ``least`` inches wide and high enough for legend and note; ``subplots`` goes to
    `Figure.subplots`. Places in the last row that are not needed are taken out.
    """
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    width = max(least, columns * panel[0])
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    beside = max(1, min(len(handles), int(width / (0.55 + 0.075 * longest))))
    lines = textwrap.wrap(note, int(width * 16))
    height = rows * panel[1] + math.ceil(len(handles) / beside) * 0.17 + len(lines) * 0.13 + 0.2
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **subplots).ravel()
    for spare in axes[count:]:
        spare.remove()
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=beside, columnspacing=1.4, handlelength=2.4)
    if lines:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6.5, color="0.35")
    return figure, list(axes[:count])


def say(axes: Axes, text: str) -> None:
    """Words in place of data that do not exist."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.text(
        0.5, 0.5, textwrap.fill(text, 34), ha="center", va="center", color="0.35", fontsize=7, transform=axes.transAxes
    )


def nothing(text: str, note: str) -> Figure:
    """A small figure that says what no flavour has, with the note on why."""
    figure, [axes] = canvas(1, 1, (4.0, 0.6), note=note)
    say(axes, text)
    return figure


def window(means: Iterable[float], *ends: Iterable[float]) -> tuple[float, float]:
    """Limits of an axis: all of the means and ends of intervals but those far out, beyond three quartile ranges.

    One flavour that failed, or one interval over two seeds, must not flatten all the others.
    """
    centre = np.asarray(list(means), dtype=float)
    lower, upper = np.quantile(centre, (0.25, 0.75))
    reach = 3 * (upper - lower) or np.inf
    values = np.concatenate([centre, *(np.asarray(list(end), dtype=float) for end in ends)])
    shown = values[np.isfinite(values) & (values >= lower - reach) & (values <= upper + reach)]
    margin = 0.06 * np.ptp(shown) or 0.06 * abs(shown[0]) or 1.0
    return shown.min() - margin, shown.max() + margin


def rows(axes: Axes, flavours: Sequence[str], palette: Palette) -> None:
    """A row for each flavour, the first on top, every other one shaded: that of number n is at y = n."""
    for odd in range(1, len(flavours), 2):
        axes.axhspan(odd - 0.5, odd + 0.5, color="0.96", linewidth=0, zorder=0)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(flavours)), [palette[flavour].name for flavour in flavours])
    axes.set_ylim(len(flavours) - 0.5, -0.5)


def title(*parts: str) -> str:
    """Title of a panel from what sets it apart; empty parts are left out."""
    return " · ".join(filter(None, parts))


def absences(records: Iterable[Absence], palette: Palette) -> str:
    """One note on what is not shown; flavours that lack the same for the same reason are named once."""
    flavours: dict[tuple[str, str], list[str]] = {}
    for flavour, place, reason in dict.fromkeys(records):
        flavours.setdefault((reason, place), []).append(flavour)
    places: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, place), lacking in flavours.items():
        places.setdefault((reason, tuple(ordered(lacking, palette))), []).append(place)
    parts = [
        ", ".join(palette[flavour].name for flavour in lacking)
        + (f" in {', '.join(where)}" if any(where) else "")
        + f" — {reason}"
        for (reason, lacking), where in places.items()
    ]
    return f"Not shown: {'; '.join(parts)}." if parts else ""


def lacks(pictures: Mapping[str, Arrays], palette: Palette, key: str, otherwise: str, told: str = "") -> dict[str, str]:
    """Why each flavour of the palette has no array ``key`` among its pictures; "" if it has finite values.

    Where the pictures as a whole give no reason, it is that under the key ``told``, else ``otherwise``. Raises
    `VaebenchError` for a flavour that the palette lacks.
    """
    ordered(pictures, palette)
    return {flavour: _lack(pictures.get(flavour), key, otherwise, told) for flavour in palette}


def _lack(pictures: Arrays | None, key: str, otherwise: str, told: str) -> str:
    if pictures is None:
        return "no run"
    if reason := str(pictures["reason"]):
        return reason
    if key not in pictures or not pictures[key].size:
        return str(pictures.get(told, otherwise))
    return "" if np.isfinite(pictures[key]).any() else "not finite anywhere"


def split(reasons: Mapping[str, str]) -> tuple[list[str], list[Absence]]:
    """From why each flavour is not shown ("" if it is): those that are, and the absences of the others."""
    shown = [flavour for flavour, reason in reasons.items() if not reason]
    return shown, [(flavour, "", reason) for flavour, reason in reasons.items() if reason]


def save(figure: Figure, paths: Iterable[str | Path]) -> None:
    """Write a figure as PDF or PNG by each path's suffix, images at `DOTS` per inch; equal figures give equal bytes.

    Raises `VaebenchError` for another suffix or if the file system refuses.
    """
    metadata = {".pdf": {"CreationDate": None}, ".png": {"Software": None}}
    with _settings():  # laid out once, for all formats
        figure.set_dpi(DOTS[".png"])
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    for path in map(Path, paths):
        if path.suffix not in metadata:
            raise VaebenchError(f"{path}: figures are written as {' or '.join(metadata)}")
        buffer = io.BytesIO()
        with _settings():
            figure.savefig(buffer, format=path.suffix[1:], dpi=DOTS[path.suffix], metadata=metadata[path.suffix])
        write(path, buffer.getvalue())
