"""The page's JavaScript computes what dbnvis computes: golden vectors in float64, chains equal to the bit."""

import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from javascript import NODE, encode, in_float64, needs_node, run_node
from sfc32 import sfc32, uniforms
from small_models import convnet, random_dbn

from dbnvis import DBN, checkpoint, datasets
from dbnvis.datasets.pictures import center_digit, fitted
from dbnvis.evaluate.chains import binary_scale_reduction
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import ConvRBM
from dbnvis.models.convnet import ConvNet
from dbnvis.models.convolution import Channels, Conv2D
from dbnvis.models.layers import Dense, Identity, Network, Tanh
from dbnvis.models.mlp import MLP
from dbnvis.models.rbm import GaussianRBM
from dbnvis.models.spatial import SpatialNetwork
from dbnvis.models.subsampling import AvgPool2D
from dbnvis.models.units import Unit, one_hot, unit_number
from dbnvis.views.gradients import ruled

pytestmark = needs_node
NEAR = 1e-9
FORWARD = (
    "return given.images.map((x) => Object.fromEntries([...model.forward(x)].map(([name, y]) => [name, plain(y)])));"
)


def shipped(path):
    return checkpoint.load(path, xp=np).model


def conv_dbn():
    rng = np.random.default_rng(5)
    sizes = (((4, 1, 3, 3), 2), ((3, 4, 2, 2), 2))
    crbms = [ConvRBM(*(rng.standard_normal(shape) for shape in (W, W[1:2], W[:1])), pool=pool) for W, pool in sizes]
    return ConvDBN(crbms, (11, 9), input_norm=3.0)


def mlp():
    network = random_dbn(dtype="float64").network
    rng = np.random.default_rng(6)
    layers = {**network.layers, "code.pre": Dense(rng.standard_normal((5, 3)), rng.standard_normal(3))}
    return MLP(Network({**layers, "code": Identity()}), (4, 5))


def averaging():
    """A convolutional network of Tanh and means of windows that overlap."""
    rng = np.random.default_rng(7)
    layers = {"input": Channels((11, 9)), "c.pre": Conv2D(rng.standard_normal((4, 1, 3, 2)), rng.standard_normal(4))}
    layers |= {"c": Tanh(), "pool": AvgPool2D(3, 2), "d.pre": Conv2D(rng.standard_normal((3, 4, 2, 2)), np.ones(3))}
    return ConvNet(SpatialNetwork({**layers, "d": Tanh()}), (11, 9))


MODELS = {
    "pretrained": (lambda: shipped(checkpoint.PRETRAINED), "float16"),
    "convnet": (lambda: shipped(checkpoint.CONVNET), "float16"),
    "small dbn": (lambda: random_dbn(), "float32"),
    "small convnet": (lambda: convnet(dtype="float32"), "float32"),
    "conv dbn": (conv_dbn, "float32"),
    "mlp": (mlp, "float32"),
    "averaging": (averaging, "float32"),
}


def model_of(name):
    """A model whose parameters `dtype` holds exactly, its network in float64, and the dtype."""
    make, dtype = MODELS[name]
    model = make()
    for x in model.network.params().values():
        x[...] = x.astype(dtype)
    return model, in_float64(model), dtype


@cache
def digits():
    return datasets.load("digits").test_images[:10].astype("float64")


def images_for(model):
    """Ten random images and ten of the embedded digits, cut to the model's size."""
    rng, shape = np.random.default_rng(1), model.input_shape
    random = rng.random((10, *shape)) * (rng.random((10, *shape)) < 0.4)
    return np.concatenate([random, digits()[:, : shape[0], : shape[1]]])


