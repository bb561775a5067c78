"""What the numbers of a run say, for `mnemo-inspect plot`: the weights of its checkpoints with
their moments, how far Adam moves them, which units get no gradient, and in words whether all is
well. NumPy only."""
import fnmatch
import math
import re

import numpy as np

MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg",
           "sum")
SAMPLE = 50_000  # elements of a tensor that are looked at, evenly spaced
SILENT = 1e-8    # a moment this far below the layer's median: no gradient worth the name
GUESSING = 2 * math.log(2)  # what a discriminator that only guesses loses, on real and fake


class Weight:
    """A parameter or buffer with the moments that an optimizer keeps of it, by checkpoint."""

    def __init__(self, name):
        self.name = name
        self.values = {}  # column ("weight", "exp_avg", ...) -> one sample or None per checkpoint
        self.nonfinite = 0
        self.silent = []  # (axis, slices without gradient, slices), in the last checkpoint
        self.steps = []   # Adam's step per checkpoint, see adam_step, or None
        self.rates = []   # the learning rate likewise; where the optimizer has groups, that of no group
        self.grouped = False  # the optimizer has groups; no file says which weights are in one


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


def collect(checkpoints, only, betas):
    """The Weights of all checkpoints, in the order of the first one that has them."""
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
                gather(weight, source, names, at, at == len(checkpoints) - 1, betas)
    return list(found.values())


