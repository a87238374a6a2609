#!/usr/bin/python3
"""Reference vectors for layers and for networks of them, computed by PyTorch.

    apt-get install python3-torch
    /usr/bin/python3 tests/reference/make_layers.py

writes layers.json (one layer each: parameters, input, output, a gradient at
the output, and the gradients of input and parameters that follow from it) and
networks.json (an autoencoder each: initial parameters, a batch, the losses of
ten optimiser steps on it, the first gradients, and the parameters and moving
averages at the end), beside this file; tests/test_reference_layers.c reads
them.

Nothing of latent is used but draws_float.json and draws_double.json, the normal
deviates that a variational layer draws: they are inputs, and the test compares
them with today's draws before it uses them. Layers are torch.nn.functional's; "same"
padding is put on as TensorFlow's documentation says; the mirror of a
convolution is PyTorch's transposed convolution, cut or filled to the size
that the encoder's layer received. All in double, twelve digits.
"""

import json
import math
import os

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 10

ACTS = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "softplus": F.softplus,
    "softmax": lambda z: torch.softmax(z, 1),
}


def numbers(t):
    return [float("%.12g" % v) for v in t.detach().reshape(-1).tolist()]


# ---- windows ---------------------------------------------------------------

def axis(n, kernel, stride, dilation, pad, size):
    """Output size, padding before and after, of one axis."""
    extent = (kernel - 1) * dilation + 1
    if pad == "same":
        out = math.ceil(n / stride)
        total = max((out - 1) * stride + extent - n, 0)
        return out, total // 2, total - total // 2
    p = size if pad == "size" else 0
    return (n + 2 * p - extent) // stride + 1, p, p


def window(layer, shape):
    return [axis(shape[i], layer["kernel"][i], layer["stride"][i],
                 layer.get("dilation", [1, 1])[i], layer["pad"],
                 layer["pad_size"][i]) for i in range(2)]


def pad_picture(x, w, value=0.0):
    (_, top, bottom), (_, left, right) = w
    return F.pad(x, (left, right, top, bottom), value=value)


def geometry(kernel, stride=1, pad="same", dilation=1, pad_size=0, dilates=True):
    def pair(v):
        return list(v) if isinstance(v, (tuple, list)) else [v, v]
    g = dict(kernel=pair(kernel), stride=pair(stride), pad=pad,
             pad_size=pair(pad_size))
    if dilates:
        g["dilation"] = pair(dilation)
    return g


# ---- layers: (layer, params, x, ...) -> y ----------------------------------

def conv(layer, params, x, act):
    weight, bias = params
    x = pad_picture(x, window(layer, x.shape[2:]))
    return ACTS[act](F.conv2d(x, weight, bias, layer["stride"],
                              dilation=layer["dilation"]))


def conv_transpose(layer, params, x, act, size):
    """The adjoint of the convolution that takes `size` to x's size."""
    weight, bias = params
    w = window(layer, size)
    assert [a[0] for a in w] == list(x.shape[2:]), (w, x.shape)
    y = F.conv_transpose2d(x, weight, None, layer["stride"],
                           dilation=layer["dilation"])
    (_, top, _), (_, left, _) = w
    bottom = size[0] + top - y.shape[2]
    right = size[1] + left - y.shape[3]
    y = F.pad(y, (-left, right, -top, bottom))
    return ACTS[act](y + bias.view(1, -1, 1, 1))


def maxpool(layer, x):
    x = pad_picture(x, window(layer, x.shape[2:]), -math.inf)
    return F.max_pool2d(x, layer["kernel"], layer["stride"])


def avgpool(layer, x):
    """Mean over the pixels that are there."""
    w = window(layer, x.shape[2:])
    there = pad_picture(torch.ones_like(x), w)
    area = layer["kernel"][0] * layer["kernel"][1]

    def total(t):
        return F.avg_pool2d(t, layer["kernel"], layer["stride"]) * area
    return total(pad_picture(x, w)) / total(there)


def batchnorm(layer, params, state, x, training, act):
    scale, shift = params
    y = F.batch_norm(x, state[0], state[1], scale, shift, training,
                     layer["momentum"], layer["epsilon"])
    return ACTS[act](y)


