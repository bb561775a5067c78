"""The pictures of `mnemo-inspect plot`: one page of checkpoints and, of a run's folder, its losses
and samples. matplotlib and NumPy only. """
import math
import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker
import numpy as np

MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg",
           "sum")
SECOND = {"exp_avg_sq", "max_exp_avg_sq", "square_avg",
          "sum"}  # never negative: drawn on a log axis
SAMPLE = 50_000    # elements of a tensor that a histogram looks at, evenly spaced
SILENT = 1e-8      # a second moment this far below the layer's median: gradients 10^4 times smaller
WIDTH = 13.0       # inches


def spread(items, count):
    """At most `count` of `items`, evenly spaced, the first and the last among them."""
    if len(items) <= max(count, 1):
        return list(items)
    if count <= 1:
        return [items[-1]]
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


class Weight:
    """A parameter or buffer with the moments that an optimizer keeps of it, by checkpoint."""

    def __init__(self, name):
        self.name = name
        self.values = {}    # column ("weight", "exp_avg", ...) -> one sample or None per checkpoint
        self.nonfinite = 0
        self.silent = [
        ]  # (slices without gradient, slices) of axis 0 and 1, in the last checkpoint
        self.steps = []     # |exp_avg| / sqrt(exp_avg_sq) per checkpoint: percentiles 5, 50, 95


class Page:
    """Collects everything to draw; `write` draws it."""

    def __init__(self, title, checkpoints, total, losses, pictures, only, rows):
        self.title, self.checkpoints, self.total = title, checkpoints, total
        self.losses, self.pictures = losses, spread(pictures, 8)
        self.steps = [step for step, _ in checkpoints]
        weights = collect(checkpoints, only)
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
        return ", ".join(parts)

    def write(self, file, kind):
        sections = [s for s in (self._losses(), self._samples(), self._layers(), self._trained(),
                                self._plain()) if s]
        heights = [height for height, _ in sections] or [1.0]
        figure = plt.figure(figsize=(WIDTH, sum(heights) + 1.0), dpi=100)
        figure.suptitle(self._heading(), x=0.02, y=1 - 0.15 / figure.get_figheight(), ha="left",
                        va="top", fontsize=13)
        top = sum(heights) + 0.25
        for height, draw in sections:
            bottom = (top - height) / figure.get_figheight()
            draw(figure, bottom, height / figure.get_figheight())
            top -= height
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
        plt.close(figure)

    def _heading(self):
        text = self.title.replace("$", r"\$")
        if self.checkpoints:
            text += "   checkpoints: " + ", ".join(self._labels())
            if self.total > len(self.checkpoints):
                text += f"  ({len(self.checkpoints)} of {self.total})"
        if self.left_out:
            text += f"\n{self.left_out} further tensors are left out (--rows, --only)"
        return text

    def _labels(self):
        return [f"step {step}" if step >= 0 else source.path.replace("$", r"\$")
                for step, source in self.checkpoints]

    def _colours(self):
        count = len(self.checkpoints)
        return [plt.cm.viridis(0.9 - 0.9 * i / (count - 1) if count > 1 else 0.35)
                for i in range(count)]

    # Each section is its height in inches and a function that draws it into a band of the figure.

    def _losses(self):
        if not self.losses or len(self.losses["columns"]) < 2:
            return None
        others = [name for name in self.losses["columns"] if not is_loss(name)][1:]

        def draw(figure, bottom, height):
            panels = band(figure, bottom, height, 1, 2 if others else 1)[0]
            draw_losses(panels[0], self.losses)
            if others:
                draw_curves(panels[1], self.losses, others, "as logged")
                panels[1].set_title("Logged beside the losses", loc="left", fontsize=11)
        return 3.6, draw

    def _samples(self):
        if not self.pictures:
            return None
        size = 2.0 if len(self.pictures) > 4 else 3.2
        return size + 0.5, lambda figure, bottom, height: draw_samples(
            band(figure, bottom, height, 1, max(4, len(self.pictures)), left=0.02), self.pictures)

    def _layers(self):
        stepping = [w for w in self.trained if w.steps]
        if not stepping:
            return None

        def draw(figure, bottom, height):
            left, right = band(figure, bottom, height, 1, 2, left=0.2, gap=0.08)[0]
            draw_steps(left, stepping, self._colours(), self._labels())
            draw_silent(right, stepping)
        return 1.55 + 0.27 * len(stepping), draw

    def _trained(self):
        columns = [c for c in ("weight",) + MOMENTS if any(c in w.values for w in self.trained)]
        if not self.trained:
            return None

        def draw(figure, bottom, height):
            grid = band(figure, bottom, height, len(self.trained), len(columns), gap=0.22,
                        row_gap=0.95)
            for weight, row in zip(self.trained, grid):
                for column, axes in zip(columns, row):
                    draw_histogram(axes, weight, column, self._colours(), self._labels())
        return 1.75 * len(self.trained) + 0.5, draw

    def _plain(self):
        if not self.plain:
            return None
        rows = math.ceil(len(self.plain) / 3)

        def draw(figure, bottom, height):
            cells = [
                a for row in band(figure, bottom, height, rows, 3, gap=0.22, row_gap=0.95)
                for a in row
            ]
            for axes in cells[len(self.plain):]:
                axes.axis("off")
            for weight, axes in zip(self.plain, cells):
                draw_histogram(axes, weight, "weight", self._colours(), self._labels())
        return 1.75 * rows + 0.5, draw


