"""The network and the data of Shwartz-Ziv and Tishby 2017: does I(X;L) fall in training?

mine-study sweep examples/tanh_mlp.py --results results/tanh_mlp
"""

import mine_study as ms

study = ms.Study(
    "results/tanh_mlp",
    ms.grid(noise_std=[0.05, 0.2], marginals=["independent"], hidden_units=[32], epochs=[60], learning_rate=[1e-3],
            replicates=[1], batch_size=[256]),
    seeds=range(3),
    network=ms.NetworkConfig(name="tanh_mlp", epochs=801, batch_size=256, optimizer="adam", learning_rate=2e-3),
    data=ms.DataConfig(name="binary_rule"),
    schedule=ms.ScheduleConfig(epochs=(0, 5, 20, 60, 200, 800)),
)  # fmt: skip