def bn(act="linear", momentum=0.1, epsilon=1e-5):
    return dict(kind="batchnorm", momentum=momentum, epsilon=epsilon, act=act)


# ---- single layers ---------------------------------------------------------

def layer_case(name, layer, shape, rows, training=True, size=None):
    g = torch.Generator().manual_seed(len(name) + 7 * shape[0] + shape[-1])

    def draw(*s):
        return (0.5 * torch.randn(*s, generator=g)).requires_grad_()
    x = draw(rows, *shape)
    params, state, kind = [], [], layer["kind"]
    if kind == "conv":
        params = [draw(layer["channels"], shape[0], *layer["kernel"]),
                  draw(layer["channels"])]
        y = conv(layer, params, x, layer["act"])
    elif kind == "conv_transpose":
        params = [draw(shape[0], layer["channels"], *layer["kernel"]),
                  draw(layer["channels"])]
        y = conv_transpose(layer, params, x, layer["act"], size)
    elif kind == "maxpool":
        y = maxpool(layer, x)
    elif kind == "avgpool":
        y = avgpool(layer, x)
    elif kind == "upsample":
        mode = layer["interp"]
        flags = dict(align_corners=False) if mode == "bilinear" else {}
        y = F.interpolate(x, scale_factor=tuple(layer["factor"]), mode=mode,
                          **flags)
    elif kind == "batchnorm":
        params = [draw(shape[0]), draw(shape[0])]
        state = [0.3 * torch.randn(shape[0], generator=g),
                 0.5 + torch.rand(shape[0], generator=g)]
        before = numbers(torch.cat(state))
        y = batchnorm(layer, params, state, x, training, layer["act"])
    elif kind == "dense":
        params = [draw(layer["units"], math.prod(shape)), draw(layer["units"])]
        y = ACTS[layer["act"]](F.linear(x.flatten(1), *params))
    elif kind == "k_sparse":
        rows_of = x.flatten(1)
        kept = rows_of.topk(layer["units"]).indices
        y = (rows_of * torch.zeros_like(rows_of).scatter(1, kept, 1)).view_as(x)
    dy = torch.randn(y.shape, generator=g)
    y.backward(dy)
    case = dict(name=name, layer=layer, shape=list(shape), rows=rows,
                training=training, out=list(y.shape[1:]), x=numbers(x),
                y=numbers(y), dy=numbers(dy), dx=numbers(x.grad),
                params=numbers(torch.cat([p.reshape(-1) for p in params]))
                if params else [],
                grads=numbers(torch.cat([p.grad.reshape(-1) for p in params]))
                if params else [])
    if state:
        case["state"] = before
        case["state_after"] = numbers(torch.cat(state))
    return case