def band(figure, bottom, height, rows, columns, left=0.06, gap=0.1, row_gap=0.3):
    """A grid of axes in a horizontal band of the figure, with room for titles and labels."""
    inch = 1 / figure.get_figheight()
    grid = figure.add_gridspec(rows, columns, left=left, right=0.985, bottom=bottom + 0.55 * inch,
                               top=bottom + height - 0.3 * inch, wspace=gap, hspace=row_gap)
    return [[figure.add_subplot(grid[r, c]) for c in range(columns)] for r in range(rows)]


# ------------------------------------------------------------------------------------- collecting

def split_name(name):
    """optimizer, moment and parameter of `generator_optimizer/exp_avg/up1/weight`, or None."""
    found = re.match(r"(?:(.*)/)?(%s)/(.+)$" % "|".join(MOMENTS), name)
    return (found[1] or "", found[2], found[3]) if found else None


def owner(optimizer, parameter, shape, weights):
    """The weight that a moment belongs to: the one under the name that the optimizer's name starts
    with, else the only one of that name and shape, else none."""
    same = [
        n for n, s in weights.items()
        if s == shape and (n == parameter or n.endswith("/" + parameter))
    ]
    near = [
        n for n in same if optimizer.startswith(n[:len(n) - len(parameter)].rstrip("/") or "\0")
    ]
    return max(near, key=len) if near else same[0] if len(same) == 1 else None


def collect(checkpoints, only):
    """The Weights of all checkpoints, in the order of the first one that has them."""
    import fnmatch
    found = {}
    for at, (_, source) in enumerate(checkpoints):
        shapes = {name: e.shape for name, e in source.entries.items()
                  if e.dtype.kind == "f" and e.count > 1 and not split_name(name)}
        moments = {}
        for name, entry in source.entries.items():
            parts = split_name(name)
            if parts and entry.dtype.kind == "f" and entry.count > 1:
                home = owner(parts[0], parts[2], entry.shape, shapes) or f"{parts[0]}: {parts[2]}"
                moments.setdefault(home, {})[parts[1]] = name
        for home in list(shapes) + [h for h in moments if h not in shapes]:
            names = dict(moments.get(home, {}), **({"weight": home} if home in shapes else {}))
            if not only or any(fnmatch.fnmatchcase(n, p) for n in names.values() for p in only):
                weight = found.setdefault(home, Weight(home))
                gather(weight, source, names, at, at == len(checkpoints) - 1)
    return list(found.values())


