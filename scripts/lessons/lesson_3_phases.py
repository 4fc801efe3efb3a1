# %% [markdown]
# # 3. Why data minus model?
#
# To learn is to make the data more probable: to change the weights so that the mean of log p(v) over the data rises.
# The logarithm is natural; its unit is the *nat*. The data are *bars and stripes*: pictures of 3x3 pixels. In a picture
# each row is all on or all off, or each column is. How fast log p rises with each weight is the *gradient*, a
# difference of two averages:
#
# $$\partial \log p / \partial W_{ij} = \langle v_i h_j \rangle_{data} - \langle v_i h_j \rangle_{model}$$
#
# In the first average v is from the data, and h is sampled given v. The second is over all states of the model, each
# with its probability.
#
# **Predict**: the two averages are equal, for every weight. What does an update do then?

# %% tags=["parameters"]
seed = 1

# %%
import matplotlib.pyplot as plt
import numpy as np

from dbnvis import RBM, gibbs
from dbnvis.datasets import bars_and_stripes
from dbnvis.evaluate.enumeration import likelihood_gradient, positive_phase
from dbnvis.evaluate.likelihood import log_probability
from dbnvis.evaluate.partition import log_partition

rng = np.random.default_rng(seed)
data = np.tile(bars_and_stripes(3).reshape(16, 9), (8, 1)).astype("float64")  # each picture eight times
rbm = RBM.random(9, 4, rng=rng, scale=0.1, dtype="float64")


def mean_log_p(rbm):
    return float(log_probability(rbm, data, log_partition(rbm)).mean())


# %% [markdown]
# *Contrastive divergence* (CD-1, Hinton 2002) does not list all states for the second average. It takes the pictures
# after one step of *Gibbs sampling* from the data: sample h given v, then v given h (the *reconstruction*). Here are
# 200 updates of CD-1. Each adds data minus model, times the *learning rate* (0.3), to the parameters.

# %%
curve = [mean_log_p(rbm)]
for _ in range(200):
    own = gibbs(rbm, data, 1, rng=rng)  # the model's pictures, one step from the data
    positive, negative = positive_phase(rbm, data), positive_phase(rbm, own)
    exact = likelihood_gradient(rbm, data)["W"]  # only to compare
    for name, x in rbm.params().items():
        x += 0.3 * (positive[name] - negative[name])
    curve.append(mean_log_p(rbm))

plt.figure(figsize=(6, 2.5))
plt.plot(curve)
plt.xlabel("updates of CD-1")
plt.ylabel("mean log p of the data (nats)")
plt.tight_layout()

# %% [markdown]
# Top: data minus model in the last update of CD-1, one tile for each hidden unit, each weight at the place of its
# pixel. Red weights rise, blue ones fall. Bottom: the same with the exact second average, from the list of all states.
# A single update of CD-1 is noisy and can point in a wrong direction, but over many updates log p of the data rises.

# %%
fig, axes = plt.subplots(2, 4, figsize=(7, 3.6))
for row, name, change in zip(axes, ("CD-1", "exact"), (positive["W"] - negative["W"], exact), strict=True):
    for j, axis in enumerate(row):
        axis.imshow(change[:, j].reshape(3, 3), cmap="RdBu_r", vmin=-0.05, vmax=0.05)
        axis.set_title(f"h{j + 1}, {name}", fontsize=8)
        axis.axis("off")

# %% [markdown]
# ## The fact
# Is the difference of the two averages really the gradient? Change each parameter a little, up and down, and compare
# with the change of log p (*finite differences*).

# %%
gradient, apart, e = likelihood_gradient(rbm, data), 0.0, 1e-4
for name, x in rbm.params().items():
    for i in np.ndindex(x.shape):
        here = x[i]
        x[i] = here + e
        up = mean_log_p(rbm)
        x[i] = here - e
        slope = (up - mean_log_p(rbm)) / (2 * e)
        x[i] = here
        apart = max(apart, abs(slope - gradient[name][i]))

fact = {"gradient_minus_finite_difference": float(apart)}
assert fact["gradient_minus_finite_difference"] < 1e-6
fact
