"""Layers, losses and optimizers as their definitions say, in NumPy float64 and plain loops. Nothing
here is taken from mnemo, and nothing is fast; the golden values are made with it.
"""
import numpy as np


# ------------------------------------------------------------------------------------- convolution

def conv2d(x, w, bias, stride, padding, dilation=(1, 1), groups=1):
    """y[n,o,i,j] = bias[o] + sum over c,a,b of x[n,c,i*s+a*d-p,j*s+b*d-p] w[o,c,a,b], where x is
    zero outside."""
    batch, _, height, width = x.shape
    outs, ins, kh, kw = w.shape
    rows = (height + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    columns = (width + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((batch, outs, rows, columns))
    for n, o, i, j, c, a, b in np.ndindex(batch, outs, rows, columns, ins, kh, kw):
        r = i * stride[0] + a * dilation[0] - padding[0]
        s = j * stride[1] + b * dilation[1] - padding[1]
        if 0 <= r < height and 0 <= s < width:
            y[n, o, i, j] += x[n, o // (outs // groups) * ins + c, r, s] * w[o, c, a, b]
    return y + bias[None, :, None, None]


def conv2d_gradients(x, w, u, stride, padding, dilation=(1, 1), groups=1):
    """The derivatives of sum(u * conv2d(x, w, bias)) by x, w and bias, term by term."""
    batch, _, height, width = x.shape
    outs, ins, kh, kw = w.shape
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for n, o, i, j, c, a, b in np.ndindex(*u.shape, ins, kh, kw):
        r = i * stride[0] + a * dilation[0] - padding[0]
        s = j * stride[1] + b * dilation[1] - padding[1]
        if 0 <= r < height and 0 <= s < width:
            channel = o // (outs // groups) * ins + c
            dx[n, channel, r, s] += u[n, o, i, j] * w[o, c, a, b]
            dw[o, c, a, b] += u[n, o, i, j] * x[n, channel, r, s]
    return dx, dw, u.sum(axis=(0, 2, 3))


def conv_transpose2d(x, w, bias, stride, padding, output_padding=(0, 0)):
    """Every x[n,c,i,j] adds x * w[c,o,a,b] at y[n,o,i*s+a-p,j*s+b-p]; what falls outside is
    lost."""
    batch, ins, height, width = x.shape
    _, outs, kh, kw = w.shape
    rows = (height - 1) * stride[0] - 2 * padding[0] + kh + output_padding[0]
    columns = (width - 1) * stride[1] - 2 * padding[1] + kw + output_padding[1]
    y = np.zeros((batch, outs, rows, columns))
    for n, c, i, j, o, a, b in np.ndindex(batch, ins, height, width, outs, kh, kw):
        r, s = i * stride[0] + a - padding[0], j * stride[1] + b - padding[1]
        if 0 <= r < rows and 0 <= s < columns:
            y[n, o, r, s] += x[n, c, i, j] * w[c, o, a, b]
    return y + bias[None, :, None, None]


def conv_transpose2d_gradients(x, w, u, stride, padding):
    """The derivatives of sum(u * conv_transpose2d(x, w, bias)) by x, w and bias, term by term."""
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    _, _, rows, columns = u.shape
    for n, c, i, j, o, a, b in np.ndindex(*x.shape, *w.shape[1:]):
        r, s = i * stride[0] + a - padding[0], j * stride[1] + b - padding[1]
        if 0 <= r < rows and 0 <= s < columns:
            dx[n, c, i, j] += u[n, o, r, s] * w[c, o, a, b]
            dw[c, o, a, b] += u[n, o, r, s] * x[n, c, i, j]
    return dx, dw, u.sum(axis=(0, 2, 3))


# ------------------------------------------------------------------------------ batch normalisation

def per_channel(x):
    """[batch, channels, ...] as a list of flat arrays, one per channel."""
    return [x[:, c].ravel() for c in range(x.shape[1])]


def batch_norm(x, gamma, beta, eps, mean=None, variance=None):
    """y, mean and variance (divided by n) per channel; with `mean` and `variance` given, by
    those."""
    y, means, variances = np.zeros(x.shape), [], []
    for c, values in enumerate(per_channel(x)):
        m = values.sum() / len(values) if mean is None else mean[c]
        v = ((values - m) ** 2).sum() / len(values) if variance is None else variance[c]
        y[:, c] = gamma[c] * (x[:, c] - m) / np.sqrt(v + eps) + beta[c]
        means.append(m)
        variances.append(v)
    return y, np.array(means), np.array(variances)


def running_statistics(x, mean, variance, momentum, old_mean, old_variance):
    """What PyTorch keeps: the mean, and the variance divided by n - 1."""
    n = x[:, 0].size
    return ((1 - momentum) * old_mean + momentum * mean,
            (1 - momentum) * old_variance + momentum * variance * n / (n - 1))


def batch_norm_gradients(x, gamma, eps, u):
    """The derivatives of sum(u * batch_norm(x)) by x, gamma and beta: Ioffe and Szegedy (2015),
    section 3, step by step through the variance and the mean."""
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(gamma.shape), np.zeros(gamma.shape)
    for c in range(x.shape[1]):
        values, g = x[:, c], u[:, c]
        n, mean = values.size, values.sum() / values.size
        centred = values - mean
        variance = (centred ** 2).sum() / n
        dhat = g * gamma[c]
        dvariance = (dhat * centred).sum() * -0.5 * (variance + eps) ** -1.5
        dmean = -dhat.sum() / np.sqrt(variance + eps) - dvariance * 2 * centred.sum() / n
        dx[:, c] = dhat / np.sqrt(variance + eps) + dvariance * 2 * centred / n + dmean / n
        dgamma[c] = (g * centred).sum() / np.sqrt(variance + eps)
        dbeta[c] = g.sum()
    return dx, dgamma, dbeta


# ------------------------------------------------------------------------------------------- losses

def softmax_cross_entropy(logits, labels):
    """The mean over the rows of -log softmax(row)[label], and its derivative by the logits."""
    loss, gradient = 0.0, np.zeros(logits.shape)
    for i, (row, label) in enumerate(zip(logits, labels)):
        powers = np.exp(row - row.max())
        loss += np.log(powers.sum()) + row.max() - row[label]
        gradient[i] = powers / powers.sum()
        gradient[i, label] -= 1
    return loss / len(labels), gradient / len(labels)


def bce_with_logits(logits, targets):
    """The mean of -t log s(x) - (1 - t) log(1 - s(x)) with s the logistic function, and its
    derivative. log s(x) = min(x, 0) - log(1 + exp(-|x|))."""
    tail = np.log1p(np.exp(-np.abs(logits)))
    log_yes, log_no = np.minimum(logits, 0) - tail, np.minimum(-logits, 0) - tail
    loss = -(targets * log_yes + (1 - targets) * log_no).mean()
    return loss, (np.exp(log_yes) - targets) / logits.size


# --------------------------------------------------------------------------------------- optimizers
# One function per rule: (p, g, state, t, o) -> new p. `state` maps PyTorch's words to arrays, all
# zero at first; t counts from 1; o holds the options.

def sgd(p, g, state, t, o):
    g = g + o["weight_decay"] * p
    if o["momentum"]:
        # PyTorch starts the buffer with the first gradient, undampened.
        state["momentum_buffer"] = g if t == 1 else \
            o["momentum"] * state["momentum_buffer"] + (1 - o["dampening"]) * g
        buffer = state["momentum_buffer"]
        g = g + o["momentum"] * buffer if o["nesterov"] else buffer
    return p - o["learning_rate"] * g


def adam(p, g, state, t, o):
    """Kingma and Ba (2015), algorithm 1, epsilon added after the bias correction of the root;
    AMSGrad as Reddi, Kale and Kumar (2018), with the bias correction after the maximum, as PyTorch
    has it."""
    if o["decoupled"]:  # Loshchilov and Hutter (2019)
        p = p - o["learning_rate"] * o["weight_decay"] * p
    else:
        g = g + o["weight_decay"] * p
    state["exp_avg"] = o["beta1"] * state["exp_avg"] + (1 - o["beta1"]) * g
    state["exp_avg_sq"] = o["beta2"] * state["exp_avg_sq"] + (1 - o["beta2"]) * g * g
    second = state["exp_avg_sq"]
    if o["amsgrad"]:
        second = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], second)
    mean = state["exp_avg"] / (1 - o["beta1"] ** t)
    root = np.sqrt(second / (1 - o["beta2"] ** t))
    return p - o["learning_rate"] * mean / (root + o["epsilon"])


def rmsprop(p, g, state, t, o):
    """Tieleman and Hinton (2012); centred as Graves (2013), but epsilon outside the root as in
    PyTorch."""
    g = g + o["weight_decay"] * p
    state["square_avg"] = o["alpha"] * state["square_avg"] + (1 - o["alpha"]) * g * g
    root = np.sqrt(state["square_avg"])
    if o["centered"]:
        state["grad_avg"] = o["alpha"] * state["grad_avg"] + (1 - o["alpha"]) * g
        root = np.sqrt(state["square_avg"] - state["grad_avg"] ** 2)
    step = g / (root + o["epsilon"])
    if o["momentum"]:
        step = state["momentum_buffer"] = o["momentum"] * state["momentum_buffer"] + step
    return p - o["learning_rate"] * step


def adagrad(p, g, state, t, o):
    """Duchi, Hazan and Singer (2011), with PyTorch's decay of the learning rate."""
    g = g + o["weight_decay"] * p
    state["sum"] = state["sum"] + g * g
    rate = o["learning_rate"] / (1 + (t - 1) * o["learning_rate_decay"])
    return p - rate * g / (np.sqrt(state["sum"]) + o["epsilon"])


def lion(p, g, state, t, o):
    """Chen et al. (2023), algorithm 2."""
    direction = np.sign(o["beta1"] * state["exp_avg"] + (1 - o["beta1"]) * g)
    state["exp_avg"] = o["beta2"] * state["exp_avg"] + (1 - o["beta2"]) * g
    return p - o["learning_rate"] * (direction + o["weight_decay"] * p)
