"""Convolutional RBMs with probabilistic max-pooling, and stacks of them (Lee, Grosse, Ranganath, Ng 2009)."""

from .machine import ConvRBM, GaussianConvRBM
from .stack import ConvDBN, Unrolled

__all__ = ["ConvDBN", "ConvRBM", "GaussianConvRBM", "Unrolled"]
