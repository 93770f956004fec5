"""Between the same pairs of test images (framed), decoder means along the straight line of each flavour's latent space
and along its geodesics: that of the study's first latent metric, and of each further one by name. Beside a geodesic is
the ratio of its length to the line's, both by its own metric (—: not converged or undefined).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vaebench.evaluation.survey import METRICS
from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile
from vaebench.report.tables.entry import MISSING

PATHS = ("line", "geodesic", *METRICS)
PAIRS, FEW = 2, 12  # pairs of a flavour: one where there are more than a few flavours
FEW_COLUMNS, COLUMNS = 2, 3  # of panels: of a few flavours, and of more
BESIDE = 0.66  # inches, of what is beside a strip
FRAME = "#de8f05"


@style.styled
def interpolations(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A panel per flavour: ``end_images``, and of each path ``_images`` and ``_ratios``."""
    shown, records = style.split(style.lacks(geometries, palette, "geodesic_images", "no geodesics", "curve_reason"))
    paths = [path for path in PATHS if any(f"{path}_images" in geometries[flavour] for flavour in shown)]
    records += [
        (flavour, path, str(geometries[flavour].get(f"{path}_reason", "not computed")))
        for flavour in shown
        for path in paths
        if f"{path}_images" not in geometries[flavour]
    ]
    note = style.absences(records, palette)
    if not shown:
        return style.nothing("no flavour has geodesics", note)
    pairs = PAIRS if len(shown) <= FEW else 1
    sheets = [_Sheet(geometries[flavour], pairs) for flavour in shown]
    columns = min(FEW_COLUMNS if len(shown) <= FEW else COLUMNS, len(shown))
    scale = (style.TWO / max(2, columns) - BESIDE) / sheets[0].across
    rows = [sheets[start : start + columns] for start in range(0, len(sheets), columns)]
    heights = [scale * max(sheet.down for sheet in row) + 0.42 for row in rows]
    size, handles = (style.TWO / max(2, columns), sum(heights) / len(heights)), style.family_handles(shown, palette)
    figure, grid = style.canvas(
        len(shown), columns, size, handles=handles, note=note, least=size[0], height_ratios=heights
    )
    for axes, flavour, sheet in zip(grid, shown, sheets, strict=True):
        style.name(axes, palette[flavour])
        sheet.draw(axes)
    return figure


class _Sheet:
    """One picture of a flavour's strips, a block per pair: a row per path, and the test images in the middle of its
    sides. Sizes are in pixels of the images.
    """

    def __init__(self, geometry: style.Arrays, pairs: int) -> None:
        self.geometry = geometry
        self.paths = [path for path in PATHS if f"{path}_images" in geometry]
        self.ends = geometry["end_images"][:pairs]
        self.height, self.width = self.ends.shape[-2:]
        self.strips = [
            tile(np.concatenate(images), images[0].shape[0])
            for images in zip(*(geometry[f"{path}_images"][:pairs] for path in self.paths), strict=True)
        ]
        self.high, wide, _ = self.strips[0].shape
        self.gap = max(2, self.width // 2)
        self.left = self.width + self.gap  # where decoded images begin
        self.right = self.left + wide + self.gap  # where the last test image does
        self.across = self.right + self.width
        self.tops = [place * (self.high + self.gap) for place in range(len(self.strips))]
        self.down = self.tops[-1] + self.high

    def draw(self, axes: Axes) -> None:
        sheet = np.ones((self.down, self.across, 3))
        middle = (self.high - self.height) // 2
        rows = (np.arange(len(self.paths)) + 0.5) * self.high / len(self.paths)
        for pair, (top, strip) in enumerate(zip(self.tops, self.strips, strict=True)):
            sheet[top : top + self.high, self.left : self.left + strip.shape[1]] = strip
            for x, image in zip((0, self.right), self.ends[pair], strict=True):
                y = top + middle
                sheet[y : y + self.height, x : x + self.width] = tile(image[None], 1)
                place, size = (x - 0.5, y - 0.5), (self.width, self.height)
                axes.add_patch(Rectangle(place, *size, fill=False, edgecolor=FRAME, linewidth=1.4, clip_on=False))
            self._tell(axes, pair, top + rows)
        axes.imshow(sheet, interpolation="nearest")
        axes.grid(visible=False)
        axes.set_anchor("NW")
        axes.set_yticks(np.add.outer(self.tops, rows).ravel(), self.paths * len(self.tops))
        centres = self.width / 2, self.across / 2, self.across - self.width / 2
        axes.set_xticks(centres, ["test", "decoded", "test"])
        axes.tick_params(length=0, labelsize=5.5)
        axes.spines[:].set_visible(False)

    def _tell(self, axes: Axes, pair: int, rows: Sequence[float] | np.ndarray) -> None:
        """The ratios of a pair's geodesics, beside their strips."""
        for path, row in zip(self.paths, rows, strict=True):
            if path != "line":
                ratio = self.geometry[f"{path}_ratios"][pair]
                text = f"× {ratio:.2f}" if np.isfinite(ratio) else MISSING
                axes.text(self.across + self.gap / 2, row, text, va="center", fontsize=5.5)


def finding(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> str:
    """How much shorter geodesics are than lines."""
    shown = style.having(geometries, palette, "geodesic_ratios")
    ratios = np.concatenate([geometries[flavour]["geodesic_ratios"] for flavour in shown] or [np.empty(0)])
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):
        return ""
    low, middle, high = np.quantile(ratios, (0, 0.5, 1))
    return (
        f"The {len(ratios)} ratios of all pairs and flavours go from {low:.2f} to {high:.2f}, with median {middle:.2f}."
    )