def gather(weight, source, names, at, last, betas):
    """Adds one checkpoint's sample of a weight and its moments."""
    for column, name in names.items():
        array = source.read(name)
        flat = array.ravel()
        sample = flat[::max(1, len(flat) // SAMPLE)].astype(np.float64)
        series = weight.values.setdefault(column, [])
        series += [None] * (at - len(series)) + [sample]
        if last:
            weight.nonfinite += int(flat.size - np.count_nonzero(np.isfinite(flat)))
            # A bias may have no gradient where its unit lives: a critic's that is added to real
            # and generated samples alike.
            if column == "exp_avg" and array.ndim > 1:
                weight.silent = silent_slices(array)
    if "exp_avg" in names and "exp_avg_sq" in names:
        optimizer, _, parameter = split_name(names["exp_avg"])
        start = optimizer + "/" if optimizer else ""

        def number(name, default):
            entry = source.entries.get(start + name)
            return float(source.read(start + name)) if entry and entry.count == 1 else default
        steps = number("step", math.inf) - number("skipped/" + parameter, 0)
        rate = number("learning_rate", math.nan)
        weight.grouped |= any(name.startswith(start + "learning_rate/") for name in source.entries)
        betas = [number(name, default) for name, default in zip(("beta1", "beta2"), betas)]
        moments = [weight.values[column][at] for column in ("exp_avg", "exp_avg_sq")]
        step = adam_step(*moments, steps, rate, betas)
        weight.steps += [None] * (at - len(weight.steps)) + [step]
        weight.rates += [None] * (at - len(weight.rates)) + [rate]


def adam_step(first, second, steps, rate, betas):
    """By how much Adam's last update changed an element, apart from weight decay: rate m' /
    (sqrt(v') + 1e-8), where m' and v' are the moments with their correction for `steps` steps. The
    percentiles 5, 50 and 95; None before the first step."""
    if steps < 1 or not math.isfinite(rate):
        return None
    corrected = [moment / (1 - beta**steps) for moment, beta in zip((first, second), betas)]
    change = rate * np.abs(corrected[0]) / (np.sqrt(np.abs(corrected[1])) + 1e-8)
    change = change[np.isfinite(change)]
    return np.percentile(change, (5, 50, 95)) if change.size else None


def silent_slices(first):
    """Along axis 0 and 1, how many slices of a first moment are so small that no gradient worth the
    name has come of late, and how many slices there are."""
    found, size = [], np.abs(first)
    for axis in range(min(2, first.ndim)):
        largest = size.max(axis=tuple(i for i in range(first.ndim) if i != axis))
        if len(largest) > 1:
            silent = largest.astype(np.float64) <= SILENT * np.median(size)
            found.append((axis, int(np.count_nonzero(silent)), len(largest)))
    return found


# ---------------------------------------------------------------------------------------- judging

class Verdict:
    """A headline, the reasons for it, and whether it is bad news (True), good (False) or none."""

    def __init__(self, bad, headline, *reasons):
        self.bad, self.headline, self.reasons = bad, headline, list(reasons)


def judge(losses, weights):
    """In words how the run fares: by its losses and by the weights of its newest checkpoint."""
    verdict = by_losses(losses) if losses else Verdict(None, "")
    broken = [w for w in weights if w.nonfinite]
    if broken:
        verdict.bad = True
        verdict.headline = "Training has diverged: weights or moments are not finite"
        verdict.reasons.insert(0, ", ".join(f"{w.name}: {w.nonfinite} elements not finite"
                                            for w in broken[:4]))
    dead = [f"{silent} of {total} slices of {w.name} (axis {axis})" for w in weights
            for axis, silent, total in w.silent if silent > 0.1 * total]
    if dead:
        verdict.reasons.append("no gradient reaches " + ", ".join(dead[:3])
                               + (f" and {len(dead) - 3} more" if len(dead) > 3 else ""))
        if verdict.headline in ("", "No alarm"):
            verdict.bad, verdict.headline = True, "Some units are dead"
    if losses and losses["damaged"]:
        verdict.reasons.append(f"{losses['damaged']} damaged lines in the table of losses")
    return verdict


def gan_columns(names):
    """The columns of discriminator and generator among losses by cross-entropy, or None."""
    discriminator = [n for n in names if "discriminator" in n.lower() and is_loss(n)]
    generator = [n for n in names if "generator" in n.lower() and is_loss(n)]
    return (discriminator[0], generator[0]) if discriminator and generator else None


def is_loss(name):
    return "loss" in name.lower()


def ends(values):
    """The means of the first and of the last tenth."""
    count = max(1, len(values) // 10)
    return float(np.mean(values[:count])), float(np.mean(values[-count:]))


def percent(share):
    return f"{100 * share:.{3 if 0.99 < share < 1 else 1}f} %" if share > 0.01 else \
        f"{100 * share:.2g} %"


def by_losses(losses):
    names = list(losses["columns"])
    columns = {name: np.array(losses["columns"][name]) for name in names}
    key, logged = names[0], names[1:]
    if not len(columns[key]):
        return Verdict(None, "")
    for name in logged:
        finite = np.isfinite(columns[name])
        if not finite.all():
            first = columns[key][np.argmin(finite)]
            return Verdict(True, "Training has diverged",
                           f"{name} is not finite, first at {key} {first:g}")
    gan = gan_columns(logged)
    if gan and not any((columns[name] < 0).any() for name in gan):
        return by_game(key, columns[key], *gan, columns)
    trends = [f"{name}: {first:.3g} over the first tenth, {last:.3g} over the last"
              for name in logged for first, last in [ends(columns[name])]]
    falling = [name for name in logged if is_loss(name)]
    if not falling or len(columns[key]) < 20:
        return Verdict(None, "No alarm", *trends)
    first, last = ends(columns[falling[0]])
    if last < first - 0.02 * abs(first):
        return Verdict(False, f"Learning: {falling[0]} has fallen", *trends)
    return Verdict(True, f"Not learning: {falling[0]} has not fallen", *trends)


def by_game(key, steps, discriminator, generator, columns):
    """Discriminator against generator. exp(-loss / 2) is the probability that the discriminator
    gives to the right answer, as a geometric mean over real and generated samples."""
    loss = columns[discriminator]
    level, against = ends(loss)[1], ends(columns[generator])[1]
    right = math.exp(-level / 2)
    reason = (f"{discriminator} over the last tenth: {level:.3g} (one that only guesses: 2 ln 2 = "
              f"1.39); it gives the right answer a probability of {percent(right)}")
    taken = math.exp(-against)
    other = (f"{generator} over the last tenth: {against:.3g}; it gives a generated sample a "
             f"probability of {percent(taken)} of being real")
    window = min(10, len(loss))
    smooth = np.convolve(loss, np.full(window, 1 / window), "valid")
    advice = "try a lower learning rate of the discriminator, or a higher one of the generator"
    if level < 0.1:
        above = np.nonzero(smooth >= 0.1)[0]
        since = steps[min(above[-1] + 1, len(smooth) - 1)] if len(above) else steps[0]
        return Verdict(True, "The discriminator has won: the generator learns little or nothing",
                       reason, other, f"so it has been since {key} {since:g}", advice)
    won = steps[window - 1:][smooth < 0.1]
    past = [f"it had won at {key} {won[0]:g} to {won[-1]:g} ({discriminator} below 0.1)"] if len(won) \
        else []
    if level < 0.3 or taken < 0.15:
        return Verdict(True, "The discriminator is far ahead: it takes few generated samples for "
                       "real", reason, other, *past, advice)
    worst = float(np.percentile(loss[-(len(loss) // 3 or 1):], 95))
    if len(loss) >= 30 and worst > 2 * GUESSING:
        return Verdict(True, "Unstable: the discriminator is sure at times, badly wrong at others",
                       f"in the last third one step in twenty has a {discriminator} above "
                       f"{worst:.3g}", reason, other, "try lower learning rates")
    if level > 0.98 * GUESSING:
        return Verdict(None, "The discriminator only guesses: the generator has caught up, or "
                       "the discriminator does not learn", reason, other)
    return Verdict(False, "Balanced: discriminator and generator learn from each other", reason,
                   other)
