# %% [markdown]
# # 8. What is a unit for?
#
# Nobody says before training what a hidden unit should stand for. This RBM, with 9 pixels and 6 hidden units, learns
# bars and stripes of 3x3 pixels by the exact gradient (lesson 3).
#
# To find out, *clamp* a unit: fix it to 1, and sample all other units by Gibbs sampling. The mean picture is the mean
# of v in the model when the unit is on, $E[v \mid h_j = 1]$.
#
# **Predict**: will the mean picture be the same as the unit's weights?

# %% tags=["parameters"]
seed = 1

# %%
import matplotlib.pyplot as plt
import numpy as np

from dbnvis import RBM, ClampedGibbs, checkpoint, clamp, gibbs
from dbnvis.datasets import bars_and_stripes
from dbnvis.evaluate.enumeration import likelihood_gradient, visible_distribution

rng = np.random.default_rng(seed)
data = bars_and_stripes(3).reshape(16, 9).astype("float64")
rbm = RBM.random(9, 6, rng=rng, scale=0.1, dtype="float64")
for _ in range(400):  # the exact gradient; lesson 3
    gradient = likelihood_gradient(rbm, data)
    for name, x in rbm.params().items():
        x += 0.5 * gradient[name]

# %% [markdown]
# For each unit: fifty chains of 1,000 sweeps, and the exact mean, computed from the list of all 512 pictures.


# %%
def clamped(unit):
    """Mean of the chains, (9,), its standard error, (9,), and the exact mean, (9,)."""
    held = clamp(rbm, unit)  # the model of all other units, with this one fixed to 1
    v = gibbs(held, held.random_v((50, 9), rng=rng), 20, rng=rng)
    total = np.zeros_like(v)
    for _ in range(1000):
        v = gibbs(held, v, 1, rng=rng)
        total += v
    own = total / 1000  # of each chain
    return own.mean(axis=0), own.std(axis=0, ddof=1) / np.sqrt(len(own)), visible_distribution(held).mean


means, errors, exact = map(np.array, zip(*map(clamped, range(6)), strict=True))

fig, axes = plt.subplots(3, 6, figsize=(9, 4.8))
for name, row, tiles in zip(("weights", "chains", "exact"), axes, (rbm.W.T, means, exact), strict=True):
    scale = {"cmap": "RdBu_r", "vmin": -4, "vmax": 4} if name == "weights" else {"cmap": "gray", "vmin": 0, "vmax": 1}
    for j, (axis, tile) in enumerate(zip(row, tiles, strict=True)):
        axis.imshow(tile.reshape(3, 3), **scale)
        axis.set_title(f"h{j + 1}, {name}", fontsize=8)
        axis.axis("off")

# %% [markdown]
# In a deep network there are too many states to list, so only sampling is left. Here are six units of the third layer
# of the network that comes with dbnvis; `dbnvis live` runs the chain for any unit in your browser.

# %%
dbn = checkpoint.load("pretrained", xp=np).model
samples = ClampedGibbs(chains=10)(dbn, [f"h3:{k}" for k in range(6)], rng=np.random.default_rng(seed))
samples.plot()

# %% [markdown]
# ## The fact
# The *standard error* says how far a mean of samples is likely to be from the true mean. For the first unit, the
# chains' mean differs from the exact mean by less than three standard errors (root mean square over the pixels).

# %%
fact = {"standard_errors_from_exact": float(np.sqrt((((means[0] - exact[0]) / errors[0]) ** 2).mean()))}
assert fact["standard_errors_from_exact"] < 3
fact
