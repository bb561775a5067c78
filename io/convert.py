#!/usr/bin/env python3
"""Converts training state between mnemo's checkpoints and PyTorch, Keras 3 and safetensors.

In a program, every function takes and gives dictionaries of NumPy arrays (PyTorch's tensors are
taken too), so that neither framework is needed here:

    import sys; sys.path.insert(0, "mnemo/io")                     # or share/mnemo/python
    import convert

    # PyTorch to mnemo: a model and its Adam under the names that a mnemo program gives them
    state = convert.under("generator", convert.model_from_torch(model.state_dict()))
    state |= convert.under("generator_optimizer", convert.optimizer_from_torch(
        adam.state_dict(), [name for name, _ in model.named_parameters()]))
    numpy.savez("start.npz", **state)

    # mnemo to PyTorch: goes on with the same trajectory
    state = numpy.load("step_00001000.npz", allow_pickle=False)
    weights = convert.model_to_torch(convert.below("generator", state))
    model.load_state_dict(convert.tensors(weights))
    adam.load_state_dict(convert.tensors(convert.optimizer_to_torch(
        convert.below("generator_optimizer", state),
        [name for name, _ in model.named_parameters()], like=adam.state_dict())))

    # Keras 3 (channels last) to mnemo: a model and its Adam
    weights = {v.path: v.numpy() for v in model.weights}
    moments = {v.path: v.numpy() for v in model.optimizer.variables}
    pictures = {"score": ("in", (128, 7, 7))}                   # see from_keras
    state = convert.under("net", convert.from_keras(weights, pictures))
    state |= convert.under("adam", convert.adam_from_keras(moments, weights, pictures))

    # mnemo to Keras: into a model that has been built, and its optimizer too
    found = convert.to_keras(convert.below("net", state), weights, pictures)
    for v in model.weights: v.assign(found[v.path])
    found = convert.adam_to_keras(convert.below("adam", state), moments, weights, pictures)
    for v in model.optimizer.variables: v.assign(found[v.path])

As a command, between files (PyTorch's need torch and are opened with weights_only): convert.py
--help.
"""
import argparse
import os
import sys
import warnings
from importlib import util

_HERE = os.path.dirname(os.path.realpath(__file__))
if __name__ == "__main__":  # inspect.py lies here too and must not hide the standard module
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != _HERE]
    sys.dont_write_bytecode = True  # as in inspect.py

try:
    import numpy as np
except ImportError as missing:
    print(
        f"convert.py: NumPy is needed ({missing}): install it with `apt install python3-numpy` or "
        f"`{sys.executable} -m pip install numpy`", file=sys.stderr)
    raise SystemExit(2) from None


def _beside(name):
    spec = util.spec_from_file_location("mnemo_" + name, os.path.join(_HERE, name + ".py"))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


files = _beside("checkpoint")
safetensors_file = _beside("safetensors_file")
Failure = files.Failure


# ------------------------------------------------------------------------------------------ names

def under(prefix, tensors):
    """The same tensors as `prefix/name`; under "" they are what they are."""
    return {f"{prefix}/{name}" if prefix else name: tensor for name, tensor in tensors.items()}


def below(prefix, tensors):
    """Those called `prefix/...`, without the prefix. Fails if there are none. Below "" are all."""
    if not prefix:
        return dict(tensors)
    start = prefix.rstrip("/") + "/"
    found = {name[len(start):]: tensors[name] for name in tensors if name.startswith(start)}
    if not found:
        groups = sorted({name.split("/")[0] for name in tensors})
        raise Failure(f"no tensor is called {start}...; there are {', '.join(groups) or 'none'}")
    return found


def _named(name, state, wanted_for):
    if name not in state:
        raise Failure(f"{wanted_for}: no tensor is called {name}" + files.guess(name, list(state)))
    return as_array(state[name])


