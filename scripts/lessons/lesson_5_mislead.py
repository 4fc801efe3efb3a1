# %% [markdown]
# # 5. Why distrust the reconstruction error?
#
# Many programs print the *reconstruction error* while an RBM learns: send a picture up to h and down again, and take
# the mean squared difference. It is cheap, and it falls. What we want is another thing: that the data become
# probable.
#
# Here are 16 pixels and 8 hidden units, so that Z can be computed and log p is exact. The data are *bars and
# stripes*: pictures whose rows, or whose columns, are all on or all off. CD-1 learns with a rate of 0.5, which is
# large.
#
# **Predict**: the error falls nearly to 0. What does log p of the data do meanwhile?

# %% tags=["parameters"]
seed = 1

# %%
import matplotlib.pyplot as plt
import numpy as np

from dbnvis import RBM, CDConfig, train_rbm
from dbnvis.datasets import bars_and_stripes
from dbnvis.evaluate.likelihood import log_probability
from dbnvis.evaluate.partition import log_partition

data = bars_and_stripes(4).reshape(32, 16).astype("float64")
rng = np.random.default_rng(seed)
rbm = RBM.random(16, 8, rng=rng, scale=0.1, dtype="float64")
config = CDConfig(  # plain CD-1: all data at once, nothing that helps
    epochs=3000,
    learning_rate=0.5,
    schedule="constant",
    persistent=False,
    centered=False,
    momentum=0,
    final_momentum=0,
    weight_decay=0,
    l1_decay=0,
    sparsity_target=None,
)
updates, errors, log_p = [], [], []
for stats in train_rbm(rbm, data, config, rng=rng, set_biases=False):
    if stats.epoch % 20 == 0:
        updates.append(stats.epoch)
        errors.append(stats.reconstruction_error / 16)  # per pixel
        log_p.append(float(log_probability(rbm, data, log_partition(rbm)).mean()))

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3))
left.plot(updates, errors)
left.set(xlabel="updates", ylabel="reconstruction error: lower looks better", ylim=(0, None))
right.plot(updates, log_p)
right.axhline(-3.38, color="gray", linestyle=":")
right.set(xlabel="updates", ylabel="mean log p of the data: higher is better")
fig.tight_layout()

# %% [markdown]
# The dotted line is the best that any machine can reach. CD-1 never goes far from the data, so it does not see the
# wrong pictures that it makes probable.
#
# ## The fact
# From its highest value log p falls again, while the error goes on falling.

# %%
best = int(np.argmax(log_p))
fact = {
    "change_of_log_p_from_its_highest": log_p[-1] - log_p[best],
    "change_of_error_since_then": errors[-1] - errors[best],
}
assert fact["change_of_log_p_from_its_highest"] < -0.25
assert fact["change_of_error_since_then"] < 0
fact
