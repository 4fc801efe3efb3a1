"""Networks of others as models of this package: of PyTorch, of scikit-learn, or arrays from a file.

Each becomes a DBN, an MLP or a ConvNet, which every visualizer and view takes, and which `checkpoint.save` keeps. Each
is compared with its source before it is handed out, and refused with the layer where they part. Nothing here imports
PyTorch or scikit-learn before it is asked to read something of theirs.

Names of the source's layers become addresses, such as `fc1:3`. Every character but letters, digits and "_" becomes "_"
(`features.0` is `features_0`); a name that begins with a digit gets the kind of its layer in front (`0` is `conv0`); a
name that is taken gets a number (`pool_2`).
"""

from .arrays_by_name import from_arrays, from_state
from .estimators import from_sklearn
from .modules import from_torch

__all__ = ["from_arrays", "from_sklearn", "from_state", "from_torch"]
