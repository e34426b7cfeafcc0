"""How fast sentence-transformers embeds the same texts; the counterpart of `benches/embed.rs`.

    python benches/peers/embed.py [--threads N] [--batch N] [--repeat N] MODEL_FOLDER FILE...

Each file has one text a line. Needs sentence-transformers and PyTorch in a scratch environment.
"""

import argparse
import resource
import time

import torch
from sentence_transformers import SentenceTransformer


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("model")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = SentenceTransformer(args.model, device="cpu")
    model.max_seq_length = 256
    model.encode(["a text to warm up with"] * args.batch, batch_size=args.batch)
    for file in args.files:
        with open(file, encoding="utf-8") as lines:
            texts = lines.read().splitlines()
        wall = cpu = float("inf")
        for _ in range(args.repeat):
            started, before = time.perf_counter(), cpu_seconds()
            model.encode(texts, batch_size=args.batch, show_progress_bar=False)
            wall = min(wall, time.perf_counter() - started)
            cpu = min(cpu, cpu_seconds() - before)
        n = len(texts)
        print(f"{file}: {n} texts, {args.threads} threads: {wall:.2f} s, {n / wall:.0f} texts/s; "
              f"{cpu:.2f} CPU-s, {n / cpu:.0f} texts/CPU-s")


if __name__ == "__main__":
    main()