def gather(weight, source, names, at, last):
    """Adds one checkpoint's sample of a weight and its moments."""
    for column, name in names.items():
        array = source.read(name)
        flat = array.ravel()
        sample = flat[::max(1, len(flat) // SAMPLE)].astype(np.float64)
        series = weight.values.setdefault(column, [])
        series += [None] * (at - len(series)) + [sample]
        if last:
            weight.nonfinite += int(flat.size - np.count_nonzero(np.isfinite(flat)))
            if column == "exp_avg_sq":
                weight.silent = silent_slices(array)
    if "exp_avg" in names and "exp_avg_sq" in names:
        m, v = weight.values["exp_avg"][at], weight.values["exp_avg_sq"][at]
        ratio = np.abs(m) / np.sqrt(np.where(v > 0, v, np.inf))
        ratio = ratio[np.isfinite(ratio)]
        weight.steps += [None] * (at - len(weight.steps))
        weight.steps.append(np.percentile(ratio, (5, 50, 95)) if ratio.size else None)


def silent_slices(second):
    """Along axis 0 and 1, how many slices of a second moment are so small that no gradient worth
    the name has come for a long time, and how many slices there are."""
    found = []
    for axis in range(min(2, second.ndim)):
        rest = tuple(i for i in range(second.ndim) if i != axis)
        largest = second.max(axis=rest).astype(np.float64) if rest else second.astype(np.float64)
        if len(largest) > 1:
            silent = largest <= SILENT * np.median(second)
            found.append((axis, int(np.count_nonzero(silent)), len(largest)))
    return found


# ---------------------------------------------------------------------------------------- drawing

def is_loss(name):
    return "loss" in name.lower()


def draw_losses(axes, losses):
    """The columns that are losses and, in the title, what is remarkable about them."""
    names = [name for name in losses["columns"] if is_loss(name)]
    drawn, remarks = draw_curves(axes, losses, names, "loss (mean over the batch)")
    if losses["damaged"]:
        remarks.append(f"{losses['damaged']} damaged lines")
    joined = " ".join(names).lower()
    if "discriminator" in joined and "generator" in joined.replace("discriminator", ""):
        remarks += judge(axes, drawn)
        axes.legend(loc="upper left", fontsize=8, ncol=3)
    title = "Losses" + ("   (" + "; ".join(remarks) + ")" if remarks else "")
    alarm = "has won" in title or "not finite" in title
    axes.set_title(title, loc="left", fontsize=11, color="red" if alarm else "black")


def draw_curves(axes, losses, names, label):
    """Columns over the first one: thin each value, thick a moving mean. Returns the columns, and
    remarks about values that are not finite."""
    key = next(iter(losses["columns"]))
    steps = np.array(losses["columns"][key])
    drawn = {name: np.array(losses["columns"][name]) for name in names}
    window, remarks = max(1, len(steps) // 50), []
    for i, (name, values) in enumerate(drawn.items()):
        finite = np.isfinite(values)
        if not finite.all():
            remarks.append(f"{name}: {np.count_nonzero(~finite)} values not finite")
        x, y = steps[finite], values[finite]
        smooth = window > 1 and len(y) >= window
        axes.plot(x, y, color=f"C{i}", alpha=0.35 if smooth else 1, linewidth=0.8,
                  label=None if smooth else name)
        if smooth:
            mean = np.convolve(y, np.full(window, 1 / window), "valid")
            axes.plot(x[window - 1:], mean, color=f"C{i}", linewidth=2,
                      label=f"{name} (thick: mean of {window})")
    if not any((values < 0).any() for values in drawn.values()):
        axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{key} (updates)" if key.lower() == "step" else key)
    axes.set_ylabel(label)
    axes.margins(x=0.01)
    axes.grid(alpha=0.3)
    if drawn:
        axes.legend(loc="upper left", fontsize=8, ncol=3)
    return drawn, remarks


def judge(axes, drawn):
    """For a GAN with cross-entropy losses: what a discriminator that only guesses would lose, and
    whether at the end it loses next to nothing."""
    axes.axhline(2 * math.log(2), color="0.3", linestyle=":", linewidth=1.2,
                 label="discriminator that only guesses: 2 ln 2")
    name = next(n for n in drawn if "discriminator" in n.lower())
    values = drawn[name]
    end = values[-max(1, len(values) // 10):]
    if not len(end):
        return []
    level = float(np.mean(end))
    if not math.isfinite(level):
        return [f"{name} is not finite at the end"]
    verdict = "it has won: the generator learns little" if level < 0.1 else \
        "it only guesses" if level > 1.36 else "balanced"
    return [f"{name} over the last tenth: {level:.3g}, {verdict}"]


def draw_samples(grid, pictures):
    row = grid[0]
    for axes in row:
        axes.axis("off")
    for axes, (step, path) in zip(row, pictures):
        try:
            picture = plt.imread(path)
        except (OSError, ValueError, SyntaxError) as error:
            axes.set_title(f"unreadable: {str(error)[:20]}", fontsize=7, color="red")
            continue
        axes.imshow(picture, cmap="gray",
                    interpolation="nearest" if picture.shape[0] < 150 else None)
        axes.set_title(f"{step}", fontsize=9)
    row[0].annotate("Samples, by the number in the file's name", (0, 1), xycoords="axes fraction",
                    xytext=(0, 18), textcoords="offset points", fontsize=11)


def draw_steps(axes, weights, colours, labels):
    """How far Adam moves: with g the gradient, |exp_avg| / sqrt(exp_avg_sq) is near 1 where all
    gradients of an element agree, near 0 where they are noise; times the learning rate it is the
    element's step (without bias correction and epsilon)."""
    count = len(colours)
    for at, weight in enumerate(weights):
        for i, percentiles in enumerate(weight.steps):
            if percentiles is None:
                continue
            y = at + (0.0 if count == 1 else 0.56 * (i / (count - 1) - 0.5))
            low, median, high = percentiles
            axes.plot((low, high), (y, y), color=colours[i], linewidth=1.2, alpha=0.7)
            axes.plot(median, y, "o", color=colours[i], markersize=3.5,
                      label=labels[i] if at == 0 else None)
    name_rows(axes, weights)
    axes.set_xlim(left=0)
    axes.axvline(1, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_xlabel("|exp_avg| / sqrt(exp_avg_sq), in learning rates; dot: median, line: 5 to 95 %")
    axes.set_title("Effective Adam step per layer (no bias correction)", loc="left", fontsize=11)
    axes.grid(axis="x", alpha=0.3)
    if count > 1:
        axes.legend(fontsize=7, loc="lower right")


def draw_silent(axes, weights):
    any_silent = False
    for at, weight in enumerate(weights):
        for axis, silent, total in weight.silent:
            any_silent |= silent > 0
            y = at + (0.2 if axis else -0.2) if len(weight.silent) > 1 else at
            axes.barh(y, 100 * silent / total, 0.36, color="C3" if axis == 0 else "C1")
            axes.annotate(f"axis {axis}: {silent} of {total}", (100 * silent / total, y),
                          fontsize=6.5, xytext=(3, 0), textcoords="offset points", va="center",
                          color="0.1" if silent else "0.5")
    name_rows(axes, weights)
    axes.set_yticklabels([])
    axes.set_xlim(0, 100)
    axes.set_xlabel("slices of the weight without gradient (%), newest checkpoint\n"
                    "axis 0: outputs, axis 1: inputs; of a transposed convolution the reverse",
                    fontsize=9)
    axes.set_title("Dead units" + ("" if any_silent else ": none"), loc="left", fontsize=11)
    axes.grid(axis="x", alpha=0.3)


def name_rows(axes, weights):
    axes.set_yticks(range(len(weights)))
    axes.set_yticklabels([w.name for w in weights], fontsize=8)
    axes.set_ylim(len(weights) - 0.5, -0.5)


def draw_histogram(axes, weight, column, colours, labels):
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
    for i, sample in enumerate(drawn):
        if sample is not None and len(sample) and edges is not None:
            share = 100 * np.histogram(sample, edges)[0] / len(series[i])
            last = i == len(drawn) - 1
            axes.stairs(share, edges, color=colours[i], fill=last and len(drawn) == 1,
                        linewidth=1.6 if last else 0.9, label=labels[i])
    if second and edges is not None:
        axes.set_xscale("log")
    if column != "weight" and not second and bins == 60:
        axes.set_yscale("log")  # first moments have a sharp peak and long tails
        axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        axes.set_ylabel("% of elem. (log)", fontsize=7)
    else:
        axes.set_ylim(bottom=0)
        axes.set_ylabel("% of elements", fontsize=7)
    axes.set_xlabel({"weight": "value"}.get(column, column) + (" (log)" if second else ""),
                    fontsize=7, labelpad=1)
    axes.tick_params(which="both", labelsize=7)
    annotate(axes, weight, column, series, finite, second)


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


def annotate(axes, weight, column, series, finite, second):
    title = weight.name if column == "weight" else f"{column} of {weight.name}"
    axes.set_title(title.replace("$", r"\$"), fontsize=8, loc="left", pad=3)
    notes, colour = [], "0.35"
    latest = finite[-1]
    if latest is not None:
        broken = len(series[-1]) - len(latest)
        if broken:
            notes, colour = [f"{100 * broken / len(series[-1]):.3g} % not finite"], "red"
        zeros = np.count_nonzero(latest == 0)
        if second and zeros:
            notes.append(f"{100 * zeros / len(series[-1]):.3g} % exactly 0")
    if notes:
        axes.annotate("\n".join(notes), (0.98, 0.95), xycoords="axes fraction", fontsize=7,
                      color=colour, ha="right", va="top")
