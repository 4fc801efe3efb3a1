"""On a GPU: an epoch of CD-1, 784-500, 60,000 images, dbnvis and PyTorch; the matrix products alone; 250 units of h3 by
activation maximization and by clamped sampling; every stage of `reproduce`, there and on the CPU beside it.

Needs a CUDA device, CuPy (`pip install -e '.[gpu-cuda13,bench]'`) and PyTorch with CUDA. Takes about three minutes, and
as long as `dbnvis reproduce` on the CPU.
"""

import sys
from typing import Any

from gpu import stages, table
from timing import Variant, measure, options, write

from dbnvis import plot
from dbnvis.backend import gpu_status

CAPTION = """Shorter is faster. An epoch of CD-1 on a GPU, by dbnvis (orange) and PyTorch; the mark is the lower bound,
the matrix products alone. How close does each come?"""
KEY = """Median of the rounds, a line from the least to the greatest. Lower bound: every step's four matrix products
alone. Graphs: ten steps are one launch. TF32: products with 10-bit mantissas, as CUPY_TF32=1 asks for."""
TRAINERS: dict[str, tuple[str, dict[str, Any]]] = {
    "matrix products alone": ("products", {}),
    "dbnvis": ("dbnvis", {}),
    "dbnvis, default recipe (PCD-1)": ("dbnvis", {"recipe": True}),
    "dbnvis without graphs": ("dbnvis", {"steps": 0}),
    "dbnvis, TF32": ("dbnvis", {"tf32": True}),
    "PyTorch": ("pytorch", {}),
    "PyTorch, compiled": ("pytorch", {"how": "compiled"}),
    "PyTorch, graph": ("pytorch", {"how": "graph"}),
    "PyTorch, graph, TF32": ("pytorch", {"how": "graph", "tf32": True}),
}

if __name__ == "__main__":
    args, (available, device) = options(__doc__, rounds=3), gpu_status()
    if not available:
        sys.exit(f"nothing measured, no GPU: {device}")
    size = {"n": 10_000, "epochs": 1} if args.quick else {}
    variants = [
        Variant(f"{name} {batch}", f"gpu.{function}", {"batch": batch, **settings, **size})
        for batch in (100, 1000)
        for name, (function, settings) in TRAINERS.items()
    ]
    units = {"units": 8} if args.quick else {}
    methods = [Variant(f"{name}, h3", "gpu.pictures", {"method": name, **units}) for name in ("am", "gibbs")]
    whole = [
        Variant(f"reproduce, {where}", "gpu.reproduce", {"quick": args.quick, "device": where})
        for where in ("gpu", "cpu")
    ]
    found = measure([*variants, *methods], args.rounds, args.threads) | measure(whole, 1, args.threads)
    rows, panels = table((100, 1000), list(TRAINERS), [variant.name for variant in methods], found)
    rows += stages(found["reproduce, gpu"], found["reproduce, cpu"])
    figure = plot.bars(panels, x_label="seconds per 60,000 images", heading=device, caption=CAPTION, key=KEY)
    write("gpu", args, rows, figure, [*variants, *methods, *whole])