def as_array(tensor):
    """A NumPy array of a NumPy array, a number, or a PyTorch tensor."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        if str(tensor.dtype) == "torch.bfloat16":
            tensor = tensor.float()
        tensor = tensor.numpy()
    return np.array(tensor)


def tensors(arrays):
    """Dictionaries and lists of arrays with PyTorch tensors in the place of the arrays."""
    import torch
    if isinstance(arrays, dict):
        return {key: tensors(value) for key, value in arrays.items()}
    if isinstance(arrays, np.ndarray):
        return torch.from_numpy(arrays.copy())
    return arrays


# ---------------------------------------------------------------------------------------- PyTorch

# PyTorch's count of passes through a batch-norm layer, which changes nothing unless momentum=None.
NOT_IN_MNEMO = "num_batches_tracked"
BUFFERS = ("running_mean", "running_var", NOT_IN_MNEMO)


def model_from_torch(state_dict):
    """`up1.weight` becomes `up1/weight`. Layouts are the same in both."""
    return {name.replace(".", "/"): as_array(tensor) for name, tensor in state_dict.items()
            if name.split(".")[-1] != NOT_IN_MNEMO}


def model_to_torch(state):
    """`up1/weight` becomes `up1.weight`; batch-norm layers get a `num_batches_tracked` of 0."""
    found = {}
    for name in state:
        found[name.replace("/", ".")] = as_array(state[name])
        if name.split("/")[-1] == "running_var":
            found[name[:-len("running_var")].replace("/", ".") + NOT_IN_MNEMO] = np.array(0)
    return found


def parameter_names(state_dict):
    """The names of a model's parameters in PyTorch's order: its state_dict without batch-norm's
    buffers. A model with other buffers needs `named_parameters()` instead."""
    return [name for name in state_dict if name.split(".")[-1] not in BUFFERS]


def optimizer_from_torch(state_dict, names, shapes=None, step=0, groups=None, skipped=False):
    """The state of a PyTorch optimizer, kept there by position, under mnemo's names: `step`,
    `learning_rate`, `exp_avg/up1/weight` and so on; the words are PyTorch's, but for the betas of
    Adam, `beta1` and `beta2` here. PyTorch counts the
    steps of each parameter, mnemo those that a parameter missed (`skipped/up1/weight`, for Adam):
    an optimizer of mnemo's made with MissingGradient::skip has them (`skipped=True`), another one
    has not; where a parameter did miss steps they are written in any case.

    `names` are those of the optimizer's parameters in their order. A parameter without state yet
    gets zeros where `shapes` (name to shape) says how large. `step` is for optimizers that count
    none (SGD). `groups` names the parameter groups in their order, "" the one whose rate is plain
    `learning_rate` in mnemo; without it all groups must have one rate and the same betas. Fails
    where positions or shapes do not fit the names."""
    positions = _positions(state_dict["param_groups"], names)
    names = [name.replace(".", "/") for name in names]
    shapes = {name.replace(".", "/"): tuple(shape) for name, shape in (shapes or {}).items()}
    steps, words, found = {}, [], {}
    for position, name in zip(positions, names):
        for word, value in state_dict["state"].get(position, {}).items():
            if word == "step":
                steps[name] = int(value)
            elif value is not None:
                array = as_array(value)
                if shapes.get(name, array.shape) != array.shape:
                    raise Failure(f"{word} number {position} has the shape {array.shape}, {name} "
                                  f"{shapes[name]}: the names are in another order")
                found[word, name] = array
                words += [word] if word not in words else []
    taken = max(steps.values(), default=step)
    state = {"step": np.array(taken, np.int64)}
    state.update(_numbers_from_torch(state_dict["param_groups"], groups, "exp_avg_sq" in words))
    for word in words:
        for name in names:
            if (word, name) not in found and name not in shapes:
                raise Failure(f"{name} has no {word}, and its shape is not known")
            like = next(iter(found.values())).dtype
            state[f"{word}/{name}"] = found[word, name] if (word, name) in found else \
                np.zeros(shapes[name], like)
    missed = {name: np.array(taken - steps.get(name, 0), np.int64) for name in names if steps}
    if "exp_avg_sq" in words and (skipped or any(missed.values())):
        state.update(under("skipped", missed))
    elif len(set(steps.values())) > 1:
        raise Failure(f"the parameters have different step counts: {sorted(set(steps.values()))}")
    return state


def optimizer_to_torch(state, names, like, groups=None):
    """The other way: a state_dict for a PyTorch optimizer whose own state_dict is `like`; its
    options (epsilon, ...) stay, the learning rate, Adam's betas and all state are mnemo's. Fails
    where a parameter has no state or a state no parameter."""
    positions = _positions(like["param_groups"], names)
    names = [name.replace(".", "/") for name in names]
    groups = groups or [""] * len(like["param_groups"])
    if len(groups) != len(like["param_groups"]):
        raise Failure(
            f"the optimizer has {len(like['param_groups'])} groups, {len(groups)} were named")
    options = []
    for options_there, group in zip(like["param_groups"], groups):
        number = lambda name: float(state[f"{name}/{group}" if group else name])
        options.append(dict(options_there, lr=number("learning_rate")))
        if "beta1" in state:
            options[-1]["betas"] = (number("beta1"), number("beta2"))

    place = dict(zip(names, positions))
    made, skipped = {position: {} for position in positions}, {}
    for key in state:
        word, _, name = key.partition("/")
        if not name or word in ("learning_rate", "beta1", "beta2"):
            continue
        if name not in place:
            raise Failure(f"{key}: the optimizer has no parameter {name}")
        if word == "skipped":
            skipped[name] = int(state[key])
        else:
            made[place[name]][word] = as_array(state[key])
    words = {word for entry in made.values() for word in entry}
    for name, position in place.items():
        lacking = words - set(made[position])
        if lacking:
            raise Failure(f"{name} has no {', '.join(sorted(lacking))}")
        steps = int(state["step"]) - skipped.get(name, 0)
        if not steps or not words:
            del made[position]  # as PyTorch, which makes the state at a parameter's first step
        elif words != {"momentum_buffer"}:  # SGD counts no steps
            made[position]["step"] = np.array(float(steps), np.float32)
    return {"state": made, "param_groups": options}


def _positions(groups, names):
    positions = [position for group in groups for position in group["params"]]
    if len(positions) != len(names):
        raise Failure(
            f"the optimizer has {len(positions)} parameters, {len(names)} names were given")
    return positions


def _numbers_from_torch(param_groups, groups, is_adam):
    """Learning rates and, of Adam, betas: those of the group "" under the plain names."""
    values = [tuple(map(float, (group["lr"], *(group.get("betas", ()) if is_adam else ()))))
              for group in param_groups]
    if groups is None:
        if len(set(values)) != 1:
            raise Failure(f"the groups have different learning rates or betas ({sorted(set(values))}"
                          "): name them with `groups`")
        groups = [""] * len(values)
    if len(groups) != len(values):
        raise Failure(f"the optimizer has {len(values)} groups, {len(groups)} were named")
    named = {"": values[0], **dict(zip(groups, values))}
    return {f"{word}/{group}" if group else word: np.array(value, np.float64)
            for i, word in enumerate(("learning_rate", "beta1", "beta2")[:len(values[0])])
            for group, value in ((group, numbers[i]) for group, numbers in named.items())}


# ------------------------------------------------------------------------------------------ Keras
# Keras keeps images and kernels with the channels last: dense [in, out], convolution [kh, kw, in,
# out], transposed convolution [kh, kw, out, in]; mnemo [out, in], [out, in, kh, kw], [in, out, kh,
# kw]. So in every case the two last axes change places and come first.

KERAS_WORDS = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
               "moving_variance": "running_var", "bias": "bias", "embeddings": "weight",
               "scale": "weight"}
KERAS_MOMENTS = {"momentum": "exp_avg", "velocity": "exp_avg_sq", "velocity_hat": "max_exp_avg_sq"}


def _turn(array, path, back):
    """A Keras kernel in mnemo's layout, or `back`; all else (also embeddings) is the same in both."""
    if array.ndim < 2 or path.split("/")[-1] == "embeddings":
        return array
    axes = (array.ndim - 1, array.ndim - 2, *range(array.ndim - 2))
    return array.transpose(np.argsort(axes) if back else axes)


