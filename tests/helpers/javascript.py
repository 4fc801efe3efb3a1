"""Run the page's JavaScript in Node on a model: JSON in, JSON out; numbers keep all 53 bits on the way."""

import base64
import json
import shutil
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dbnvis
from dbnvis.models.layers import Network
from dbnvis.models.rbm import GaussianRBM

STATIC = Path(dbnvis.__file__).parent / "web" / "static"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no node to run the page's JavaScript")

PRELUDE = """
import {readFileSync, writeFileSync} from "node:fs";
const {Blobs, inflateBlobs} = await import(STATIC + "decode.js");
const {Model} = await import(STATIC + "model.js");
const {Sfc32} = await import(STATIC + "random.js");
const {ClampedChain} = await import(STATIC + "chain.js");
const preprocess = await import(STATIC + "preprocess.js");
const given = JSON.parse(readFileSync(FOLDER + "/given.json", "utf8"));
const {header} = given;
const blobs = header && (await inflateBlobs(header, (name) => given.base64[name], {precision: "float64"}));
const model = header && Model.from(header.models[0], blobs);
const plain = (x) => Array.from(x);
"""


def run_node(script, folder, **given):
    """The value that `script`, whose last statement is `return`, makes of `given` and the page's modules."""
    (folder / "given.json").write_text(json.dumps(given))
    start = f"const STATIC = {json.dumps(STATIC.as_uri() + '/')}, FOLDER = {json.dumps(str(folder))};\n"
    end = f"const result = await (async () => {{{script}}})();\n"
    end += 'writeFileSync(FOLDER + "/result.json", JSON.stringify(result));'
    (folder / "script.mjs").write_text(start + PRELUDE + end)
    done = subprocess.run([NODE, folder / "script.mjs"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "result.json").read_text())


class Encoded:
    """Header and blobs of arrays, as the page has them."""

    def __init__(self):
        self.blobs, self.base64 = {}, {}

    def put(self, name, x, dtype, scale=None):
        x = np.ascontiguousarray(x, dtype)
        raw = x.tobytes()
        coded = raw[0::2] + raw[1::2] if dtype == "float16" else raw
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        encoding = "planes+deflate" if dtype == "float16" else "deflate"
        self.blobs[name] = {"shape": list(x.shape), "dtype": dtype, "encoding": encoding, "scale": scale}
        self.base64[name] = base64.b64encode(packer.compress(coded) + packer.flush()).decode()
        return name


def encode(model, dtype):
    """(header, base64 by name) of a model whose weights `dtype` holds without loss."""
    pages, network = Encoded(), []
    for address, layer in model.network.layers.items():
        entry = {"address": address, "type": type(layer).__name__}
        for key in ("shape", "size", "stride", "padding"):
            if hasattr(layer, key):
                value = getattr(layer, key)
                entry[key] = list(value) if isinstance(value, tuple) else value
        for key in ("W", "bias"):
            if hasattr(layer, key):
                entry[key] = pages.put(f"{address}.{key}", getattr(layer, key), dtype)
        network.append({key: value for key, value in entry.items() if value is not None})
    machines = None
    if type(model).__name__ == "DBN":
        machines = [
            {
                "layer": name,
                "type": type(rbm).__name__,
                "vbias": pages.put(f"{name}.vbias", rbm.vbias, dtype),
                "variance": rbm.variance if isinstance(rbm, GaussianRBM) else 1.0,
            }
            for name, rbm in zip(model.layer_names, model.rbms, strict=True)
        ]
    header = {
        "format": 1,
        "blobs": pages.blobs,
        "models": [
            {
                "id": "m",
                "input_shape": list(model.input_shape),
                "network": network,
                "layers": [{"name": name, "shape": list(model.layer_shape(name))} for name in model.layer_names],
                "machines": machines,
                "quantiles": None,
            }
        ],
    }
    return header, pages.base64


def in_float64(model):
    """The network of a model with its parameters in double precision."""
    wide = {
        address: replace(layer, W=layer.W.astype("float64"), bias=layer.bias.astype("float64"))
        if hasattr(layer, "W")
        else layer
        for address, layer in model.network.layers.items()
    }
    return replace(model.network, layers=wide) if isinstance(model.network, Network) else wide
