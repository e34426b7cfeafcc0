"""Makes vectors for a large table of short texts, to try the app on a million documents without a day of embedding.

    python benches/peers/title_vectors.py TABLE.tsv[.gz] COLUMN VECTORS.npy [--rows N]

A text's vector is the mean of its tokens' rows in the built-in model's embedding table (the table's own mean taken
off), of unit length, in half precision; a text without tokens is a row of zeros. With --rows, a random sample: its
rows go to VECTORS.tsv. Needs numpy, tokenizers and safetensors in a scratch environment.

    semascope run TABLE.tsv --vectors VECTORS.npy --text COLUMN --out DIR --threads 2
"""

import argparse
import gzip
import pathlib

import numpy as np
from safetensors import safe_open
from tokenizers import Tokenizer

MODEL = pathlib.Path(__file__).parents[2] / "assets" / "model"
BATCH = 20_000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("column")
    parser.add_argument("vectors")
    parser.add_argument("--rows", type=int)
    args = parser.parse_args()

    with safe_open(MODEL / "model.safetensors", "np") as weights:
        name = next(key for key in weights.keys() if "word_embeddings" in key)
        table = weights.get_tensor(name).astype(np.float32)
    table -= table.mean(0)
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    opened = gzip.open if args.table.endswith(".gz") else open
    with opened(args.table, "rt", encoding="utf-8", newline="") as file:
        head, *rows = file.read().removesuffix("\n").split("\n")
    if args.rows:
        chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[: args.rows])
        rows = [rows[i] for i in chosen]
        beside = pathlib.Path(args.vectors).with_suffix(".tsv")
        beside.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    column = head.split("\t").index(args.column)
    texts = [row.split("\t")[column] for row in rows]

    vectors = np.lib.format.open_memmap(args.vectors, "w+", np.float16, (len(texts), table.shape[1]))
    for start in range(0, len(texts), BATCH):
        encoded = tokenizer.encode_batch(texts[start : start + BATCH], add_special_tokens=False)
        for row, tokens in enumerate(encoded, start):
            if tokens.ids:
                mean = table[tokens.ids].mean(0)
                vectors[row] = mean / max(np.linalg.norm(mean), 1e-9)
    vectors.flush()


if __name__ == "__main__":
    main()