def difference(network, images, found):
    y, largest = images, 0.0
    for address, layer in network.layers.items():
        y, _ = layer.forward(y)
        largest = max(largest, *(abs(a.ravel() - b[address]).max() for a, b in zip(y, found, strict=True)))
    return largest


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_is_pythons(name, tmp_path):
    model, network, dtype = model_of(name)
    images = images_for(model)
    header, text = encode(model, dtype)
    given = {"images": images.reshape(len(images), -1).tolist(), "header": header, "base64": text}
    found = run_node(FORWARD, tmp_path, **given)
    assert difference(network, images, found) < NEAR
    first = model.layer_names[0]
    layer = network.layers[f"{first}.pre"]
    without = replace(network, layers={**network.layers, f"{first}.pre": replace(layer, bias=0 * layer.bias)})
    assert difference(without, images, found) > 1e-3  # the comparison sees a bias


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rule", ["gradient", "deconvnet", "guided"])
def test_gradients_are_pythons(name, rule, tmp_path):
    model, network, dtype = model_of(name)
    if rule != "gradient" and "convnet" not in name:
        pytest.skip("the rule is defined for networks of ReLUs alone")
    images = images_for(model)
    units = [Unit(layer, index) for layer in model.layer_names for index in (0, 2)]
    units += [Unit(layer, 1, p) for layer in model.layer_names if len(model.layer_shape(layer)) > 1
              for p in ((0, 1), "mean")]  # fmt: skip
    header, text = encode(model, dtype)
    script = """return given.images.map((x) => {
        model.forward(x);
        return given.units.map((text) => [plain(model.gradient(model.unit(text), given.rule)),
                                          model.preActivationOf(model.unit(text))]);
    });"""
    given = {"images": images.reshape(len(images), -1).tolist(), "units": list(map(str, units)), "rule": rule}
    found = run_node(script, tmp_path, header=header, base64=text, **given)
    for i, unit in enumerate(units):
        pre, pullback = ruled(network, rule).upto(f"{unit.layer}.pre").forward(images)
        number = unit_number(model.layer_shape(unit.layer), unit.index, unit.position)
        hot = one_hot(model, unit.layer, number).astype("float64")
        hot /= hot.sum()  # a mean's shares were rounded to the model's own precision
        wanted = pullback(np.stack([hot] * len(images))).reshape(len(images), -1)
        assert abs(wanted - [x[i][0] for x in found]).max() < NEAR
        values = (pre * hot).reshape(len(images), -1).sum(axis=1)
        assert abs(values - [x[i][1] for x in found]).max() < NEAR


def wide(rbm):
    return replace(rbm, **{name: x.astype("float64") for name, x in rbm.params().items()})


def gaussian_dbn():
    small = random_dbn()
    return DBN([GaussianRBM(**small.rbms[0].params(), variance=0.7), *small.rbms[1:]], small.input_shape)


@pytest.mark.parametrize("make", [lambda: shipped(checkpoint.PRETRAINED), random_dbn, gaussian_dbn])
def test_machines_are_pythons(make, tmp_path):
    model = make()
    header, text = encode(model, "float32")
    machines = [wide(rbm) for rbm in model.rbms]
    rng = np.random.default_rng(3)
    v = [rng.random((5, rbm.n_visible)) for rbm in machines]
    h = [rng.random((5, rbm.n_hidden)) for rbm in machines]
    script = """return model.layerNames.map((layer, i) => {
        const machine = model.machine(layer);
        return given.v[i].map((v, row) => {
            const h = given.h[i][row];
            return {F: machine.freeEnergy(v), E: machine.energy(v, h), h: plain(machine.meanHGivenV(v)),
                    v: plain(machine.meanVGivenH(h)), pixels: plain(machine.decode(h))};
        });
    });"""
    given = {"v": [x.tolist() for x in v], "h": [x.tolist() for x in h]}
    found = run_node(script, tmp_path, header=header, base64=text, **given)
    exact = DBN(machines, model.input_shape)
    for i, rbm in enumerate(machines):
        wanted = {"F": rbm.free_energy(v[i]), "E": rbm.energy(v[i], h[i]), "h": rbm.mean_h_given_v(v[i])}
        wanted |= {"v": rbm.mean_v_given_h(h[i]), "pixels": exact.decode(h[i], model.layer_names[i]).reshape(5, -1)}
        for key, x in wanted.items():
            assert abs(x - [row[key] for row in found[i]]).max() < NEAR, key


def drawings():
    rng = np.random.default_rng(8)
    for i in range(20):
        rows, columns = (int(x) for x in rng.integers(9, 150, 2))
        picture = np.zeros((rows, columns), "float32")
        for _ in range(5):
            r, c = int(rng.integers(0, rows - 3)), int(rng.integers(0, columns - 3))
            picture[r : r + int(rng.integers(1, rows)), c : c + 3] = rng.random()
        picture[rows // 2, columns // 2] = 1
        yield (1 - picture) if i % 3 == 0 else picture
    square = np.zeros((31, 40), "float32")
    square[8:20, 7:27] = 1  # symmetric: the last bit of the centre of mass decides
    yield square


def test_drawings_are_centred_as_in_python(tmp_path):
    pictures = list(drawings())
    script = "return given.pictures.map((x, i) => plain(preprocess.centerDigit(x, given.sizes[i], [28, 28])));"
    given = {"pictures": [x.ravel().tolist() for x in pictures], "sizes": [x.shape for x in pictures]}
    found = run_node(script, tmp_path, **given)
    wanted = [center_digit(x, (28, 28)).ravel() for x in pictures]
    assert all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))