def _reorder(array, layer, pictures, back):
    """Dense layers beside a flatten or reshape: their features are (h, w, c) in Keras and (c, h, w)
    here. `array` is in mnemo's layout."""
    if layer not in pictures:
        return array
    side, (channels, height, width) = pictures[layer]
    if side not in ("in", "out"):
        raise Failure(f"pictures[{layer!r}]: expected 'in' or 'out' and [c, h, w], found {side!r}")
    if side == "in" and array.ndim == 1:
        return array
    axis = 1 if side == "in" else 0
    if array.shape[axis] != channels * height * width:
        raise Failure(
            f"{layer}: [{channels}, {height}, {width}] are {channels * height * width} features, "
            f"the weight has {array.shape[axis]}")
    order = np.arange(channels * height * width)
    order = order.reshape(channels, height, width).transpose(1, 2, 0).ravel() if back else \
        order.reshape(height, width, channels).transpose(2, 0, 1).ravel()
    return np.take(array, order, axis)


def _from_keras(array, path, name, pictures):
    """The value of the Keras variable `path` of a model as mnemo's tensor `name`."""
    layer = name.rsplit("/", 1)[0]
    return _reorder(_turn(as_array(array), path, back=False), layer, pictures or {}, back=False)


def _to_keras(array, path, name, pictures):
    layer = name.rsplit("/", 1)[0]
    array = _turn(_reorder(array, layer, pictures or {}, back=True), path, back=True)
    return np.array(array, order="C")


