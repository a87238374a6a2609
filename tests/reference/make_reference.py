#!/usr/bin/python3
"""Reference vectors for tests/test_reference.c, computed by PyTorch.

    apt-get install python3-torch
    /usr/bin/python3 tests/reference/make_reference.py

writes one tests/reference/<case>.json a case: the network (in the form of
lt_net_to_json), the optimiser, a batch, the initial parameters, the forward
output, the loss, the gradients, the losses of ten steps on that batch, and
the parameters after them. Flat vectors are in latent's order: layer by layer,
weight before bias, a tied weight once.

Nothing of latent is used: layers are torch.nn.functional.linear, losses and
optimisers are PyTorch's own. All in double; numbers are written with twelve
significant digits. Made with PyTorch 1.13 (Debian 12).
"""

import json
import os

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)

ROWS = 7
STEPS = 10

ACTS = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, 0.01),
    "elu": F.elu,
    "selu": F.selu,
    "softplus": F.softplus,
}

SMALL = [("sigmoid", 12), ("linear", 5)]
MANY = [("relu", 9), ("elu", 8), ("selu", 8), ("softplus", 7), ("tanh", 6),
        ("leaky_relu", 4)]

# name, input, encoder, output, tie, loss, optimiser
CASES = [
    ("untied_bce_momentum", 20, SMALL, "sigmoid", "untied", "bce",
     dict(kind="sgd", rate=0.1, momentum=0.9)),
    ("tied_bce_nesterov_decay", 20, SMALL, "sigmoid", "tied", "bce",
     dict(kind="sgd", rate=0.05, momentum=0.9, nesterov=True,
          weight_decay=0.01)),
    ("untied_mse_adam", 20, SMALL, "linear", "untied", "mse",
     dict(kind="adam", rate=0.01)),
    ("tied_mse_adam", 20, SMALL, "linear", "tied", "mse",
     dict(kind="adam", rate=0.01)),
    ("tied_bce_adam_decay", 20, SMALL, "sigmoid", "tied", "bce",
     dict(kind="adam", rate=0.01, weight_decay=0.02)),
    ("untied_mse_sigmoid_sgd", 20, SMALL, "sigmoid", "untied", "mse",
     dict(kind="sgd", rate=0.5, weight_decay=0.001)),
    ("acts_untied_bce_adam", 10, MANY, "sigmoid", "untied", "bce",
     dict(kind="adam", rate=0.003)),
    ("acts_tied_mse_nesterov", 10, MANY, "tanh", "tied", "mse",
     dict(kind="sgd", rate=0.05, momentum=0.8, nesterov=True)),
]


class Net:
    """Flat parameters in latent's order; decoder mirrors encoder."""

    def __init__(self, n_input, encoder, output, tie, generator):
        sizes = [n_input] + [n for _, n in encoder]
        acts = [a for a, _ in encoder]
        self.tie = tie
        self.params, self.layers = [], []

        def draw(*shape):
            t = 0.4 * torch.randn(*shape, generator=generator)
            self.params.append(t.requires_grad_())
            return t

        n = len(encoder)
        for i in range(n):
            w = draw(sizes[i + 1], sizes[i])
            self.layers.append((w, False, draw(sizes[i + 1]), acts[i]))
        for i in reversed(range(n)):
            act = acts[i - 1] if i else output
            if tie == "tied":
                w, turned = self.layers[i][0], True
            else:
                w, turned = draw(sizes[i], sizes[i + 1]), False
            self.layers.append((w, turned, draw(sizes[i]), act))

    def forward(self, x, logits=False):
        for i, (w, turned, b, act) in enumerate(self.layers):
            x = F.linear(x, w.t() if turned else w, b)
            if not (logits and i == len(self.layers) - 1):
                x = ACTS[act](x)
        return x

    def loss(self, x, kind):
        if kind == "bce":
            return F.binary_cross_entropy_with_logits(
                self.forward(x, logits=True), x, reduction="sum") / len(x)
        return F.mse_loss(self.forward(x), x)

    def flat(self, what=lambda p: p):
        return torch.cat([what(p).detach().reshape(-1) for p in self.params])


def optimiser(net, o):
    decay = o.get("weight_decay", 0)
    groups = [dict(params=[p for p in net.params if p.dim() == 2],
                   weight_decay=decay),
              dict(params=[p for p in net.params if p.dim() == 1],
                   weight_decay=0)]
    if o["kind"] == "adam":
        return torch.optim.Adam(groups, lr=o["rate"])
    return torch.optim.SGD(groups, lr=o["rate"],
                           momentum=o.get("momentum", 0),
                           nesterov=o.get("nesterov", False))


def numbers(t):
    return [float("%.12g" % v) for v in t.detach().reshape(-1).tolist()]


def make(name, n_input, encoder, output, tie, loss, opt):
    generator = torch.Generator().manual_seed(20)
    net = Net(n_input, encoder, output, tie, generator)
    x = torch.rand(ROWS, n_input, generator=generator)
    case = dict(
        network=dict(
            input=[n_input],
            encoder=[dict(kind="dense", units=n, act=a) for a, n in encoder],
            output=output, tie=tie, refresh="step",
            init=dict(kind="glorot", value=0), seed=1),
        loss=loss, optimizer=opt, rows=ROWS,
        batch=numbers(x), params=numbers(net.flat()),
        output=numbers(net.forward(x)),
        sse=float(((net.forward(x) - x) ** 2).sum() / ROWS), losses=[])
    steps = optimiser(net, opt)
    for i in range(STEPS):
        steps.zero_grad()
        value = net.loss(x, loss)
        value.backward()
        if i == 0:
            case["grads"] = numbers(net.flat(lambda p: p.grad))
        case["losses"].append(float("%.12g" % value.item()))
        steps.step()
    case["final"] = numbers(net.flat())
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, name + ".json"), "w") as f:
        json.dump(case, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    for c in CASES:
        make(*c)
