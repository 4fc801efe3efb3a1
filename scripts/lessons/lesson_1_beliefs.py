# %% [markdown]
# # 1. What does an RBM believe?
#
# A *restricted Boltzmann machine* (RBM) is a model with two layers of units. Each unit is on (1) or off (0). The
# *visible units* v are the picture; the *hidden units* h describe it. A *state* is one value for every unit, v and h
# together. W are the *weights*, b and c the *biases* of visible and hidden units. A state has an *energy*
#
# $$E(v, h) = -b \cdot v - c \cdot h - v^T W h$$
#
# and a probability $p(v, h) = e^{-E(v, h)} / Z$. Z is the sum of $e^{-E}$ over all states, so that the probabilities
# add up to 1. The model *believes* in a state if its probability is high.
#
# **Predict**: a model of 3 + 2 units has 32 states. Is the most probable state the one of lowest or of highest
# energy?

# %% tags=["parameters"]
seed = 1

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

from dbnvis import RBM
from dbnvis.evaluate.enumeration import visible_distribution

rbm = RBM.random(3, 2, rng=np.random.default_rng(seed), scale=2, dtype="float64")
rbm

# %% [markdown]
# Here is the list of all 32 states, with the probability of each.

# %%
states = np.array(list(product((0.0, 1.0), repeat=5)))
v, h = states[:, :3], states[:, 3:]
energy = -v @ rbm.vbias - h @ rbm.hbias - ((v @ rbm.W) * h).sum(axis=1)
p = np.exp(-energy) / np.exp(-energy).sum()

fig, axis = plt.subplots(figsize=(9, 3))
order = np.argsort(energy)
axis.bar(["".join(f"{int(x)}" for x in states[k]) for k in order], p[order])
axis.tick_params(axis="x", rotation=90)
axis.set(xlabel="state: three visible, then two hidden units; lowest energy first", ylabel="probability")
fig.tight_layout()

# %% [markdown]
# A picture v alone has the probability $p(v) = \sum_h p(v, h) = e^{-F(v)} / Z$. The *free energy* F has a formula
# without the sum over h: $F(v) = -b \cdot v - \sum_j \log(1 + e^{c_j + v \cdot W_j})$. `dbnvis` uses this formula.
# $W_j$ are the weights of hidden unit j.

# %%
exact = visible_distribution(rbm)
{"".join(f"{int(x)}" for x in v): round(float(p), 4) for v, p in zip(exact.states, exact.p, strict=True)}

# %% [markdown]
# ## The fact
# The probabilities add up to 1. The formula of F and the sum over h give the same numbers.

# %%
listed = -np.log(np.exp(-energy).reshape(8, 4).sum(axis=1))
fact = {
    "sum_of_p_minus_1": float(abs(exact.p.sum() - 1)),
    "free_energy_formula_minus_list": float(abs(exact.free_energy - listed).max()),
}
assert fact["sum_of_p_minus_1"] < 1e-12
assert fact["free_energy_formula_minus_list"] < 1e-12
fact
