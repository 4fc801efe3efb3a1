# %% [markdown]
# # 6. CD, PCD or exact?
#
# Learning needs averages over the model (lesson 3). Here are three ways to get them:
#
# - *exact*: list all states;
# - *CD-1*: in every update, start *chains* (runs of Gibbs sampling) at the data and make one step;
# - *PCD* (persistent CD, Tieleman 2008): also one step for each update, but the chains continue where the last update
#   left them.
#
# The *Kullback-Leibler divergence* (KL) says how far the model's distribution p(v) is from the distribution of the
# data, in nats. It is 0 if they are the same. The data are bars and stripes of 3x3 pixels. All three start at the same
# weights, and the learning rate falls from 0.5 to 0.
#
# **Predict**: CD-1 and PCD cost the same. Which one will end with the lower KL, closer to the data?

# %% tags=["parameters"]
seed = 1

# %%
import matplotlib.pyplot as plt
import numpy as np

from dbnvis import RBM, CDConfig, train_rbm
from dbnvis.datasets import bars_and_stripes
from dbnvis.evaluate.enumeration import divergence, likelihood_gradient

data = np.tile(bars_and_stripes(3).reshape(16, 9), (4, 1)).astype("float64")  # 64 rows, so 64 chains
UPDATES, RATE = 1600, 0.5


def start():
    return RBM.random(9, 6, rng=np.random.default_rng(seed), scale=0.1, dtype="float64")


kl: dict[str, list[float]] = {"exact": [], "PCD": [], "CD-1": []}
rbm = start()
for update in range(UPDATES):
    gradient = likelihood_gradient(rbm, data)
    for name, x in rbm.params().items():
        x += RATE * (1 - update / UPDATES) * gradient[name]
    if (update + 1) % 20 == 0:
        kl["exact"].append(divergence(rbm, data))

# %%
for name in ("PCD", "CD-1"):
    rbm = start()
    config = CDConfig(
        epochs=UPDATES,
        learning_rate=RATE,
        persistent=name == "PCD",
        centered=False,
        momentum=0,
        final_momentum=0,
        weight_decay=0,
        l1_decay=0,
        sparsity_target=None,
    )
    for stats in train_rbm(rbm, data, config, rng=np.random.default_rng(seed), set_biases=False):
        if stats.epoch % 20 == 0:
            kl[name].append(divergence(rbm, data))

# %%
plt.figure(figsize=(8, 3))
for name, curve in kl.items():
    plt.plot(20 * np.arange(1, 1 + len(curve)), curve, label=name)
plt.xlabel("updates")
plt.ylabel("KL (nats): lower is better")
plt.legend()
plt.tight_layout()

# %% [markdown]
# While the learning rate is large, PCD's chains cannot follow the model; when it falls to 0 they catch up. CD-1's
# chains restart at the data in every update, so learning stops where one step from the data does not change the
# averages. The KL is not lowest there.
#
# ## The fact
# At the end, CD-1 is the farthest of the three from the data.

# %%
fact = {"kl_of_cd_minus_pcd": kl["CD-1"][-1] - kl["PCD"][-1], "kl_of_cd_minus_exact": kl["CD-1"][-1] - kl["exact"][-1]}
assert fact["kl_of_cd_minus_pcd"] > 0
assert fact["kl_of_cd_minus_exact"] > 0
fact
