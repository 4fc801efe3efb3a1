# %% [markdown]
# # 7. Does the chain mix?
#
# A chain of Gibbs sampling goes from picture to picture. In one *sweep* it samples all units once. The share of its
# visits to a picture should approach the probability of that picture. When it has, the chain has *mixed*.
#
# This model has 8 pixels. Its weights were set by hand so that two pictures are by far the most probable, 11110000 and
# 00001111: its two *modes*. A plain chain (one chain alone) starts in one mode.
#
# **Predict**: in which share of 5,000 sweeps will it be near the other?

# %% tags=["parameters"]
seed = 1

# %%
import matplotlib.pyplot as plt
import numpy as np

from dbnvis import RBM, gibbs
from dbnvis.evaluate.chains import total_variation
from dbnvis.evaluate.enumeration import state_shares, visible_distribution
from dbnvis.models.tempering import Tempered

mode = np.array([1.0, 1, 1, 1, -1, -1, -1, -1])
rbm = RBM(2.2 * np.stack([mode, -mode, mode, -mode], axis=1), np.zeros(8), np.zeros(4))  # two units for each mode
exact = visible_distribution(rbm)

rng = np.random.default_rng(seed)
v = (mode[None] + 1) / 2
plain = []
for _ in range(5000):
    v = gibbs(rbm, v, 1, rng=rng)
    plain.append(v[0])

# %% [markdown]
# *Parallel tempering* (Desjardins et al. 2010) runs more chains, at smaller *inverse temperatures* $\beta$, where
# differences of energy count less. Neighbours in temperature swap their states by a rule that keeps the distribution
# of each chain. So the first chain ($\beta = 1$, the model itself) can go from one mode to the other.

# %%
rng = np.random.default_rng(seed)
tempered, betas = Tempered(rbm, np.zeros(8)), np.linspace(1, 0, 8)
h = np.tile([1.0, 0, 1, 0], (8, 1, 1))  # (8 temperatures, 1 chain each, 4 hidden units)
mixed = []
for _ in range(5000):
    v, h = tempered.exchange(h, betas, rng=rng)
    mixed.append(v[0, 0])

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 2.5), sharey=True)
for axis, chain, name in ((left, plain, "plain chain"), (right, mixed, "parallel tempering: 8 chains")):
    axis.plot(np.stack(chain)[:1000] @ mode, linewidth=0.6)
    axis.set(title=name, xlabel="sweep", ylabel="4: first mode, -4: second")

# %% [markdown]
# ## The fact
# The *total variation* is half the sum of |share of visits - p| over all 256 pictures: 0 if the chain agrees with the
# exact distribution, about 0.5 if it has missed one of two equal modes. The plain chain's own samples do not show that
# there is another mode.

# %%
fact = {
    "total_variation_plain": total_variation(state_shares(np.stack(plain)), exact.p),
    "total_variation_tempered": total_variation(state_shares(np.stack(mixed)), exact.p),
}
assert fact["total_variation_plain"] > 0.3
assert fact["total_variation_tempered"] < 0.1
fact
