#!/usr/bin/python3
"""Reference figures for tests/test_probe_linear.c, computed by PyTorch.

    apt-get install python3-torch
    /usr/bin/python3 tests/reference/make_linear.py

writes tests/reference/linear_probe.json: codes of three classes that overlap,
with units of different means and sizes, two that depend on each other and one
that does not vary, and what multinomial logistic regression on the
standardised codes makes of them for two penalties: accuracies and mean
cross-entropies. Newton's method with autograd's gradient and Hessian, all in
double, until no element of the gradient exceeds 1e-12. Made with PyTorch 1.13.
"""

import json
import os

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)

TRAIN, TEST, UNITS, CLASSES = 90, 45, 5, 3


def draw(n, generator):
    labels = torch.arange(n) % CLASSES
    x = torch.randn(n, UNITS, generator=generator)
    x[:, 0] += labels
    x[:, 1] += 0.5 * (labels == 1)
    x[:, 2] = 0.8 * x[:, 0] + 0.6 * x[:, 2]
    x[:, 1] = 100 + 30 * x[:, 1]
    x[:, 3] = 0.01 * x[:, 3]
    x[:, 4] = 0.7
    # What is written must be what is used.
    x = torch.tensor([[float("%.6g" % v) for v in row] for row in x.tolist()])
    return x, labels


def fit(x, y, l2):
    n = CLASSES * UNITS

    def loss(flat):
        w, b = flat[:n].reshape(CLASSES, UNITS), flat[n:]
        return F.cross_entropy(F.linear(x, w, b), y) + l2 / 2 * (w * w).sum()

    flat = torch.zeros(n + CLASSES)
    for _ in range(30):
        g = torch.autograd.functional.jacobian(loss, flat)
        h = torch.autograd.functional.hessian(loss, flat)
        flat = flat - torch.linalg.pinv(h, rcond=1e-12, hermitian=True) @ g
    assert g.abs().max() < 1e-12
    return flat[:n].reshape(CLASSES, UNITS), flat[n:]


def judge(x, y, w, b):
    z = F.linear(x, w, b)
    return dict(accuracy=float((z.argmax(1) == y).double().mean()),
                loss=float("%.12g" % F.cross_entropy(z, y)))


def main():
    generator = torch.Generator().manual_seed(5)
    x, y = draw(TRAIN, generator)
    tx, ty = draw(TEST, generator)
    mean, sd = x.mean(0), x.std(0, unbiased=False)
    scale = torch.where(sd > 1e-9, 1 / sd, torch.zeros(UNITS))
    cases = []
    for l2 in (0.01, 1e-4):
        sx, stx = (x - mean) * scale, (tx - mean) * scale
        w, b = fit(sx, y, l2)
        cases.append(dict(l2=l2, train=judge(sx, y, w, b),
                          test=judge(stx, ty, w, b)))
    out = dict(units=UNITS, train=x.reshape(-1).tolist(),
               train_labels=y.tolist(), test=tx.reshape(-1).tolist(),
               test_labels=ty.tolist(), cases=cases)
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "linear_probe.json"), "w") as f:
        json.dump(out, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
