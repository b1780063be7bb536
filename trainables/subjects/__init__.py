"""What is studied: networks and data sets. Knows no configuration; settings name what is described here.

networks.py  the networks, each a description: how it is made, and which layers are probed; no torch until one is made
datasets.py  the data sets, each a description: how it is loaded, its shape, classes and sizes
lenet.py     LeNet-5
official.py  MNIST, Fashion-MNIST and CIFAR-10 from their official files
binary_rule.py  the synthetic data of Shwartz-Ziv and Tishby
convolutional.py  two small networks for small images
own.py       networks and data sets of people's own, named package.module:name
data.py      a data set as tensors: scaled, moved, a stratified subset of it
training.py  a network is built, learns for an epoch, is tested
probing.py   the outputs of its layers, and their shapes
"""
