"""dbnvis.interop.from_torch: activations and gradients of random modules are PyTorch's; what is refused, and how."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbnvis import checkpoint
from dbnvis.interop import from_torch
from dbnvis.interop import modules as conversion
from dbnvis.models.convnet import ConvNet
from dbnvis.models.layers import Softmax
from dbnvis.models.mlp import MLP

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
nn = torch.nn
F = nn.functional

ACTIVATIONS = [nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Identity]


def settled(module, seed):
    """The module in evaluation mode, its batch normalizations with statistics and weights of a trained one."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for x, low, high in (
                (part.running_mean, -0.5, 0.5),
                (part.running_var, 0.5, 2),
                (part.weight, -1, 1.5),
                (part.bias, -0.5, 0.5),
            ):
                x.data.copy_(low + (high - low) * torch.rand(x.shape, generator=generator))
    return module.eval()


@st.composite
def convolutions(draw, channels, size):
    """A Conv2d that fits maps of `size`, and the size of what it gives."""
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(2))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(2))
    same = draw(st.booleans())
    stride = 1 if same else draw(st.integers(1, 2))
    padding = "same" if same else tuple(draw(st.integers(0, 4)) for _ in range(2))
    bias = draw(st.booleans())
    conv = nn.Conv2d(channels, groups * draw(st.integers(1, 3)), kernel, stride, padding, dilation, groups, bias)
    with torch.no_grad():
        try:
            after = conv(torch.zeros(1, channels, *size)).shape
        except RuntimeError:
            return None, channels, size
    return conv, after[1], tuple(after[2:])


@st.composite
def modules(draw):
    """A random module of all supported layers in evaluation mode, and the shape of its images."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    shape = draw(st.sampled_from([(1, 7, 6), (3, 6, 6), (2, 9, 5)]))
    channels, size = shape[0], shape[1:]
    layers = []
    if draw(st.booleans()):
        for _ in range(draw(st.integers(1, 2))):
            conv, channels, size = draw(convolutions(channels, size))
            layers += [] if conv is None else [conv]
            if draw(st.booleans()):
                layers.append(nn.BatchNorm2d(channels))
            layers.append(draw(st.sampled_from(ACTIVATIONS))())
            if draw(st.booleans()):
                layers.append(nn.BatchNorm2d(channels))
            pool = draw(st.sampled_from([None, nn.MaxPool2d, nn.AvgPool2d]))
            side, step = draw(st.integers(1, 3)), draw(st.sampled_from([None, 1, 2]))
            if pool is not None and side <= min(size):
                layers.append(pool(side, step))
                size = tuple((n - side) // (step or side) + 1 for n in size)
            if draw(st.booleans()):
                layers.append(nn.Dropout2d())
        layers.append(nn.Flatten())
    elif draw(st.booleans()):
        layers.append(nn.Flatten())
    n_in = channels * size[0] * size[1]
    for n_out in draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)):
        layers.append(nn.Linear(n_in, n_out, bias=draw(st.booleans())))
        if draw(st.booleans()):
            layers.append(nn.BatchNorm1d(n_out))
        layers.append(draw(st.sampled_from([*ACTIVATIONS, nn.Dropout]))())
        n_in = n_out
    last = draw(st.sampled_from([None, nn.Softmax(dim=1), nn.LogSoftmax(dim=-1)]))
    layers += [] if last is None else [last]
    cut = draw(st.integers(0, len(layers)))
    nested = nn.Sequential(nn.Sequential(*layers[:cut]), nn.Sequential(*layers[cut:]))
    return settled(draw(st.sampled_from([nn.Sequential(*layers), nested])), draw(st.integers(0, 100))), shape


def taken(module, x):
    """Images as the module takes them: flat if it begins with a dense layer."""
    first = next(part for part in module.modules() if isinstance(part, (nn.Linear, nn.Conv2d, nn.Flatten)))
    return x.flatten(1) if isinstance(first, nn.Linear) else x


@settings(max_examples=150, deadline=None)
@given(modules(), st.integers(0, 2**31))
def test_activations_and_gradients_are_pytorchs(made, seed):
    module, shape = made
    rng = np.random.default_rng(seed)
    images = rng.random((3, *shape), dtype="float32")
    x = torch.tensor(images, requires_grad=True)
    theirs = module(taken(module, x))
    model = from_torch(module, shape)
    assert isinstance(model, (MLP, ConvNet)) and str(model.dtype) == "float32"
    last = list(model.network.layers)[-1]
    own = images if shape[0] > 1 else images[:, 0]
    ours, pullback = model.network.forward(own)
    logarithmic = any(isinstance(part, nn.LogSoftmax) for part in module.modules())
    probabilities = theirs.exp() if logarithmic else theirs
    scale = max(1, float(probabilities.detach().abs().max()))
    np.testing.assert_allclose(ours, probabilities.detach().numpy(), atol=1e-5 * scale, rtol=0, err_msg=last)
    gy = rng.standard_normal(ours.shape).astype("float32")
    (probabilities * torch.tensor(gy)).sum().backward()
    gradient = x.grad.numpy().reshape(own.shape)
    largest = max(1, float(np.abs(gradient).max()))
    np.testing.assert_allclose(pullback(gy), gradient, atol=1e-4 * largest, rtol=0)


class Digits(nn.Module):
    """As tutorials write it: functions between modules, one pooling module used twice."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(24, 8)
        self.drop = nn.Dropout()
        self.fc2 = nn.Linear(8, 5)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x)), inplace=True))
        x = F.relu(self.pool(self.conv2(x)))
        x = x.view(x.size(0), -1)
        x = F.dropout(torch.tanh(self.fc1(x)), training=self.training)
        return F.log_softmax(self.fc2(self.drop(x)), dim=1)