def layer_cases():
    def c(channels, *a, act="linear", kind="conv", size=None, **k):
        d = dict(kind=kind, channels=channels, act=act, **geometry(*a, **k))
        if kind == "conv_transpose":
            d["size"] = list(size) if size else [0, 0]
        return d
    cases = []
    for k, s, pad, d, shape, act in [
            (3, 1, "same", 1, (2, 5, 6), "relu"),
            (3, 2, "same", 1, (1, 9, 9), "linear"),
            (3, 2, "same", 1, (3, 10, 10), "tanh"),
            ((2, 5), (1, 3), "same", 1, (2, 7, 8), "sigmoid"),
            (4, 3, "valid", 1, (2, 11, 10), "elu"),
            (3, (2, 1), "valid", 2, (1, 9, 8), "linear"),
            (1, 1, "same", 1, (4, 5, 3), "selu"),
            (1, 2, "valid", 1, (3, 7, 7), "linear"),
            (3, 2, "size", 1, (2, 8, 7), "softplus"),
            (3, 2, "same", 3, (1, 12, 5), "relu")]:
        cases.append(layer_case(
            "conv k%s s%s %s d%d %s" % (k, s, pad, d, shape),
            c(3, k, s, pad, d, act=act, pad_size=1 if pad == "size" else 0),
            shape, 3))
    for k, s, pad, d, shape, size, act in [
            (3, 2, "same", 1, (2, 5, 5), (9, 9), "linear"),
            (3, 2, "same", 1, (2, 5, 5), (10, 10), "sigmoid"),
            (3, 1, "same", 1, (3, 6, 5), (6, 5), "relu"),
            (4, 3, "valid", 1, (2, 3, 3), (12, 10), "tanh"),
            ((2, 5), (2, 3), "same", 1, (1, 4, 3), (7, 8), "elu"),
            (3, 2, "size", 1, (2, 4, 4), (8, 7), "linear"),
            (3, 2, "valid", 2, (2, 3, 2), (10, 7), "linear")]:
        cases.append(layer_case(
            "conv_transpose k%s s%s %s d%d %s" % (k, s, pad, d, size),
            c(3, k, s, pad, d, act=act, kind="conv_transpose", size=size,
              pad_size=1 if pad == "size" else 0), shape, 3, size=size))
    for k, s, pad, shape in [(2, 2, "valid", (2, 6, 5)),
                             (3, 2, "same", (2, 7, 8)),
                             ((2, 3), (1, 2), "valid", (1, 5, 6)),
                             (2, 2, "same", (3, 5, 5))]:
        for kind in "maxpool", "avgpool":
            layer = dict(kind=kind, **geometry(k, s, pad, dilates=False))
            if kind == "avgpool":
                layer["unpool"] = "spread"
            cases.append(layer_case("%s k%s s%s %s" % (kind, k, s, pad), layer,
                                    shape, 3))
    for mode, factor in [("nearest", (2, 3)), ("bilinear", (2, 2)),
                         ("bilinear", (3, 2))]:
        cases.append(layer_case(
            "upsample %s %s" % (mode, factor),
            dict(kind="upsample", factor=list(factor), interp=mode),
            (2, 4, 3), 2))
    for shape in (5,), (3, 4, 2):
        for training in True, False:
            cases.append(layer_case(
                "batchnorm %s %s" % (shape, training),
                bn("tanh" if len(shape) == 1 else "linear", 0.3, 1e-3), shape,
                6, training))
    for i, act in enumerate(ACTS):
        if act != "softmax":
            shape = (2, 3, 4) if i % 2 else (7,)
            cases.append(layer_case("dense %s %s" % (act, shape), dict(
                kind="dense", units=5, act=act), shape, 3))
    for k, shape in (1, (6,)), (4, (6,)), (5, (2, 2, 3)):
        cases.append(layer_case("k_sparse %d %s" % (k, shape), dict(
            kind="k_sparse", units=k), shape, 4))
    return cases


# ---- networks --------------------------------------------------------------

def takes_act(layer):
    return "act" in layer


def act_below(encoder, of, output):
    for layer in reversed(encoder[:of]):
        if takes_act(layer) and not (layer["kind"] == "batchnorm" and
                                     layer["act"] == "linear"):
            return layer["act"]
    return output


def mirror_act(encoder, of, output):
    if encoder[of]["kind"] == "batchnorm":
        return act_below(encoder, of + 1, output)
    below = [layer for layer in encoder[:of] if takes_act(layer)]
    if below and below[-1]["kind"] == "batchnorm":
        return "linear"
    return act_below(encoder, of, output)


