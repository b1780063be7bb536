"""Neural estimates of mutual information. Uses settings, bounds, draws, truth and verdict; knows no trial, file or Ray.

plain.py               the plain reference: Algorithm 1 for one fit, in float64
statistics_network.py  the networks T of all pairs and replicates; parameters.py: what they are made of
front.py               first layers that are drawn again at every step
mine.py                the training loop (Algorithm 1), and the curves of its fits
batches.py, noise.py   what a step reads: rows, and noise on the layers
memory.py              how much memory fits, truths and trials take
arrays.py              fits and truths of people's own arrays; noise_levels.py: what noise leaves
given.py, rows.py      what people give as arrays, checked and converted
problems.py            problems with known answers
validate.py            estimates of these held to their answers
"""