@pytest.fixture
def digits():
    torch.manual_seed(0)
    return settled(Digits(), 0)


def test_names_of_the_source_are_addresses(digits, tmp_path):
    model = from_torch(digits, (1, 12, 12))
    assert model.input_shape == (12, 12)
    assert model.layer_names == ["conv1", "conv2", "fc1", "fc2"]
    assert all(x.flags.c_contiguous and x.flags.writeable for x in model.network.params().values())  # as training asks
    expected = ["input", "conv1.pre", "conv1", "pool", "conv2.pre", "conv2", "pool_2", "relu_1", "flat"]
    assert [*model.network.layers] == [*expected, "fc1.pre", "fc1", "fc2.pre", "fc2"]
    assert isinstance(model.network.layers["fc2"], Softmax)
    checkpoint.save(tmp_path / "m.npz", model, config={}, seed=0)
    again = checkpoint.load(tmp_path / "m.npz", xp=np).model
    x = np.random.default_rng(0).random((2, 12, 12), dtype="float32")
    with torch.no_grad():
        np.testing.assert_allclose(again.encode(x, "fc2"), digits(torch.tensor(x[:, None])).exp().numpy(), atol=1e-6)


def test_hidden_layers_are_the_sources_too(digits):
    x = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    seen = {}
    for name in ("bn1", "fc1"):

        def keep(part, given, y, name=name):
            seen[name] = y.numpy().copy()  # the ReLU above it overwrites it

        digits.get_submodule(name).register_forward_hook(keep)
    with torch.no_grad():
        digits(x)
    found, model = dict(seen), from_torch(digits, (12, 12))
    for address, name in (("conv1.pre", "bn1"), ("fc1.pre", "fc1")):
        ours, _ = model.network.upto(address).forward(x[:, 0].numpy())
        np.testing.assert_allclose(ours, found[name], atol=1e-5)


def test_the_module_is_left_as_it_is(digits):
    before = {name: x.clone() for name, x in digits.state_dict().items()}
    digits.train()
    with pytest.warns(UserWarning, match="drop as in evaluation mode"):
        from_torch(digits, (12, 12))
    assert digits.training and digits.drop.training
    assert all(torch.equal(x, before[name]) for name, x in digits.state_dict().items())


class RectifiedInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(6, 4)

    def forward(self, x):
        return self.last(F.relu(x, inplace=True))


@pytest.mark.parametrize(
    "module",
    [
        RectifiedInput(),
        nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 4)),
        nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 4)),
    ],
)
def test_a_module_that_overwrites_its_input_is_compared_at_the_images(module, monkeypatch):
    compared = []

    def model_of(links, shape, images, *others):
        compared.append(images.copy())
        return made_of(links, shape, images, *others)

    made_of = conversion.model_of
    monkeypatch.setattr(conversion, "model_of", model_of)
    images = np.random.default_rng(0).uniform(-1, 1, (5, 6))
    model = from_torch(module, (6,), images=images, input_range=(-1, 1))
    np.testing.assert_allclose(compared[0][-5:], images)
    outputs = module(torch.tensor(images, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(model.network.forward(images.astype("float32"))[0], outputs, atol=1e-5)


def test_names_that_are_no_addresses_get_the_stated_ones():
    module = nn.Sequential()
    module.add_module("conv-1", nn.Conv2d(1, 2, 3))
    module.add_module("input", nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)))
    module.add_module("conv_1", nn.Linear(3, 2))
    model = from_torch(module, (6, 6))
    assert model.layer_names == ["conv_1", "input_3", "conv_1_2"]
    unnamed = from_torch(nn.Sequential(nn.Linear(36, 3), nn.ReLU(), nn.Linear(3, 2)), (6, 6))
    assert unnamed.layer_names == ["linear0", "linear2"]


@pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16"])
def test_other_precisions_are_converted_and_that_is_said(kind):
    module = nn.Sequential(nn.Linear(6, 4), nn.Sigmoid()).to(getattr(torch, kind))
    with pytest.warns(UserWarning, match=f"weights of type {kind} become float32"):
        model = from_torch(module, (2, 3))
    np.testing.assert_array_equal(model.weights("linear0"), module[0].weight.detach().float().numpy().T)


def test_float32_on_the_processor_in_evaluation_mode_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_torch(nn.Sequential(nn.Linear(6, 4), nn.Dropout()).eval(), (2, 3))


@pytest.mark.gpu
def test_weights_on_a_gpu_are_copied_and_that_is_said():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    with pytest.warns(UserWarning, match="weights on cuda:0 are copied to the processor"):
        from_torch(nn.Linear(6, 4).cuda(), (2, 3))


def test_images_give_the_norm_and_are_compared():
    images = np.random.default_rng(0).random((20, 2, 3))
    model = from_torch(nn.Sequential(nn.Linear(6, 4)), (2, 3), images=images)
    assert model.input_norm == pytest.approx(np.linalg.norm(images.reshape(20, -1), axis=1).mean())
    with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\]"):
        from_torch(nn.Linear(6, 4), (2, 3), images=images * 3)


@pytest.mark.parametrize("first", ["dense", "convolution", "padded", "window", "activation"])
@pytest.mark.parametrize("shape", [(6, 5), (3, 6, 5)])
def test_normalized_pixels_are_a_part_of_the_model(first, shape):
    torch.manual_seed(0)
    channels = shape[0] if len(shape) == 3 else 1
    normalize = ([0.1, 0.4, 0.7][:channels], [0.3, 0.2, 0.5][:channels])
    layers = {
        "dense": [],
        "convolution": [nn.Conv2d(channels, 2, 2), nn.Tanh()],
        "padded": [nn.Conv2d(channels, 2, 3, padding=1), nn.Tanh()],
        "window": [nn.MaxPool2d(2)],
        "activation": [nn.Flatten(), nn.Sigmoid()],
    }[first]
    size = {
        "dense": 30 * channels,
        "convolution": 40,
        "padded": 60,
        "window": 6 * channels,
        "activation": 30 * channels,
    }[first]
    module = nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, 4))
    model = from_torch(module, shape, normalize=normalize if channels > 1 else (0.1, 0.3))
    extra = ["normalize"] if first in ("padded", "window", "activation") else []
    assert model.layer_names[: len(extra)] == extra
    images = np.random.default_rng(0).random((3, *shape), dtype="float32")
    x = torch.tensor(images).reshape(3, channels, 6, 5)
    mean, deviation = (torch.tensor(x)[:, None, None] for x in normalize)
    with torch.no_grad():
        expected = module((x - mean) / deviation).numpy()
    np.testing.assert_allclose(model.encode(images, model.layer_names[-1]), expected, atol=1e-5)


@pytest.mark.parametrize("bad", [0.5, (0.1,), (0.1, 0.0), (0.1, float("nan")), ([0.1, 0.2], 1), ("a", 1)])
def test_normalizations_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="normalize must be"):
        from_torch(nn.Linear(6, 2), (2, 3), normalize=bad)


# --- what is refused


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x))) + x


class Early(Residual):
    def forward(self, x):
        x = self.fc1(x)
        return x, self.fc2(x)


class Twice(Residual):
    def forward(self, x):
        return self.fc1(torch.relu(self.fc1(x)))


class Tied(Residual):
    def __init__(self):
        super().__init__()
        self.fc2.weight = self.fc1.weight

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


class Depends(Residual):
    def forward(self, x):
        return self.fc1(x) if x.sum() > 0 else self.fc2(x)


class Bare(Residual):
    def forward(self, x):
        return F.linear(x, self.fc1.weight)


class Doubled(Residual):
    def forward(self, x):
        return self.fc1(x) * 2


class Always(Residual):
    def forward(self, x):
        return self.fc2(F.dropout(self.fc1(x)))


class Rows(Residual):
    def forward(self, x):
        return self.fc1(x.view(-1, 3, 2).flatten(1))


