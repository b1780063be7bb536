"""What is studied: networks and data sets. Uses settings, records' paths and draws.

data.py   the data sets, as tensors
lenet.py  LeNet-5: its layers, training and accuracy
"""
