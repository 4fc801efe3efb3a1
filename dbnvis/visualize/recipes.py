"""Settings of regularized optimization by name: a new recipe is an entry of `RECIPES`."""

from __future__ import annotations

from dataclasses import replace

from .regularized import RegularizedOptimization

#: The ascent by itself, within the input range: no regularizer acts.
PLAIN = RegularizedOptimization(blur_width=0.0, blur_every=0, norm_percentile=0.0, jitter=0)

# What Yosinski et al.'s four have in common: pixels from 0 to 255 and starts of noise around the mean image, which is
# zero here, as the networks here do not subtract one. Their lengths are taken as published, on images of any side.
BYTES = replace(PLAIN, length=None, pixels=255.0, noise=10.0, side=None)

RECIPES = {
    "plain": PLAIN,
    # Yosinski et al. 2015, table 1, with steps and rates of the authors' doc/running-optimize-image.md; the third made
    # most of their pictures. They were found for photographs of 227 x 227: on 28 x 28 a blur of one pixel covers eight
    # times as much of the image, and a rate of 100 is one of 0.0015 for pixels in [0, 1].
    "yosinski-1": replace(BYTES, steps=500, rate=100.0, gain=2.0, blur_width=0.5, blur_every=4, norm_percentile=50.0),
    "yosinski-2": replace(BYTES, steps=750, rate=100.0, decay=0.3, norm_percentile=20.0),
    "yosinski-3": replace(BYTES, steps=1000, rate=100.0, decay=0.0001, blur_width=1.0, blur_every=4),
    "yosinski-4": replace(
        BYTES, steps=1000, rate=1e8, gain=2.0, blur_width=0.5, blur_every=4, contribution_percentile=90.0
    ),
    # The same four ideas for digits of 28 x 28 in [0, 1], and jitter. Random searches, about 30 draws for each idea, on
    # class scores of convnets trained on MNIST gave the region: a draw was judged by how many of its pictures the ten
    # nearest training images of every class, by cosine, took for their class. The round numbers are those whose
    # pictures looked best. Steps were chosen by gain at first; those of one length carry over to networks whose scores
    # have another scale.
    "digits-1": replace(PLAIN, blur_width=0.7, blur_every=4, norm_percentile=80.0, jitter=4),
    "digits-2": replace(PLAIN, decay=0.1, norm_percentile=75.0, jitter=4),
    "digits-3": replace(PLAIN, decay=0.03, blur_width=0.7, blur_every=4, jitter=4),
    "digits-4": replace(PLAIN, blur_width=0.7, blur_every=2, contribution_percentile=50.0, jitter=4),
    # Simonyan et al. 2014: the penalty alone, from the zero image, without bounds. They do not publish its weight; with
    # this one a class model of the shipped convnet has about the norm of a digit.
    "simonyan": replace(PLAIN, starts=1, length=None, rate=0.3, penalty=0.1, noise=0.0, constraint="none"),
}
