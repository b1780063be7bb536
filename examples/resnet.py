"""A small residual network on a fifth of CIFAR-10, read by a function of one's own (cifar10_part.py).

mine-study sweep examples/resnet.py --results results/resnet --data.root FOLDER
"""

import mine_study as ms

study = ms.Study(
    "results/resnet",
    ms.grid(noise_std=[0.5, 2.0], hidden_units=[32], marginals=["permutation"], epochs=[30], learning_rate=[1e-3],
            replicates=[1], batch_size=[256], samples=[2_000]),
    seeds=range(2),
    network=ms.NetworkConfig(name="resnet", epochs=8, batch_size=64, learning_rate=0.02),
    data=ms.DataConfig(name="cifar10_part:load"),
    schedule=ms.ScheduleConfig(epochs=(0, 3, 7)),
)  # fmt: skip
