# %% [markdown]
# # 5. Why distrust the reconstruction error?
#
# Many programs print the *reconstruction error* while an RBM learns: compute h from a picture and the picture from h
# again (the reconstruction), and take the mean squared difference, here per pixel. It is quick to compute, and it
# falls. But the aim of learning is another one: the data should become probable.
#
# This RBM has 16 pixels and 8 hidden units, so Z can be computed and log p is exact. The data are the bars and stripes
# of lesson 3, here of 4x4 pixels. CD-1 learns with a learning rate of 0.5, which is large.
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
config = CDConfig(  # plain CD-1: all data in every update, no momentum, no weight decay
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
right.set(xlabel="updates", ylabel="mean log p of the data (nats): higher is better")
fig.tight_layout()

# %% [markdown]
# The dotted line is the highest log p that any model can have, -3.38 nats. CD-1 never samples far from the data, so it
# does not correct wrong pictures that have become probable.
#
# ## The fact
# log p reaches its highest value and then falls, while the error goes on falling.

# %%
best = int(np.argmax(log_p))
fact = {
    "change_of_log_p_from_its_highest": log_p[-1] - log_p[best],
    "change_of_error_since_then": errors[-1] - errors[best],
}
assert fact["change_of_log_p_from_its_highest"] < -0.25
assert fact["change_of_error_since_then"] < 0
fact
