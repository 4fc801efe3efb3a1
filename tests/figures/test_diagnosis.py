"""What sheets say of chains, in words."""

import numpy as np
import pytest

from dbnvis.figures import diagnosis
from dbnvis.visualize import Unit, UnitImages

NAN = float("nan")


def pictures(**extras):
    """Two units' samples with these measurements, a record of 100 sweeps each."""
    return UnitImages(
        units=(Unit("h1", 0), Unit("h1", 1)),
        images=np.zeros((2, 1, 3, 3)),
        scores=np.zeros((2, 1)),
        settings={"draws": 100, "thin": 1},
        extras={name: np.asarray(x, float) for name, x in extras.items()},
        notes=("", ""),
    )


@pytest.mark.parametrize(
    ("slowest", "said"), [([1.05, 1.07], "1.06"), ([NAN, 1.07], "1.07"), ([NAN, NAN], "not measured")]
)
def test_a_statistic_that_cannot_be_had_is_said_to_be_not_measured(slowest, said):
    x = pictures(mixing=[1.01, 1.03], slowest=slowest, tau=[1, 2], ess=[900, 800])
    assert f"R 1.02, of the slowest hidden units {said}, tau 2, record 100, 850 draws" in diagnosis.summary(x)
    of_first = "not measured" if np.isnan(slowest[0]) else "1.05"
    assert diagnosis.note(x, 0) == f"R 1.01, of the slowest {of_first}; tau 1, record 100, 900 draws"