class Net:
    """An encoder and its mirror image; flat vectors in latent's order."""

    def __init__(self, shape, encoder, output, tie, generator, eps=None):
        self.shape, self.encoder, self.output = shape, encoder, output
        self.tie, self.eps = tie, eps
        self.params, self.weights, self.states = [], [], []
        self.layers = []  # (layer, weight, bias or shift, state, act, of)
        g = generator
        shapes = [tuple(shape)]

        def draw(*s):
            self.params.append((0.3 * torch.randn(*s, generator=g))
                               .requires_grad_())
            return self.params[-1]

        def weight(*s):
            w = draw(*s)
            self.weights.append(w)
            return w

        def normal(n):
            self.states.append([torch.zeros(n), torch.ones(n)])
            return self.states[-1]
        for layer in encoder:
            kind, s = layer["kind"], shapes[-1]
            w = b = state = None
            if kind == "dense":
                w, b = weight(layer["units"], math.prod(s)), None
                b, out = draw(layer["units"]), (layer["units"],)
            elif kind == "gaussian_code":
                n = layer["units"]
                w, b, out = weight(2 * n, math.prod(s)), draw(2 * n), (n,)
            elif kind == "conv":
                w = weight(layer["channels"], s[0], *layer["kernel"])
                b = draw(layer["channels"])
                out = (layer["channels"],) + tuple(
                    a[0] for a in window(layer, s[1:]))
            elif kind in ("maxpool", "avgpool"):
                out = (s[0],) + tuple(a[0] for a in window(layer, s[1:]))
            elif kind == "batchnorm":
                w, b, out, state = draw(s[0]), draw(s[0]), s, normal(s[0])
            self.layers.append((layer, w, b, state, layer.get("act")))
            shapes.append(out)
        self.shapes = shapes
        self.mirror = []
        for of in reversed(range(len(encoder))):
            layer, s, w = encoder[of], shapes[of], self.layers[of][1]
            kind, b, state = layer["kind"], None, None
            tied = tie == "tied"
            if kind in ("dense", "gaussian_code"):
                units = layer["units"]
                if not tied:
                    w = weight(math.prod(s), units)
                elif kind == "dense":
                    w = ("transposed", w, units)
                else:
                    w = ("transposed", w, units)
                b = draw(math.prod(s))
            elif kind == "conv":
                w = w if tied else weight(*w.shape)
                b = draw(s[0])
            elif kind == "batchnorm":
                w, b, state = draw(s[0]), draw(s[0]), normal(s[0])
            self.mirror.append((layer, w, b, state,
                                mirror_act(encoder, of, output), of))

    def encode(self, x, step):
        kept, self.kl = [], None
        for layer, w, b, state, act in self.layers:
            kind = layer["kind"]
            kept.append(x)
            if kind == "dense":
                x = ACTS[act](F.linear(x.flatten(1), w, b))
            elif kind == "gaussian_code":
                mean, logvar = F.linear(x.flatten(1), w, b).chunk(2, 1)
                self.kl = -0.5 * (1 + logvar - mean ** 2 -
                                  logvar.exp()).sum() / len(x)
                x = mean + (logvar / 2).exp() * self.eps[step]
            elif kind == "conv":
                x = conv(layer, (w, b), x, act)
            elif kind == "maxpool":
                padded = pad_picture(x, window(layer, x.shape[2:]), -math.inf)
                x, self.switches = F.max_pool2d(
                    padded, layer["kernel"], layer["stride"],
                    return_indices=True)
            elif kind == "avgpool":
                x = avgpool(layer, x)
            elif kind == "batchnorm":
                x = batchnorm(layer, (w, b), state, x, True, act)
        return x, kept

    def forward(self, x, step=0, logits=False):
        z, kept = self.encode(x, step)
        for i, (layer, w, b, state, act, of) in enumerate(self.mirror):
            kind, s = layer["kind"], self.shapes[of]
            if logits and i == len(self.mirror) - 1:
                act = "linear"
            if kind in ("dense", "gaussian_code"):
                if isinstance(w, tuple):
                    w = w[1][:w[2]].t()
                z = ACTS[act](F.linear(z.flatten(1), w, b)).view(len(x), *s)
            elif kind == "conv":
                z = conv_transpose(layer, (w, b), z, act, s[1:])
            elif kind == "maxpool":
                z = F.max_unpool2d(z, self.switches, layer["kernel"],
                                   layer["stride"], output_size=s[1:])
            elif kind == "avgpool":
                here = torch.zeros(len(x), *s, requires_grad=True)
                pooled = avgpool(layer, here)
                z = torch.autograd.grad(pooled, here, z, create_graph=True)[0]
            elif kind == "batchnorm":
                z = batchnorm(layer, (w, b), state, z, True, act)
        return z

    def flat(self, what=lambda p: p):
        return torch.cat([what(p).detach().reshape(-1) for p in self.params])

    def state(self):
        return torch.cat([t for s in self.states for t in s]) if self.states \
            else torch.zeros(0)


def kl_of(rho, r):
    return (rho * (rho / r).log() +
            (1 - rho) * ((1 - rho) / (1 - r)).log()).sum()


