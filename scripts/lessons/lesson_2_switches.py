# %% [markdown]
# # 2. What switches a hidden unit on?
#
# The *input* of a hidden unit is its bias plus the weights of all pixels that are on. The *sigmoid* function
# $\sigma(x) = 1 / (1 + e^{-x})$ turns it into a probability: $p(h_j = 1 \mid v) = \sigma(c_j + v \cdot W_j)$.
#
# **Predict**: another hidden unit is fixed to 1, and the picture stays as it is. What happens to this probability?

# %% tags=["parameters"]
seed = 1

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from dbnvis import RBM

rbm = RBM.random(64, 6, rng=np.random.default_rng(seed), scale=0.3, dtype="float64")
v = (load_digits().data[seed] >= 8).astype("float64")  # a digit of 8x8 pixels, each 0 or 1
p = rbm.mean_h_given_v(v)

fig, axes = plt.subplots(1, 7, figsize=(11, 2))
axes[0].imshow(v.reshape(8, 8), cmap="gray")
axes[0].set_title("picture")
for j, axis in enumerate(axes[1:]):
    axis.imshow(rbm.W[:, j].reshape(8, 8), cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set_title(f"h{j + 1}: p = {p[j]:.2f}")
for axis in axes:
    axis.axis("off")

# %% [markdown]
# Red weights are positive, blue ones negative. Now without the formula: list all 64 states of the hidden units, and
# add up the probabilities of those in which a unit is 1.

# %%
h = np.array(list(product((0.0, 1.0), repeat=6)))
weight = np.exp(v @ rbm.vbias + h @ (rbm.hbias + v @ rbm.W))
listed = weight @ h / weight.sum()

h2_is_1 = weight * h[:, 1]
with_h2 = h2_is_1 @ h / h2_is_1.sum()
print("formula      ", p.round(4))
print("list         ", listed.round(4))
print("h2 fixed to 1", with_h2.round(4))

# %% [markdown]
# ## The fact
# The formula and the list agree. With h2 fixed to 1, the probabilities of all other units stay the same: no two hidden
# units are connected, so given v they are *independent*.

# %%
fact = {
    "probability_formula_minus_list": float(abs(listed - p).max()),
    "change_when_another_unit_is_fixed": float(abs(np.delete(with_h2 - p, 1)).max()),
}
assert fact["probability_formula_minus_list"] < 1e-12
assert fact["change_when_another_unit_is_fixed"] < 1e-12
fact