def test_pictures_in_colour_are_fitted_as_in_python(tmp_path):
    """Planes of red, green and blue of a canvas's bytes, each with its own ground around it."""
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 256, size, dtype=np.uint8) for size in ((40, 40, 3), (50, 30, 3), (8, 8, 3))]
    opaque = [np.concatenate([x, np.full((*x.shape[:2], 1), 255, np.uint8)], axis=2) for x in pictures]
    script = """return given.pictures.map((x, i) => plain(
        preprocess.fitColours(preprocess.toColours(Uint8Array.from(x)), given.sizes[i], [12, 10])));"""
    given = {"pictures": [x.ravel().tolist() for x in opaque], "sizes": [x.shape[:2] for x in pictures]}
    found = run_node(script, tmp_path, **given)
    wanted = [fitted(np.divide(x, 255, dtype=np.float32), (12, 10), []) for x in pictures]
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(np.moveaxis(a, 2, 0).ravel(), np.array(b, "float32"))


def test_colours_are_painted_as_they_are_and_both_signs_around_mid_grey(tmp_path):
    script = """const {rgbaOf} = await import(STATIC + "dom.js");
    return [plain(rgbaOf([0, 1, 0.2, 0, 0, 1], 2, 0, 1)), plain(rgbaOf([-1, 0.5], 2, -1, 1))];"""
    assert run_node(script, tmp_path) == [[0, 51, 0, 255, 255, 0, 255, 255], [0, 0, 0, 255, 191, 191, 191, 255]]


def test_sfc32_is_its_python_twin(tmp_path):
    script = """const rng = Sfc32.ofState(1, 2, 3, 4), seeded = new Sfc32(4294967295);
    return [Array.from({length: 20}, () => rng.uint32()), Array.from({length: 20}, () => seeded.random())];"""
    stream, seeded = sfc32(1, 2, 3, 4), uniforms(4294967295)
    assert run_node(script, tmp_path) == [[next(stream) for _ in range(20)], [next(seeded) for _ in range(20)]]


class Draws:
    """Bernoulli draws of the twin, and how close one of them came to its probability."""

    def __init__(self, seed):
        self.stream, self.closest = uniforms(seed), 1.0

    def __call__(self, p):
        u = np.array([next(self.stream) for _ in range(p.size)])
        self.closest = min(self.closest, float(abs(u - p.ravel()).min()))
        return (u < p.ravel()).astype("float64")


def clamped(machines, unit, chains, sweeps, draw):
    """States of the hidden units after each sweep, and the picture after the last, written out."""
    top, *lower = machines[::-1]
    states, pictures = [], []
    starts = [draw(np.full(top.n_visible, 0.5)) for _ in range(chains)]
    h = [draw(top.mean_h_given_v(v)) for v in starts]
    for sweep in range(sweeps + 1):
        if sweep:
            moved = []
            for held in h:
                v = draw(top.mean_v_given_h(held))
                moved.append(draw(top.mean_h_given_v(v)))
            h = moved
        for x in h:
            x[unit] = 1
        pixels = []
        for x in h:
            for machine, below in zip([top, *lower], lower, strict=False):
                x = draw(machine.mean_v_given_h(x))
                assert below.n_hidden == len(x)
            pixels.append(machines[0].mean_v_given_h(x))
        states.append(np.array(h))
        pictures.append(np.mean(pixels, axis=0))
    return np.array(states[1:]), np.array(pictures[1:])


@pytest.mark.parametrize("seed", [1, 2])
def test_clamped_chains_are_equal_to_the_bit(seed, tmp_path):
    model = random_dbn(scale=0.5)
    header, text = encode(model, "float32")
    script = """const chain = new ClampedChain(model, "h3", 2, {chains: 4, seed: given.seed});
    const states = [], pictures = [];
    for (let i = 0; i < 100; i++) {
        chain.sweep();
        states.push(chain.h.map(plain));
        pictures.push(plain(chain.picture));
    }
    return {states, pictures, mean: plain(chain.mean), R: chain.scaleReduction};"""
    found = run_node(script, tmp_path, header=header, base64=text, seed=seed)
    draw = Draws(seed)
    states, pictures = clamped([wide(rbm) for rbm in model.rbms], 2, 4, 100, draw)
    assert draw.closest > 1e-6
    assert (states == found["states"]).all()
    assert states.std() > 0.1
    assert abs(pictures - found["pictures"]).max() < 1e-12
    assert abs(pictures.mean(axis=0) - found["mean"]).max() < 1e-12
    assert abs(binary_scale_reduction(states.mean(axis=0)[None])[0] - found["R"]) < 1e-12


def test_the_javascript_unit_tests_pass():
    files = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))
    assert files
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]