def _keras_layers(paths):
    """Keras path to mnemo name, for a model's variables; a first part that all share (the model's
    own name) is dropped."""
    split = {path: path.split("/") for path in paths}
    firsts = {parts[0] for parts in split.values()}
    drop = 1 if len(firsts) == 1 and all(len(parts) > 2 for parts in split.values()) else 0
    names = {}
    for path, parts in split.items():
        if parts[-1] not in KERAS_WORDS:
            raise Failure(f"{path}: mnemo has no counterpart of {parts[-1]!r}; it knows "
                          + ", ".join(KERAS_WORDS))
        names[path] = "/".join(parts[drop:-1] + [KERAS_WORDS[parts[-1]]])
    if len(set(names.values())) != len(names):
        raise Failure("two variables of the Keras model would get one name")
    return names


def from_keras(variables, pictures=None):
    """A Keras model's variables (path to array) under mnemo's names and in its layouts.

    `pictures` names the dense layers whose inputs are flattened pictures, or whose outputs become
    some: {"score": ("in", (128, 7, 7)), "project": ("out", (128, 7, 7))}, as [channels, height,
    width].

    What is no tensor differs too: Keras's BatchNormalization has epsilon 1e-3 and momentum 0.99
    where mnemo says 1e-5 and 0.1 (= 1 - 0.9), and keeps the variance divided by n where mnemo and
    PyTorch divide by n - 1."""
    return {name: _from_keras(variables[path], path, name, pictures)
            for path, name in _keras_layers(variables).items()}


def to_keras(state, like, pictures=None):
    """The other way: arrays for the Keras variables `like` (path to anything with a shape)."""
    found = {}
    for path, name in _keras_layers(like).items():
        array = _to_keras(_named(name, state, path), path, name, pictures)
        if array.shape != tuple(like[path].shape):
            raise Failure(f"{path}: has the shape {list(like[path].shape)}, {name} turned "
                          f"{list(array.shape)}")
        found[path] = array
    return found


