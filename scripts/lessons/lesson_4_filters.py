# %% [markdown]
# # 4. How do filters appear?
#
# An RBM of 64 pixels and 32 hidden units learns 1,500 handwritten digits by CD-1; 297 others are *held out* for
# testing. In one *epoch* it sees every training digit once. The weights of one hidden unit, each at the place of its
# pixel, are its *filter*. All filters start as small random numbers (noise).
#
# **Predict**: what does a typical filter look like after 40 epochs? A whole digit, a part of one, or still noise?

# %% tags=["parameters"]
seed = 1

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from dbnvis import RBM, gibbs
from dbnvis.evaluate.enumeration import positive_phase
from dbnvis.models.tempering import base_rates

rng = np.random.default_rng(seed)
digits = load_digits().data / 16  # 8x8 pixels, from 0 to 1
train, held_out = digits[:1500], digits[1500:]
rbm = RBM.random(64, 32, rng=rng, scale=0.1, dtype="float64")
rbm.vbias[:] = base_rates(train)  # the log odds of each pixel (Hinton 2010, section 8)


def reconstruction_error(v):
    return float(((v - rbm.mean_v_given_h(rbm.mean_h_given_v(v))) ** 2).mean())


# %%
errors, ratios, batches = [reconstruction_error(held_out)], [], train.reshape(75, 20, 64)
for epoch in range(40):
    for b, batch in enumerate(batches):
        rate = 0.1 * (1 - (epoch + b / 75) / 40)  # falls to 0
        v = (rng.random(batch.shape) < batch).astype("float64")  # a grey pixel is on with its probability
        positive, negative = positive_phase(rbm, v), positive_phase(rbm, gibbs(rbm, v, 1, rng=rng))
        for name, x in rbm.params().items():
            x += rate * (positive[name] - negative[name])
        update = rate * (positive["W"] - negative["W"])
        ratios.append(abs(update).sum() / abs(rbm.W).sum())
    errors.append(reconstruction_error(held_out))

# %%
fig, axes = plt.subplots(2, 16, figsize=(12, 1.8))
for j, axis in enumerate(axes.flat):
    most = abs(rbm.W[:, j]).max()
    axis.imshow(rbm.W[:, j].reshape(8, 8), cmap="RdBu_r", vmin=-most, vmax=most)
    axis.axis("off")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 2.5))
left.plot(errors)
left.set(xlabel="epoch", ylabel="error of held-out digits", ylim=(0, None))
right.semilogy(np.arange(len(ratios)) / 75, ratios)
right.set(xlabel="epoch", ylabel="update / weight")
fig.tight_layout()

# %% [markdown]
# ## The fact
# The error of the held-out digits (the mean squared difference between a picture and its reconstruction) is lower than
# before learning. In the last ten epochs an update changes the weights by about a thousandth, which shows that the
# learning rate is right (Hinton 2010, section 7).

# %%
fact = {
    "held_out_error_after_by_before": errors[-1] / errors[0],
    "update_by_weight": float(np.mean(ratios[-750:])),
}
assert fact["held_out_error_after_by_before"] < 0.6
assert 3e-4 < fact["update_by_weight"] < 3e-3
fact
