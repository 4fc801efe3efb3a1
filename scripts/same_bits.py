"""Whether this checkout computes the same bits as another commit: short trainings of every family, pictures, views.

    python scripts/same_bits.py --since 9ca06db

Runs the same calls of the public interface in a temporary checkout of that commit and here, one thread each, and prints
a line for everything that was computed. Ends with status 1 if a line differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def sha(*arrays: np.ndarray) -> str:
    """First 12 digits of the sha256 of shapes, types and bytes."""
    digest = hashlib.sha256()
    for x in map(np.asarray, arrays):
        digest.update(f"{x.shape}{x.dtype.str}".encode() + np.ascontiguousarray(x).tobytes())
    return digest.hexdigest()[:12]


def trainings() -> dict[str, str]:
    """Hashes of the parameters of short trainings on the embedded digits, by name."""
    from dbnvis import (
        DBN,
        CDConfig,
        ConvDBN,
        ConvNet,
        ConvRBM,
        DenoisingConfig,
        StackedDAE,
        datasets,
        train_dbn,
        train_sdae,
    )
    from dbnvis.train import ConvCDConfig, train_conv_dbn
    from dbnvis.train.backprop import BackpropConfig, ConvNetConfig, train_backprop

    try:
        from dbnvis.models.mlp import classifier
    except ModuleNotFoundError:  # until d609462
        from dbnvis.mlp import classifier  # type: ignore

    data = datasets.load("digits")
    x, y = data.train_images[:600], np.asarray(data.train_labels)[:600]
    hashes = {}

    def note(name: str, part: object) -> None:
        hashes[name] = sha(*part.params().values())  # type: ignore[attr-defined]

    settings = {
        "default": CDConfig(epochs=2),
        "CD-3": CDConfig(epochs=2, persistent=False, k=3, centered=False, momentum=0.5, final_momentum=0.9),
        "tempered": CDConfig(epochs=1, temperatures=4),
        "mean-field": CDConfig(epochs=2, binarize="none", reconstruction="mean", persistent=False, l1_decay=0.0),
    }
    for name, config in settings.items():
        dbn = DBN.random((784, 60, 30), (28, 28), rng=np.random.default_rng(0))
        list(train_dbn(dbn, x, config, rng=np.random.default_rng(1)))
        for i, rbm in enumerate(dbn.rbms):
            note(f"DBN {name}, RBM {i + 1}", rbm)
    mlp = classifier(dbn, 10, rng=np.random.default_rng(2))
    list(train_backprop(mlp, x, y, BackpropConfig(epochs=2), rng=np.random.default_rng(3)))
    note("fine-tuned classifier", mlp.network)
    patches = datasets.load("patches").train_images[:600]
    real = DBN.random((144, 40), (12, 12), rng=np.random.default_rng(0), variance=0.1, input_range=(-np.inf, np.inf))
    list(train_dbn(real, patches, CDConfig(epochs=2, variance=0.1), rng=np.random.default_rng(1)))
    note("Gaussian RBM", real.rbms[0])
    for tied in (True, False):
        sdae = StackedDAE.random((784, 60, 30), input_shape=(28, 28), rng=np.random.default_rng(0), tied=tied)
        list(train_sdae(sdae, x, DenoisingConfig(epochs=2, tied=tied), rng=np.random.default_rng(1)))
        for i, dae in enumerate(sdae.daes):
            note(f"SDAE {'tied' if tied else 'untied'}, layer {i + 1}", dae)
    convnet = ConvNet.random((28, 28), n_classes=10, rng=np.random.default_rng(0))
    list(train_backprop(convnet, x, y, ConvNetConfig(epochs=1), rng=np.random.default_rng(1)))
    note("convnet", convnet.network)
    numbers = np.random.default_rng(0)
    crbms = [ConvRBM.random(6, 1, 7, rng=numbers), ConvRBM.random(8, 6, 4, rng=numbers)]
    conv_dbn = ConvDBN(crbms, (28, 28), (0.0, 1.0))
    list(train_conv_dbn(conv_dbn, x[:100], ConvCDConfig(epochs=1), rng=np.random.default_rng(1)))
    for i, crbm in enumerate(conv_dbn.crbms):
        note(f"convolutional DBN, layer {i + 1}", crbm)
    return hashes


def pictures() -> dict[str, str]:
    """Hashes of the pictures and scores of units of the shipped models by every method, by name."""
    from dbnvis import VISUALIZERS, EvidenceSampling, checkpoint, datasets, views

    images = datasets.load("digits").train_images[:2000]
    hashes = {}
    prior = checkpoint.load("pretrained", xp=np).model
    for shipped in ("pretrained", "convnet"):
        model = checkpoint.load(shipped, xp=np).model
        methods = {**{name: cls() for name, cls in VISUALIZERS.items()}, "evidence": EvidenceSampling(prior=prior)}
        for layer in model.layer_names:
            for name, method in methods.items():
                try:
                    drawn = method(
                        model, [f"{layer}:{i}" for i in range(3)], rng=np.random.default_rng(0), images=images
                    )
                except (TypeError, ValueError):
                    hashes[f"{shipped} {layer} {name}"] = "refused"
                    continue
                hashes[f"{shipped} {layer} {name}"] = sha(drawn.images, drawn.scores)
        if shipped == "convnet":
            for name, view in views.VIEWS.items():
                hashes[f"view {name}"] = sha(view(model, images[:2], ["conv2:5", "conv2:7"]))
            hashes["view occlusion"] = sha(views.Occlusion()(model, images[0], ["output:3"]).drops)
    return hashes


def facts() -> dict[str, str]:
    return trainings() | pictures()


def run(folder: Path) -> dict[str, str]:
    """The facts of the checkout in `folder`, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "DBNVIS_KEEP_BLAS": "1"}
    environment |= {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
    command = [sys.executable, __file__, "--facts"]
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, cwd=folder).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", default="HEAD", help="the commit to compare with; default: HEAD, the last one")
    parser.add_argument("--facts", action="store_true", help="print what this checkout computes, as JSON")
    args = parser.parse_args()
    if args.facts:
        print(json.dumps(facts()))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", before, args.since], check=True, cwd=ROOT)
        try:
            then, now = run(before), run(ROOT)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", before], check=True, cwd=ROOT)
    for name in then | now:
        old, new = then.get(name, "nothing"), now.get(name, "nothing")
        change = "same" if old == new else "new" if old == "nothing" else f"DIFFERS: {old} before"
        print(f"{name:40} {new:14} {change}")
    return int(any(now.get(name) != value for name, value in then.items()))


if __name__ == "__main__":
    sys.exit(main())
