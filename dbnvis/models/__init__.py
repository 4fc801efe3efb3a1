"""What can be looked into: RBMs, autoencoders, networks for fine-tuning, convolutional networks, stacks of them."""
