"""A PyTorch network, trained for one epoch on the embedded digits: a unit by four methods, an image by a fifth."""

import sys

import torch
from torch import nn

from dbnvis import checkpoint, cli, datasets
from dbnvis.interop import from_torch

torch.manual_seed(0)
data = datasets.load("digits")  # (N, 28, 28) in [0, 1]
images, labels = torch.tensor(data.train_images)[:, None], torch.tensor(data.train_labels).long()
network = nn.Sequential()
for name, layer in {
    "conv1": nn.Conv2d(1, 16, 5), "bn1": nn.BatchNorm2d(16), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
    "conv2": nn.Conv2d(16, 32, 5), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2), "flat": nn.Flatten(),
    "fc1": nn.Linear(512, 64), "relu3": nn.ReLU(), "drop": nn.Dropout(), "output": nn.Linear(64, 10),
}.items():  # fmt: skip
    network.add_module(name, layer)
optimizer = torch.optim.Adam(network.parameters())
for batch in torch.randperm(len(images)).split(64):  # one epoch
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
    optimizer.step()
network.add_module("softmax", nn.Softmax(dim=1))  # so that outputs are probabilities
model = from_torch(network.eval(), (1, 28, 28), images=data.train_images)
info = {"dataset": data.name, "data_sha256": data.sha256}
checkpoint.save("runs/examples/cnn.npz", model, config={}, seed=0, info=info)
sys.exit(any(cli.main([*words, "--model", "runs/examples/cnn.npz"]) for words in (["compare", "conv2:5"], ["explain"])))
