"""Which pixels a unit is sensitive to: its gradient by the image, and the views that change ReLU's backward rule.

Of a ReLU with input z and a signal R coming down, what goes on down is

    gradient   R [z > 0]           the derivative (Simonyan et al. 2014)
    deconvnet  max(R, 0)           whatever z was (Zeiler & Fergus 2014)
    guided     max(R, 0) [z > 0]   both (Springenberg et al. 2015)

at every ReLU, those between dense layers included. Everything else runs its ordinary pullback: convolution transposed,
pooling through the places of its maxima. The signal starts as 1.0 at the unit's pre-activation, a class's score
before softmax. There is no ReLU below the first weights, so every map has both signs.

References
----------
Simonyan, Vedaldi, Zisserman (2014), "Deep inside convolutional networks: visualising image classification models and
saliency maps".
Zeiler, Fergus (2014), "Visualizing and understanding convolutional networks".
Springenberg, Dosovitskiy, Brox, Riedmiller (2015), "Striving for simplicity: the all convolutional net".
Shrikumar, Greenside, Kundaje (2017), "Learning important features through propagating activation differences", for
gradient x input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..backend import Array, array_module
from ..images import images_of
from ..models.convolution import Channels, Conv2D, ReLU
from ..models.layers import Dense, Flatten, Identity, Network, Pullback, Softmax
from ..models.protocol import Model
from ..models.subsampling import AvgPool2D, MaxPool2D
from ..models.units import Unit, as_units, one_hot, parse_units

Rule = Callable[[Array, Array], Array]

#: What a ReLU makes of the signal, by name: (z, R) -> outgoing signal.
RULES: dict[str, Rule] = {
    "gradient": lambda z, R: R * (z > 0),
    "deconvnet": lambda z, R: array_module(R).maximum(R, 0),
    "guided": lambda z, R: array_module(R).maximum(R, 0) * (z > 0),
}


#: Layers through which every rule goes: their pullback is linear algebra, or has a rule of its own.
PASSED = (Channels, Conv2D, MaxPool2D, AvgPool2D, Dense, Flatten, Identity, ReLU)


@dataclass(frozen=True)
class RuledReLU:
    """A ReLU that runs backwards by `rule`."""

    rule: Rule

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        y, _ = ReLU().forward(x)
        return y, lambda gy: self.rule(x, gy)

    def transpose(self, y: Array) -> Array:
        return y


def ruled(network: Network, rule: str) -> Network:
    """`network` with every ReLU running backwards by `rule`, a name of `RULES`.

    Raises
    ------
    ValueError
        If there is no such rule; if it changes ReLUs and the network has units of another kind, but for a last softmax.
    """
    if rule not in RULES:
        raise ValueError(f"no rule {rule!r}; the rules are {', '.join(RULES)}")
    last = list(network.layers)[-1:]
    others = {
        address: type(layer).__name__.lower()
        for address, layer in network.layers.items()
        if not isinstance(layer, PASSED) and not (isinstance(layer, Softmax) and address in last)
    }
    if rule != "gradient" and others:
        raise ValueError(
            f"{rule} changes how a ReLU runs backwards, and the units of {', '.join(others)} are "
            f"{' and '.join(dict.fromkeys(others.values()))}: it is undefined for this network; take the rule gradient"
        )
    layers = {
        address: RuledReLU(RULES[rule]) if isinstance(layer, ReLU) else layer
        for address, layer in network.layers.items()
    }
    return replace(network, layers=layers)


def gradients(model: Model, images: Array, units: Sequence[Unit | str], rule: str = "gradient") -> Array:
    """The map of `units[b]` at `images[b]` by `rule`.

    Parameters
    ----------
    model : ConvNet, MLP, DBN
    images : array (B, *input_shape)
    units : sequence of Unit or str, length B
        Of one layer. See `located` for the position at which a channel responds most.
    rule : str
        A name of `RULES`; "deconvnet" and "guided" are defined for networks of ReLUs alone.

    Returns
    -------
    array (B, *input_shape)
        Both signs.

    Raises
    ------
    ValueError
        If the images do not fit the model, there is not one unit per image, or the rule is unknown or undefined.
    """
    images = images_of(model, images)
    units = parse_units(units)
    if len(units) != len(images):
        raise ValueError(f"expected one unit per image, got {len(units)} units and {len(images)} images")
    layer, numbers = as_units(model, units)
    _, pullback = ruled(model.network, rule).upto(f"{layer}.pre").forward(images)
    return pullback(model.xp.stack([one_hot(model, layer, number) for number in numbers]))


def saliency(gradient: Array, n_axes: int = 2) -> Array:
    """|gradient| (B, *input_shape), the largest of an image's colours: (B, height, width)."""
    size = abs(gradient)
    return size if size.ndim == n_axes + 1 else size.max(axis=1)


#: The views of an image, by name: (model, images, units) -> maps (B, ...).
VIEWS: dict[str, Callable[..., Array]] = {
    "gradient": gradients,
    "saliency": lambda model, images, units: saliency(gradients(model, images, units)),
    "gradient x input": lambda model, images, units: images * gradients(model, images, units),
    "guided": lambda model, images, units: gradients(model, images, units, "guided"),
    "deconvnet": lambda model, images, units: gradients(model, images, units, "deconvnet"),
}