def _keras_moments(variables, model):
    """Path of an optimizer's variable to its mnemo name, the Keras path of its parameter, and its
    word."""
    stems = {path.replace("/", "_"): path for path in model}
    if len(stems) != len(model):
        raise Failure("two variables of the Keras model have moments of one name")
    names = _keras_layers(model)
    found = {}
    for path in variables:
        last = path.split("/")[-1]
        if last in ("iteration", "learning_rate"):
            found[path] = ("step" if last == "iteration" else last, None)
            continue
        for suffix, word in KERAS_MOMENTS.items():
            if last.endswith("_" + suffix) and last[:-len(suffix) - 1] in stems:
                parameter = stems[last[:-len(suffix) - 1]]
                found[path] = (f"{word}/{names[parameter]}", parameter)
        if path not in found:
            raise Failure(f"{path}: neither a counter nor a moment of a variable of the model")
    return found


def adam_from_keras(variables, model, pictures=None, betas=(0.9, 0.999)):
    """A Keras Adam's variables (path to array) under mnemo's names; `model` has the paths of the
    model's variables; the betas are no variables in Keras. Keras adds epsilon before the bias
    correction, mnemo and PyTorch after it (as in the paper): step number t is the same where
    epsilon here is the one there / sqrt(1 - beta2^t)."""
    state = {}
    for path, (name, parameter) in _keras_moments(variables, model).items():
        if parameter is None:
            dtype = np.int64 if name == "step" else np.float64
            state[name] = as_array(variables[path]).astype(dtype)
        else:
            home = name.split("/", 1)[1]
            state[name] = _from_keras(variables[path], parameter, home, pictures)
    return state | {f"beta{i}": np.array(beta, np.float64) for i, beta in enumerate(betas, 1)}


def adam_to_keras(state, like, model, pictures=None):
    """The other way: arrays for the variables `like` of a Keras Adam."""
    found = {}
    for path, (name, parameter) in _keras_moments(like, model).items():
        found[path] = _named(name, state, path)
        if parameter is not None:
            found[path] = _to_keras(found[path], parameter, name.split("/", 1)[1], pictures)
    return found


# ------------------------------------------------------------------------------------------ files

def read(path):
    """All tensors of a checkpoint (.npz, .npy or folder) by name."""
    source = files.Source(path)
    return {name: source.read(name) for name in source.entries}


def write(path, state):
    if not path.endswith(".npz"):
        raise Failure(f"{path}: a checkpoint's name ends in .npz")
    files.replace_file(path, lambda file: np.savez(file, **state))
    print(f"{path}: {len(state)} tensors")


def merged(path, state):
    """The checkpoint at `path` with the tensors of `state` in the place of its own."""
    whole = read(path)
    for name, array in state.items():
        there = _named(name, whole, path)
        if there.shape != array.shape or there.dtype != array.dtype:
            raise Failure(f"{path}: {name} is {there.dtype} {list(there.shape)}, the new one "
                          f"{array.dtype} {list(array.shape)}")
        whole[name] = array
    return whole