def penalties(net, x, step, o):
    """Terms of the objective by name, unweighted."""
    terms = {}
    if net.kl is not None:
        terms["kl"] = net.kl
    if "l1" in o:
        terms["l1"] = sum(w.abs().sum() for w in net.weights)
    if "l2" in o:
        terms["l2"] = sum((w ** 2).sum() for w in net.weights)
    if not {"code_l1", "sparsity", "contractive", "orthogonality"} & set(o):
        return terms
    code, _ = net.encode(x, step)
    if "code_l1" in o:
        terms["code_l1"] = code.abs().sum() / len(x)
    if "sparsity" in o:
        terms["sparsity"] = kl_of(o["sparsity_target"], code.mean(0))
    if "contractive" in o:
        def one(v):
            return net.encode(v[None], step)[0][0].flatten()
        terms["contractive"] = sum(
            (torch.autograd.functional.jacobian(one, v, create_graph=True)
             ** 2).sum() for v in x) / len(x)
    if "orthogonality" in o:
        total = 0
        for layer, w, *_ in net.layers:
            if w is None or layer["kind"] == "batchnorm":
                continue
            m = w.reshape(len(w), -1)
            gram = m @ m.t() if m.shape[0] <= m.shape[1] else m.t() @ m
            total = total + ((gram - torch.eye(len(gram))) ** 2).sum()
        terms["orthogonality"] = total
    return terms


def recon_of(net, x, target, step, o):
    kind, rows = o["loss"], len(x)
    logits = kind in ("bce", "multinomial")
    y = net.forward(x, step, logits=logits).flatten(1)
    t = target.flatten(1)
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(y, t,
                                                  reduction="sum") / rows
    if kind == "multinomial":
        return -(t * F.log_softmax(y, 1)).sum() / rows
    if kind == "huber":
        return F.huber_loss(y, t, delta=o["huber_delta"])
    if kind == "masked_mse":
        there = ~torch.isnan(t)
        return ((y[there] - t[there]) ** 2).sum() / there.sum()
    return F.mse_loss(y, t)


def optimiser(net, o):
    decay = o.get("weight_decay", 0)
    is_weight = {id(w) for w in net.weights}
    groups = [dict(params=[p for p in net.params if id(p) in is_weight],
                   weight_decay=decay),
              dict(params=[p for p in net.params if id(p) not in is_weight],
                   weight_decay=0)]
    if o["kind"] == "adam":
        return torch.optim.Adam(groups, lr=o["rate"])
    return torch.optim.SGD(groups, lr=o["rate"],
                           momentum=o.get("momentum", 0),
                           nesterov=o.get("nesterov", False))


def network_case(name, shape, encoder, output, tie, objective, opt, rows=5,
                 eps=None):
    g = torch.Generator().manual_seed(3)
    net = Net(shape, encoder, output, tie, g, eps)
    x = torch.rand(rows, *shape, generator=g)
    target = x
    if objective["loss"] == "multinomial":
        x = target = torch.floor(4 * x)
    if objective["loss"] == "masked_mse":
        target = x.masked_fill(torch.rand(x.shape, generator=g) < 0.4,
                               math.nan)
        x = torch.nan_to_num(target, nan=0.0)
    case = dict(
        name=name,
        network=dict(input=list(shape), encoder=encoder, output=output,
                     tie=tie, refresh="step",
                     init=dict(kind="glorot", value=0), seed=1),
        objective=objective, optimizer=opt, rows=rows, x=numbers(x),
        target=[None if math.isnan(v) else v for v in numbers(target)],
        params=numbers(net.flat()), losses=[], terms={})
    if eps is not None:
        case["eps"] = numbers(eps)
    steps = optimiser(net, opt)
    for i in range(STEPS):
        steps.zero_grad()
        value = recon = recon_of(net, x, target, i, objective)
        terms = penalties(net, x, i, objective)
        for key, term in terms.items():
            value = value + objective.get("beta" if key == "kl" else key,
                                          1) * term
        value.backward()
        if i == 0:
            case["grads"] = numbers(net.flat(lambda p: p.grad))
            case["terms"] = {k: float("%.12g" % v) for k, v in terms.items()}
            case["terms"]["recon"] = float("%.12g" % recon)
        case["losses"].append(float("%.12g" % value.item()))
        steps.step()
    case["final"] = numbers(net.flat())
    case["state"] = numbers(net.state())
    return case


