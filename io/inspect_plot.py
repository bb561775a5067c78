"""The pictures of `mnemo-inspect plot`: one page of checkpoints and, of a run's folder, its losses
and samples. matplotlib and NumPy only; what the numbers say is in inspect_run.py."""
import math
import textwrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.lines
import matplotlib.pyplot as plt
import matplotlib.ticker
import numpy as np

run = None  # inspect_run.py, set by inspect.py

SECOND = {"exp_avg_sq", "max_exp_avg_sq", "square_avg",
          "sum"}  # never negative: drawn on a log axis
WIDTH = 13.0    # inches
ACROSS = 5      # sample pictures in a row


def spread(items, count):
    """At most `count` of `items`, evenly spaced, the first and the last among them."""
    if len(items) <= max(count, 1):
        return list(items)
    if count <= 1:
        return [items[-1]]
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


class Page:
    """Collects everything to draw; `write` draws it."""

    def __init__(self, title, checkpoints, total, losses, pictures, only, rows, betas):
        self.title, self.checkpoints, self.total = title, checkpoints, total
        self.losses, self.pictures = losses, spread(pictures, 2 * ACROSS)
        weights = run.collect(checkpoints, only, betas)
        self.verdict = run.judge(losses, weights)
        if not (weights or losses or pictures):
            self.verdict.headline = ("Nothing to draw: no weight of more than one element, no table "
                                     "of losses, no pictures")
        self.left_out = max(0, len(weights) - rows)
        weights = weights[:max(rows, 0)]
        self.trained = [w for w in weights if len(w.values) > 1]
        self.plain = [w for w in weights if len(w.values) == 1]

    def summary(self):
        parts = [f"{len(self.checkpoints)} of {self.total} checkpoints",
                 f"{len(self.trained)} weights with moments, {len(self.plain)} without"]
        if self.left_out:
            parts.append(f"{self.left_out} left out (--rows, --only)")
        if self.losses:
            parts.append("losses")
        if self.pictures:
            parts.append(f"{len(self.pictures)} sample pictures")
        lines = [", ".join(parts)]
        if self.verdict.headline:
            lines.append(self.verdict.headline)
        return "\n".join(lines + ["  " + reason for reason in self.verdict.reasons])

    def write(self, file, kind):
        heading = self._heading()
        sections = [s for s in (heading, self._losses(), self._samples(), self._layers(),
                                self._trained(), self._plain()) if s]
        total = sum(height for height, _ in sections)
        figure = plt.figure(figsize=(WIDTH, total), dpi=100)
        top = total
        for height, draw in sections:
            draw(figure, (top - height) / total, height / total)
            top -= height
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
        plt.close(figure)

    def _labels(self):
        return [f"step {step}" if step >= 0 else source.path.replace("$", r"\$")
                for step, source in self.checkpoints]

    def _colours(self):
        count = len(self.checkpoints)
        return [plt.cm.viridis(0.9 - 0.9 * i / (count - 1) if count > 1 else 0.35)
                for i in range(count)]

    # Each section is its height in inches and a function that draws it into a band of the figure.

    def _heading(self):
        about = f"{len(self.checkpoints)} of {self.total} checkpoints"
        if self.left_out:
            about += f"; {self.left_out} further tensors are left out (--rows, --only)"
        lines = [line for reason in self.verdict.reasons for line in textwrap.wrap(reason, 150)]
        colour = {True: "#b00000", False: "#00703c", None: "0.15"}[self.verdict.bad]

        def draw(figure, bottom, height):
            inch, top = 1 / figure.get_figheight(), bottom + height
            plain = dict(ha="left", va="top", parse_math=False)
            figure.text(0.02, top - 0.12 * inch, f"{self.title}   ({about})", fontsize=12,
                        color="0.15", **plain)
            figure.text(0.02, top - 0.42 * inch, self.verdict.headline, fontsize=17,
                        weight="bold", color=colour, **plain)
            figure.text(0.02, top - 0.78 * inch, "\n".join(lines), fontsize=11, color="0.15",
                        linespacing=1.35, **plain)
        said = (0.36 if self.verdict.headline else 0) + 0.21 * len(lines)
        return 0.5 + said, draw

    def _losses(self):
        if not self.losses or len(self.losses["columns"]) < 2:
            return None
        columns = self.losses["columns"]
        names = list(columns)[1:]
        losses = [name for name in names if run.is_loss(name)] or names[:1]
        others = [name for name in names if name not in losses]
        game = run.gan_columns(losses)

        def draw(figure, bottom, height):
            panels = band(figure, bottom, height, 1, 2 if others or game else 1, gap=0.14)[0]
            label = "loss (nats, mean over the batch)" if game else \
                "loss (mean over the batch)" if run.is_loss(losses[0]) else losses[0]
            draw_curves(panels[0], columns, losses, label)
            panels[0].set_title("Losses" if run.is_loss(losses[0]) else losses[0], loc="left",
                                fontsize=11)
            if others:
                draw_curves(panels[1], columns, others, "as logged (no unit)")
                panels[1].set_title("Logged beside it", loc="left", fontsize=11)
            elif game:
                draw_curves(panels[1], columns, losses, "loss (nats, log scale)", logarithmic=True)
                panels[1].set_title("The same, log scale", loc="left", fontsize=11)
            for axes in panels if game and not others else panels[:1] if game else ():
                axes.axhline(run.GUESSING, color="0.3", linestyle=":", linewidth=1.2,
                             label="discriminator that only guesses: 2 ln 2")
                legend_inside(axes)
        return 4.0, draw

    def _samples(self):
        if not self.pictures:
            return None
        rows = math.ceil(len(self.pictures) / ACROSS)
        side = WIDTH * 0.96 / ACROSS
        return rows * (side + 0.2) + 0.6, lambda figure, bottom, height: draw_samples(
            band(figure, bottom, height, rows, ACROSS, left=0.02, gap=0.03, row_gap=0.1, below=0.1),
            self.pictures)

    def _layers(self):
        stepping = [w for w in self.trained if w.steps]
        if not stepping:
            return None

        def draw(figure, bottom, height):
            inch = 1 / figure.get_figheight()
            self._colour_key(figure, bottom + height)
            left, right = band(figure, bottom, height - 0.3 * inch, 1, 2, left=0.2, gap=0.08,
                               below=0.75)[0]
            draw_steps(left, stepping, self._colours())
            draw_silent(right, stepping)
        return 2.1 + 0.3 * len(stepping), draw

    def _colour_key(self, figure, top):
        keys = [matplotlib.lines.Line2D([], [], color=c, label=l, linewidth=2)
                for c, l in zip(self._colours(), self._labels())]
        figure.legend(handles=keys, loc="upper right", bbox_to_anchor=(0.985, top), ncol=len(keys),
                      fontsize=9, frameon=False)

    def _trained(self):
        columns = [c for c in ("weight",) + run.MOMENTS
                   if any(c in w.values for w in self.trained)]
        return self._histograms(
            [[(weight, column) for column in columns] for weight in self.trained],
            "Weights and moments: share of the elements in each bin")

    def _plain(self):
        cells = [(weight, "weight") for weight in self.plain]
        return self._histograms([cells[at:at + 3] for at in range(0, len(cells), 3)],
                                "Weights and buffers without moments")

    def _histograms(self, rows, title):
        if not rows:
            return None

        def draw(figure, bottom, height):
            inch = 1 / figure.get_figheight()
            figure.text(0.02, bottom + height - 0.1 * inch, title, fontsize=11, va="top")
            self._colour_key(figure, bottom + height)
            grid = band(figure, bottom, height - 0.35 * inch, len(rows), max(map(len, rows)),
                        gap=0.22, row_gap=0.95)
            for row, line in zip(rows, grid):
                for axes in line[len(row):]:
                    axes.axis("off")
                for (weight, column), axes in zip(row, line):
                    draw_histogram(axes, weight, column, self._colours())
        return 1.75 * len(rows) + 0.85, draw


