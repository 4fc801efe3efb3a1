"""How one RBM is trained, how a convolutional one, and how a network is by backpropagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..settings import check_settings, check_value

#: Hidden units of each layer of the shipped model and of `dbnvis reproduce`.
HIDDEN = (1000, 500, 250)


@dataclass(frozen=True)
class CDConfig:
    """How one RBM is trained. The defaults give a model that generates, not only reconstructs."""

    epochs: int = 40
    """Passes over the data."""
    batch_size: int = 100
    """Images per update, and persistent chains; all images where there are fewer."""
    start: Literal["random", "transposed"] = "random"
    """RBMs above the first start at small random weights, or as the RBM below turned upside down, with random weights
    for the hidden units that it lacks: the DBN then starts about as good as without them (Hinton et al. 2006)."""
    learning_rate: float = 0.05
    """At the start."""
    schedule: Literal["linear", "constant"] = "linear"
    """The rate falls linearly to zero at the end, so that persistent chains catch up with the model, or it stays."""
    momentum: float = 0.5
    """In the first `momentum_epochs` epochs."""
    final_momentum: float = 0.5
    """In the later epochs; 0.9 is usual with CD (Hinton 2010), too fast for persistent chains."""
    momentum_epochs: int = 5
    """Epochs at the first momentum."""
    k: int = 1
    """Gibbs steps per update."""
    k_epochs: int | None = None
    """k grows by one after every so many epochs while the rate is divided by it: annealed CD (Salakhutdinov &
    Murray 2008 took 10)."""
    persistent: bool = True
    """Chains go on from update to update (PCD, Tieleman 2008). --no-persistent: they restart at the data (CD, Hinton
    2002)."""
    temperatures: int = 1
    """Replicas of each persistent chain, at inverse temperatures equally spaced from 1 to 0, that exchange states:
    parallel tempering (Desjardins et al. 2010). 1: plain chains."""
    binarize: Literal["sample", "threshold", "none"] = "sample"
    """Data in [0, 1] shown to binary units: drawn afresh at every presentation, cut at 0.5, or as they are."""
    reconstruction: Literal["sample", "mean"] = "sample"
    """Visible units of a CD step: drawn, or their probabilities (Hinton 2010, 3.2). Persistent chains draw."""
    centered: bool = True
    """Subtract running means from both sides of the statistics (Melchior et al. 2016). --no-centered: do not."""
    weight_decay: float = 1e-3
    """L2 penalty on the weights: each update shrinks them by rate * weight_decay, outside the momentum."""
    l1_decay: float = 2e-4
    """L1 penalty on the weights: local filters (Hinton 2010, section 10)."""
    sparsity_target: float | None = 0.1
    """Wanted mean probability of a hidden unit, 0.01 to 0.1 (Hinton 2010, section 11); hidden biases start
    at its log-odds. None: no target."""
    sparsity_cost: float = 0.5
    """Pull of the hidden biases towards the target (Lee et al. 2008: biases only)."""
    averaging: float = 0.0
    """Share of the epochs, the last ones, over whose updates the parameters are averaged (Polyak & Juditsky 1992): the
    model gets the mean; 0: the last values."""
    variance: float = 0.1
    """Of Gaussian visible units, given the hidden ones; the default suits whitened patches. Binary units have none."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            epochs="[1, inf)",
            batch_size="[1, inf)",
            learning_rate="[0, inf)",
            momentum="[0, 1)",
            final_momentum="[0, 1)",
            momentum_epochs="[0, inf)",
            k="[1, inf)",
            k_epochs="[1, inf)",
            temperatures="[1, 1000]",
            weight_decay="[0, inf)",
            l1_decay="[0, inf)",
            sparsity_target="(0, 1)",
            sparsity_cost="[0, inf)",
            averaging="[0, 1]",
            variance="(0, inf)",
        )
        if self.temperatures > 1 and not self.persistent:
            raise ValueError(
                f"{self.temperatures} temperatures need persistent chains; set persistent, or 1 temperature"
            )

    def gibbs_steps(self, epoch: int) -> int:
        """k of one epoch, the first of which is 0."""
        return self.k + (epoch // self.k_epochs if self.k_epochs else 0)

    def rate(self, epoch: float) -> float:
        """Learning rate after so many epochs, a fraction included."""
        fall = 1 - epoch / self.epochs if self.schedule == "linear" else 1
        return self.learning_rate * fall / (self.gibbs_steps(int(epoch)) if self.k_epochs else 1)


@dataclass(frozen=True)
class ConvCDConfig:
    """How one convolutional RBM is trained.

    Rates and costs are of gradients divided by the number of places of the filters (for the visible biases, of the
    pixels), so that they do not depend on the size of the images.
    """

    epochs: int = 10
    """Passes over the data."""
    batch_size: int = 20
    """Images per update, and persistent chains; all images where there are fewer."""
    learning_rate: float = 0.2
    """At the start; it falls linearly to zero at the end."""
    momentum: float = 0.5
    """In the first epoch."""
    final_momentum: float = 0.5
    """In the later epochs; 0.9 is usual with CD (Hinton 2010), too fast for persistent chains."""
    k: int = 1
    """Gibbs steps per update."""
    persistent: bool = True
    """Chains go on from update to update (PCD, Tieleman 2008); otherwise they restart at the data (CD, Hinton 2002)."""
    weight_decay: float = 1e-4
    """L2 penalty on the weights: each update shrinks them by rate * weight_decay, outside the momentum."""
    l1_decay: float = 0.0
    """L1 penalty on the weights."""
    sparsity_target: float | None = 0.01
    """Wanted mean probability of a detection unit: K groups give a K-fold overcomplete code, which is of use only where
    few are on (Lee et al. 2009). None: no such wish. Hidden biases start at it."""
    sparsity_cost: float = 1.0
    """Pull of the hidden biases towards the target (Lee et al. 2008: biases only)."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            epochs="[1, inf)",
            batch_size="[1, inf)",
            learning_rate="[0, inf)",
            momentum="[0, 1)",
            final_momentum="[0, 1)",
            k="[1, inf)",
            weight_decay="[0, inf)",
            l1_decay="[0, inf)",
            sparsity_target="(0, 1)",
            sparsity_cost="[0, inf)",
        )

    def rate(self, epoch: float) -> float:
        """Learning rate after so many epochs, a fraction included."""
        return self.learning_rate * (1 - epoch / self.epochs)


@dataclass(frozen=True)
class BackpropConfig:
    """How a network is fine-tuned. The defaults are for a classifier."""

    loss: Literal["softmax", "pixels", "squared"] = "softmax"
    """softmax: cross-entropy of class labels; pixels: cross-entropy of pixels in [0, 1]; squared: squared error."""
    epochs: int = 100
    """Passes over the data."""
    batch_size: int = 100
    """Images per update; all of them where there are fewer."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Adam (Kingma & Ba 2015), or gradient descent with momentum."""
    learning_rate: float = 1e-3
    """At the start; it falls linearly to zero at the end. About 1e-3 for adam, 0.1 for sgd."""
    momentum: float = 0.9
    """Share of the past in the running mean of gradients (Adam's beta1)."""
    weight_decay: float = 0.0
    """L2 penalty on the weights: each update shrinks them by rate * weight_decay, outside the optimizer."""
    centered_gradients: bool = False
    """From the gradient of a unit's weights their mean is subtracted (Yong et al. 2020, gradient centralization)."""
    dropout: float = 0.0
    """Share of the hidden units left out at every presentation, the others scaled up (Srivastava et al. 2014)."""
    input_dropout: float = 0.0
    """Share of the pixels left out, likewise."""
    top_epochs: int = 0
    """In the first epochs only the top layer learns, so that its random start does not spoil the others."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            epochs="[1, inf)",
            batch_size="[1, inf)",
            learning_rate="[0, inf)",
            momentum="[0, 1)",
            weight_decay="[0, inf)",
            dropout="[0, 1)",
            input_dropout="[0, 1)",
            top_epochs="[0, inf)",
        )


@dataclass(frozen=True)
class ConvNetConfig(BackpropConfig):
    """How a convolutional classifier is trained; settled on the last 10,000 of MNIST's training images, held out."""

    epochs: int = 18
    """Passes over the data."""
    learning_rate: float = 2e-3
    """At the start; it falls linearly to zero at the end. About 2e-3 for adam, 0.1 for sgd."""
    weight_decay: float = 0.3
    """L2 penalty on the weights, outside the optimizer: without it kernels keep the noise that they started from."""
    centered_gradients: bool = True
    """From the gradient of a unit's weights their mean is subtracted (Yong et al. 2020, gradient centralization). Adam
    would else move the weights of a unit together, and above ReLUs, whose outputs are not negative, turn it off for
    every image, for good."""
    dropout: float = 0.3
    """Share of the hidden dense units left out at every presentation, the others scaled up (Srivastava et al. 2014)."""
    shift: int = 2
    """Every presentation moves the image by up to so many pixels, in rows and in columns; 0: not at all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_value("shift", self.shift, int, "[0, inf)")