def dense(units, act="linear"):
    return dict(kind="dense", units=units, act=act)


def conv_layer(channels, kernel, stride, act, pad="same"):
    return dict(kind="conv", channels=channels, act=act,
                **geometry(kernel, stride, pad))


def pool(kind, kernel, **more):
    return dict(kind=kind, **geometry(kernel, kernel, "valid", dilates=False),
                **more)


def network_cases():
    adam = dict(kind="adam", rate=0.01)
    sgd = dict(kind="sgd", rate=0.05, momentum=0.9, nesterov=True,
               weight_decay=0.01)
    odd = [conv_layer(4, 3, 2, "relu"), conv_layer(3, 3, 2, "tanh")]
    deep = [dense(10), bn("relu"), dense(4)]
    cases = []
    for tie in "untied", "tied":
        cases += [
            network_case("conv 9x9 " + tie, (1, 9, 9), odd, "sigmoid", tie,
                         dict(loss="bce"), adam),
            network_case("conv 2x10x7 " + tie, (2, 10, 7), odd, "linear", tie,
                         dict(loss="mse"), sgd),
            network_case("conv maxpool dense " + tie, (1, 8, 9),
                         [conv_layer(3, 3, 1, "elu"), pool("maxpool", 2),
                          dense(6)], "sigmoid", tie, dict(loss="bce"), adam),
            network_case("conv avgpool conv " + tie, (1, 9, 8),
                         [conv_layer(3, 3, 1, "tanh"),
                          pool("avgpool", 2, unpool="spread"),
                          conv_layer(2, 3, 1, "linear")], "sigmoid", tie,
                         dict(loss="bce"), adam),
            # Not Adam: a bias below a normalisation has no gradient but
            # rounding, which Adam would make into whole steps.
            network_case("batchnorm dense " + tie, (12,), deep, "sigmoid",
                         tie, dict(loss="bce"), sgd),
            network_case("batchnorm conv " + tie, (1, 7, 7),
                         [conv_layer(4, 3, 2, "linear"), bn("relu", 0.2),
                          conv_layer(3, 3, 1, "linear")], "sigmoid", tie,
                         dict(loss="bce"), sgd),
            network_case("multinomial " + tie, (11,),
                         [dense(7, "relu"), dense(3)], "softmax", tie,
                         dict(loss="multinomial"), adam),
            network_case("huber " + tie, (9,), [dense(4, "tanh")], "linear",
                         tie, dict(loss="huber", huber_delta=0.3), sgd),
            network_case("masked " + tie, (9,), [dense(4, "selu")], "selu",
                         tie, dict(loss="masked_mse"), sgd),
            network_case("penalties " + tie, (8,), [dense(5, "sigmoid")],
                         "linear", tie,
                         dict(loss="mse", l1=0.01, l2=0.02, code_l1=0.03,
                              sparsity=0.2, sparsity_target=0.1,
                              contractive=0.1, contractive_probes=0,
                              orthogonality=0.05), sgd),
            network_case("contractive two layers " + tie, (7,),
                         [dense(6, "tanh"), dense(3, "sigmoid")], "linear",
                         tie, dict(loss="mse", contractive=0.2,
                                   contractive_probes=0), adam),
        ]
    # Generators of floats and of doubles draw other deviates.
    for real in "float", "double":
        with open(os.path.join(HERE, "draws_%s.json" % real)) as f:
            eps = torch.tensor(json.load(f)).view(STEPS, 5, 3)
        for tie in "untied", "tied":
            case = network_case(
                "variational %s, %s draws" % (tie, real), (10,),
                [dense(8, "tanh"), dict(kind="gaussian_code", units=3)],
                "sigmoid", tie, dict(loss="bce", beta=0.7), adam, eps=eps)
            case["real"] = real
            cases.append(case)
    return cases


def write(name, cases):
    with open(os.path.join(HERE, name), "w") as f:
        f.write("[\n")
        f.write(",\n".join(json.dumps(c, separators=(",", ":"))
                           for c in cases))
        f.write("\n]\n")


if __name__ == "__main__":
    write("layers.json", layer_cases())
    write("networks.json", network_cases())