class Skips(Residual):
    """The second layer takes what the first took."""

    def forward(self, x):
        y = self.fc1(x)
        return self.fc2(x) * y


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Residual(), "branches at add: it takes fc2 and the image, the layer before it gives fc2"),
        (Early(), "branches: it does not give what its last layer, fc2, gives"),
        (Skips(), "branches at fc2: it takes the image, the layer before it gives fc1"),
        (Twice(), "shares weights: fc1 has those of fc1"),
        (Tied(), "shares weights: fc2 has those of fc1"),
        (Depends(), r"Depends is no chain of layers: torch.fx cannot record .*nn.Sequential"),
        (Doubled(), "mul is a call of mul, which is not understood; understood are Linear"),
        (Always(), r"drops units in evaluation mode, too; write dropout\(x, training=self.training\)"),
        (Rows(), r"view makes \(3, 2\) of \(6,\)"),
        (nn.Sequential(nn.Linear(6, 4), nn.GELU()), "1 is a GELU, which is not understood"),
        (nn.Sequential(nn.Linear(6, 4), nn.Softmax(dim=1), nn.Linear(4, 2)), "softmax is understood as the last layer"),
        (nn.Sequential(nn.Linear(6, 4), nn.Softmax(dim=0)), "dim=1, got dim=0"),
        (nn.Sequential(nn.Linear(5, 4)), r"does not take images of shape \(6,\)"),
        (nn.Sequential(nn.ReLU()), "no layer with weights"),
        (nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, track_running_stats=False)), "no running statistics"),
    ],
)
def test_what_is_no_chain_of_known_layers_is_refused_by_name(module, said):
    with pytest.raises(ValueError, match=said) as refused:
        from_torch(module.eval(), (2, 3))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (nn.Conv2d(1, 2, 3, stride=(1, 2)), r"Conv2d 0 has stride=\(1, 2\)"),
        (nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), "padding_mode=reflect; padding_mode=zeros"),
        (nn.ConvTranspose2d(1, 2, 3), "0 is a ConvTranspose2d"),
        (nn.MaxPool2d(2, ceil_mode=True), "MaxPool2d 0 has ceil_mode=True; ceil_mode=False is understood"),
        (nn.MaxPool2d(2, padding=1), "padding=1; padding=0"),
        (nn.MaxPool2d(2, dilation=2), "dilation=2; dilation=1"),
        (nn.MaxPool2d((2, 3)), r"kernel_size=\(2, 3\)"),
        (nn.AvgPool2d(2, padding=1), "AvgPool2d 0 has padding=1"),
        (nn.AvgPool2d(2, divisor_override=3), "divisor_override=3"),
        (nn.AdaptiveAvgPool2d(4), "makes 4 x 4 of maps of 6 x 6"),
        (nn.Softmax(dim=1), r"dim=1 of \(1, 6, 6\)"),
        (nn.Conv2d(3, 2, 3), r"does not take images of shape \(1, 6, 6\)"),
        (nn.Conv2d(1, 2, 7), r"does not take images of shape \(1, 6, 6\)"),
        (nn.Linear(6, 2), r"does not take images of shape \(36,\)"),
    ],
)
def test_settings_and_shapes_without_counterpart_are_refused(layer, said):
    with pytest.raises(ValueError, match=said):
        from_torch(nn.Sequential(layer).eval(), (6, 6))


def test_weights_used_by_themselves_are_refused():
    with pytest.raises(ValueError, match=r"uses the weights fc1.weight by themselves"):
        from_torch(Bare().eval(), (6,))


def test_a_mean_over_whole_maps_is_understood():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    model = from_torch(module, (6, 6))
    x = torch.rand(2, 1, 6, 6)
    with torch.no_grad():
        np.testing.assert_allclose(model.encode(x[:, 0].numpy(), "linear4"), module(x).numpy(), atol=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(bad):
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    module[2].weight.data[1, 2] = bad
    with pytest.raises(ValueError, match="layer 2 has 1 weights or biases that are NaN or infinite"):
        from_torch(module, (2, 3))


@pytest.mark.parametrize("what", [[1], nn.Linear, None])
def test_other_objects_are_refused(what):
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module"):
        from_torch(what, (2, 3))


def test_images_of_no_picture_do_not_fit_a_convolution():
    with pytest.raises(ValueError, match=r"\(H, W\) or \(C, H, W\); input_shape is \(36,\)|does not take images"):
        from_torch(nn.Sequential(nn.Conv2d(1, 2, 3)), (36,))


class Scaled(nn.Linear):
    """Says that it is Linear, and computes something else."""

    __module__ = "torch.nn.mine"

    def forward(self, x):
        return 1.01 * super().forward(x)


def test_a_layer_that_computes_something_else_is_found_by_its_activations():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), Scaled(4, 2))
    with pytest.raises(ValueError, match=r"layer scaled2.pre differs from the source by 0\.00\d+ where .* at most"):
        from_torch(module, (2, 3))