def load_torch(path, trusted):
    """What torch.save wrote. PyTorch 1.13 reads only tensors with weights_only, not an optimizer's
    options; there, and for other pickles, `trusted` allows everything that a pickle can do."""
    import pickle
    import torch
    try:
        with warnings.catch_warnings():  # on odd files: they are told in our words
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=not trusted)
    except (OSError, EOFError, ValueError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
        text = str(error).splitlines()[0].split(". ")[0] if str(error) else "cannot be read"
        raise Failure(f"{path}: {text}" +
                      ("" if trusted else " (torch.load with weights_only; if the file is "
                       "your own, --trusted reads any pickle)")) from None


def save_torch(path, state):
    import torch
    files.replace_file(path, lambda file: torch.save(tensors(state), file))
    print(f"{path}: written")


def optimizer_of(prefix):
    return prefix + "_optimizer" if prefix else "optimizer"


def command_from_torch(options):
    model = load_torch(options.model, options.trusted)
    state = under(options.prefix, model_from_torch(model))
    if options.optimizer:
        group = optimizer_of(options.prefix)
        there = read(options.into) if options.into else {}
        found = optimizer_from_torch(load_torch(options.optimizer, options.trusted),
                                     parameter_names(model),
                                     {name: tensor.shape for name, tensor in model.items()},
                                     skipped=any(n.startswith(group + "/skipped/") for n in there))
        state.update(under(group, found))
    write(options.out, merged(options.into, state) if options.into else state)


def command_to_torch(options):
    state = read(options.file)
    model = model_to_torch(below(options.prefix, state))
    save_torch(options.model, model)
    if options.optimizer:
        if not options.like:
            raise Failure(
                "--optimizer needs --like: an optimizer's state_dict of the same kind, for the "
                "options that mnemo's program holds in its code")
        save_torch(
            options.optimizer,
            optimizer_to_torch(below(optimizer_of(options.prefix), state), parameter_names(model),
                               load_torch(options.like, options.trusted)))


def command_from_safetensors(options):
    with files.told(options.file):
        state = safetensors_file.read(options.file)
    if not options.keep_names:
        state = model_from_torch(state)
    write(options.out, under(options.prefix, state))


def command_to_safetensors(options):
    state = below(options.prefix, read(options.file))
    if not options.keep_names:
        state = {name.replace("/", "."): array for name, array in state.items()}
    with files.told(options.file):
        data = safetensors_file.encoded(state)
    files.replace_file(options.out, lambda file: file.write(data))
    print(f"{options.out}: {len(state)} tensors")


def parser():
    top = argparse.ArgumentParser(
        prog="convert.py", description="Converts between mnemo's checkpoints and "
        "files of PyTorch or safetensors (and, in a program, Keras 3).")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(name, function, text, *arguments):
        command = commands.add_parser(name, help=text, description=text + ".")
        command.set_defaults(run=function)
        for argument, meaning in arguments:
            command.add_argument(argument, metavar=argument.upper(), help=meaning)
        if name.endswith("torch"):
            command.add_argument(
                "--trusted", action="store_true", help="unpickle .pt files in full: it can "
                "run code in them, so only for your own (PyTorch 1 needs it for optimizers)")
        command.add_argument(
            "--prefix", default="", help="the model's name in the checkpoint, such as "
            "generator; its optimizer is PREFIX_optimizer")
        return command

    command = add("from-torch", command_from_torch,
                  "a model's state_dict, saved by torch.save, to .npz", ("model", "the state_dict"),
                  ("out", "the .npz"))
    command.add_argument("--optimizer", metavar="FILE", help="the state_dict of its optimizer")
    command.add_argument(
        "--into", metavar="CHECKPOINT", help="take all other tensors from this one, which "
        "must have those of the model already")
    command = add("to-torch", command_to_torch, "a model out of a checkpoint to a state_dict",
                  ("file", "the checkpoint"), ("model", "where the state_dict goes"))
    command.add_argument("--optimizer", metavar="FILE",
                         help="where its optimizer's state_dict goes")
    command.add_argument("--like", metavar="FILE",
                         help="an optimizer's state_dict to take the options from")
    for name, function, text, arguments in (
            ("from-safetensors", command_from_safetensors, "safetensors to .npz",
             (("file", "the safetensors"), ("out", "the .npz"))),
            ("to-safetensors", command_to_safetensors, "a checkpoint to safetensors",
             (("file", "the checkpoint"), ("out", "the safetensors")))):
        add(name, function, text, *arguments).add_argument(
            "--keep-names", action="store_true",
            help="leave names as they are: a whole checkpoint, "
            "optimizers and all, there and back")
    return top


def main(arguments=None):
    options = parser().parse_args(arguments)
    try:
        options.run(options)
        return 0
    except Failure as error:
        print(f"convert.py: {error}", file=sys.stderr)
    except ImportError as error:
        print(
            f"convert.py: {error}: install it from your distribution or with "
            f"`{sys.executable} -m pip install {error.name}`", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
