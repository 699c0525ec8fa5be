"""Measure how well a model that has only seen the built-in digits reads real handwriting.

Trains a small convolutional network on the 50,000 built-in training images, never on MNIST, and prints the share
that it reads of the built-in test images and of MNIST's. About a minute a seed on one core.

    python benchmarks/handwriting_to_mnist.py --seeds 0 1 2
    python benchmarks/handwriting_to_mnist.py --train-on mnist     # the other way round, to compare
    python benchmarks/handwriting_to_mnist.py --part valid         # while lessonlib.handwriting is being changed

Measured once with edition 4 of the digits, three seeds: 99.5 % of the built-in test images, 95.2 to 95.3 % of MNIST's;
trained on MNIST (one seed) 96.1 % of the built-in ones and 99.1 % of MNIST's.
"""

import argparse

import torch
from torch import Tensor, nn
from tqdm import tqdm

from lessonlib.data import DataNotFound, Split, load_digits, pixel_stats
from lessonlib.device import DEVICE_NAMES, find_device


def small_cnn() -> nn.Module:
    """Two convolutions, one hidden layer: 215,370 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),  # (batch, 16, 14, 14)
        nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),  # (batch, 32, 7, 7)
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )


def as_input(images: Tensor, mean: float, std: float) -> Tensor:
    """Normalised images with one channel: (n, 28, 28) uint8 to (n, 1, 28, 28)."""
    return (images[:, None].float() / 255 - mean) / std


def train(
    data: Split, mean: float, std: float, epochs: int, seed: int, batch_size: int = 128, lr: float = 2e-3
) -> nn.Module:
    """Adam with one cycle of the learning rate. The same seed gives the same model."""
    torch.manual_seed(seed)
    model, rng = small_cnn().to(data.x.device), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    steps = epochs * -(-len(data) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    with tqdm(total=steps, desc=f"seed {seed}", delay=2, leave=False) as bar:
        for _ in range(epochs):
            for rows in torch.randperm(len(data), generator=rng).to(data.x.device).split(batch_size):
                loss = nn.functional.cross_entropy(model(as_input(data.x[rows], mean, std)), data.y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, data: Split, mean: float, std: float) -> float:
    """The share of the images that `model` reads right."""
    right = sum((model(as_input(x, mean, std)).argmax(dim=1) == y).sum()
                for x, y in zip(data.x.split(1000), data.y.split(1000), strict=True))
    return right.item() / len(data)


def on_device(data: Split, device: torch.device) -> Split:
    """The same pictures and answers, put on the device once."""
    return Split(data.x.to(device), data.y.to(device))


def main() -> None:
    """Train one model a seed and print what each reads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one model for each (default: 0 1 2)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch; small batches gain little from more")
    parser.add_argument("--part", choices=("test", "valid"), default="test", help="which part to read at the end")
    parser.add_argument("--train-on", choices=("handwriting", "mnist"), default="handwriting")
    parser.add_argument("--device", choices=DEVICE_NAMES, default="auto", help="(default: the best there is)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        sources = {name: load_digits(name) for name in ("handwriting", "mnist")}
    except DataNotFound as error:
        raise SystemExit(str(error)) from None

    device, data = find_device(options.device), sources[options.train_on].train
    mean, std = pixel_stats(data.x)
    data = on_device(data, device)
    read = {name: on_device(getattr(source, options.part), device) for name, source in sources.items()}
    results = []
    for seed in options.seeds:
        model = train(data, mean, std, options.epochs, seed)
        results.append([accuracy(model, part, mean, std) for part in read.values()])
        print(f"seed {seed}: trained on {options.train_on}, reads "
              + ", ".join(f"{name} {share:.2%}" for name, share in zip(read, results[-1], strict=True)), flush=True)
    means = torch.tensor(results).mean(dim=0).tolist()
    print("mean:   " + ", ".join(f"{name} {share:.2%}" for name, share in zip(read, means, strict=True)))


if __name__ == "__main__":
    main()