def band(figure, bottom, height, rows, columns, left=0.06, gap=0.1, row_gap=0.3, below=0.55):
    """A grid of axes in a horizontal band of the figure, with room for titles above and `below`
    inches for labels."""
    inch = 1 / figure.get_figheight()
    grid = figure.add_gridspec(rows, columns, left=left, right=0.985, bottom=bottom + below * inch,
                               top=bottom + height - 0.3 * inch, wspace=gap, hspace=row_gap)
    return [[figure.add_subplot(grid[r, c]) for c in range(columns)] for r in range(rows)]


# ---------------------------------------------------------------------------------------- drawing

def draw_curves(axes, columns, names, label, logarithmic=False):
    """Columns over the first one: thin each value, thick a moving mean. What is not finite, or on a
    log scale not positive, is left out."""
    key = next(iter(columns))
    steps = np.array(columns[key])
    window = max(1, len(steps) // 50)
    for i, name in enumerate(names):
        values = np.array(columns[name])
        shown = np.isfinite(values) & (values > 0 if logarithmic else True)
        x, y = steps[shown], values[shown]
        smooth = window > 1 and len(y) >= window
        axes.plot(x, y, color=f"C{i}", alpha=0.35 if smooth else 1, linewidth=0.8,
                  label=None if smooth else name)
        if smooth:
            mean = np.convolve(y, np.full(window, 1 / window), "valid")
            axes.plot(x[window - 1:], mean, color=f"C{i}", linewidth=2,
                      label=f"{name} (thick: mean of {window})")
    if logarithmic:
        axes.set_yscale("log")
        drawn = np.concatenate([line.get_ydata() for line in axes.lines] or [np.ones(1)])
        low, high = (np.percentile(drawn, 0.5) / 2, drawn.max()) if len(drawn) else (1, 10)
        high *= max(4, (high / low)**0.4)
        axes.set_ylim(low, high)  # single values far below may leave it; above is the legend
        if high < 100 * low:
            axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
            axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    else:
        low, high = axes.get_ylim()
        any_negative = any((np.array(columns[name]) < 0).any() for name in names)
        axes.set_ylim(low if any_negative else 0, high + 0.3 * (high - low))  # for the legend
    axes.set_xlabel(f"{key} (updates)" if key.lower() == "step" else key)
    axes.set_ylabel(label)
    axes.margins(x=0.01)
    axes.grid(alpha=0.3)
    legend_inside(axes)


def legend_inside(axes):
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right", fontsize=8, framealpha=0.85)


def draw_samples(grid, pictures):
    places = [axes for row in grid for axes in row]
    for axes in places:
        axes.axis("off")
    for axes, (step, path) in zip(places, pictures):
        try:
            picture = plt.imread(path)
        except (OSError, ValueError, SyntaxError) as error:
            axes.set_title(f"unreadable: {str(error)[:30]}", fontsize=8, color="red")
            continue
        axes.imshow(picture, cmap="gray", interpolation="nearest" if picture.shape[0] < 150
                    else "antialiased")
        axes.set_title(f"step {step}", fontsize=9, pad=3)
    places[0].annotate("Samples over the run (step: the number in the file's name)", (0, 1),
                       xycoords="axes fraction", xytext=(0, 20), textcoords="offset points",
                       fontsize=11)


def draw_steps(axes, weights, colours):
    """How far Adam moves each layer, see adam_step; a step is near the learning rate where
    all gradients of an element agree, and near 0 where they are noise."""
    count = len(colours)
    for at, weight in enumerate(weights):
        for i, percentiles in enumerate(weight.steps):
            if percentiles is None:
                continue
            y = at + (0.0 if count == 1 else 0.56 * (i / (count - 1) - 0.5))
            low, median, high = np.maximum(percentiles, 1e-30)
            axes.plot((max(low, median / 1e3), high), (y, y), color=colours[i], linewidth=1.2,
                      alpha=0.7)
            axes.plot(median, y, "o", color=colours[i], markersize=3.5)
            axes.plot(weight.rates[i], y, "|", color="0.45", markersize=7, markeredgewidth=1.2)
    name_rows(axes, weights)
    axes.set_xscale("log")
    grouped = any(weight.grouped for weight in weights)
    axes.set_xlabel("change of an element by one update (in the weight's unit, log scale)\n"
                    "dot: median; line: 5 to 95 % of the elements; grey: the learning rate"
                    + "\n(all as if in no group: files do not say which are in one)" * grouped,
                    fontsize=9)
    axes.set_title("Effective Adam step per layer", loc="left", fontsize=11)
    axes.grid(axis="x", alpha=0.3)


def draw_silent(axes, weights):
    any_silent = False
    for at, weight in enumerate(weights):
        for axis, silent, total in weight.silent:
            any_silent |= silent > 0
            y = at + (0.2 if axis else -0.2) if len(weight.silent) > 1 else at
            axes.barh(y, 100 * silent / total, 0.36, color="C3" if axis == 0 else "C1")
            axes.annotate(f"axis {axis}: {silent} of {total}", (100 * silent / total, y),
                          fontsize=7, xytext=(3, 0), textcoords="offset points", va="center",
                          color="0.1" if silent else "0.5", annotation_clip=False)
    name_rows(axes, weights)
    axes.set_yticklabels([])
    axes.set_xlim(0, 118)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("slices of the weight that no gradient has reached of late (%), newest "
                    "checkpoint\naxis 0: outputs, axis 1: inputs; of a transposed convolution the "
                    "reverse", fontsize=9)
    axes.set_title("Dead units" + ("" if any_silent else ": none"), loc="left", fontsize=11)
    axes.grid(axis="x", alpha=0.3)


def name_rows(axes, weights):
    axes.set_yticks(range(len(weights)))
    axes.set_yticklabels([w.name for w in weights], fontsize=8)
    axes.set_ylim(len(weights) - 0.5, -0.5)


def draw_histogram(axes, weight, column, colours):
    series = weight.values.get(column)
    if not series:
        axes.axis("off")
        return
    second = column in SECOND
    finite = [None if s is None else s[np.isfinite(s)] for s in series]
    drawn = [s[s > 0] if second and s is not None else s for s in finite]
    everything = np.concatenate([s for s in drawn if s is not None] or [np.empty(0)])
    bins = max(8, min(60, 2 * round(math.sqrt(max(len(s) for s in series if s is not None)))))
    edges = bin_edges(everything, second, bins)
    highest = []
    for i, sample in enumerate(drawn):
        if sample is not None and len(sample) and edges is not None:
            share = 100 * np.histogram(sample, edges)[0] / len(series[i])
            last = i == len(drawn) - 1
            axes.stairs(share, edges, color=colours[i], fill=last and len(drawn) == 1,
                        linewidth=1.6 if last else 0.9)
            highest.append(share.max())
    if second and edges is not None:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
        axes.xaxis.get_offset_text().set_fontsize(7)
    notes = []
    if column != "weight" and not second and bins == 60:
        axes.set_yscale("log")  # first moments have a sharp peak and long tails
        axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        axes.set_ylabel("% of elem. (log)", fontsize=7)
    else:
        flat = [h for h in highest if h < 60]
        if flat and max(highest) > 2 * max(flat):  # a constant would flatten all others
            axes.set_ylim(top=1.1 * max(flat))
            notes.append(f"cut off: a peak of {max(highest):.0f} %")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("% of elements", fontsize=7)
    of_gradient = {"exp_avg": " (gradient)", "momentum_buffer": " (gradient)",
                   "grad_avg": " (gradient)"}.get(column, " (gradient squared, log scale)")
    axes.set_xlabel("value" if column == "weight" else column + of_gradient, fontsize=7, labelpad=1)
    axes.tick_params(which="both", labelsize=7)
    annotate(axes, weight, column, series, finite, second, notes)


def bin_edges(values, logarithmic, bins):
    if not len(values):
        return None
    low, high = values.min(), values.max()
    if logarithmic:
        return np.geomspace(low * 0.9, high * 1.1, bins + 1)
    if low == high:
        room = abs(low) * 0.5 or 0.5
        return np.linspace(low - room, high + room,
                           bins // 2 * 2 + 2)  # the value in the middle bin
    return np.linspace(low, high, bins + 1)


def annotate(axes, weight, column, series, finite, second, notes):
    title = weight.name if column == "weight" else f"{column} of {weight.name}"
    axes.set_title(title, fontsize=8, loc="left", pad=3, parse_math=False)
    colour, latest = "0.35", finite[-1]
    if latest is not None:
        broken = len(series[-1]) - len(latest)
        if broken:
            colour = "red"
            notes.append(f"{100 * broken / len(series[-1]):.3g} % not finite")
        zeros = np.count_nonzero(latest == 0)
        if second and zeros:
            notes.append(f"{100 * zeros / len(series[-1]):.3g} % exactly 0")
    if notes:
        axes.annotate("\n".join(notes), (0.98, 0.95), xycoords="axes fraction", fontsize=7,
                      color=colour, ha="right", va="top")
