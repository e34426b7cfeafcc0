"""hnswlib and numpy on the vectors that `cargo bench --bench knn` uses, for the ratios of one run.

usage: knn.py VECTORS.npy {exact ROWS | hnsw M EF_CONSTRUCTION EF...}

Prints CPU-seconds (user + system) of the work alone, and recall@15 on 2,000 exact queries.
"""

import os
import sys

import numpy as np

K = 15
QUERIES = 2000


def cpu_seconds():
    times = os.times()
    return times[0] + times[1]


def exact(vectors, queries, block=1000):
    """The K nearest others of each row in `queries`, by one product a block and a partial sort."""
    found = np.empty((len(queries), K), np.int64)
    for start in range(0, len(queries), block):
        rows = queries[start : start + block]
        scores = vectors[rows] @ vectors.T
        scores[np.arange(len(rows)), rows] = -np.inf
        best = np.argpartition(-scores, K, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
        found[start : start + block] = np.take_along_axis(best, order, 1)
    return found


def main():
    vectors = np.load(sys.argv[1]).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    if sys.argv[2] == "exact":
        vectors = np.ascontiguousarray(vectors[: int(sys.argv[3])])
        start = cpu_seconds()
        exact(vectors, np.arange(len(vectors)))
        print(f"numpy exact, {len(vectors)} rows: {cpu_seconds() - start:.2f} cpu-s", flush=True)
        return

    import hnswlib

    links, ef_construction, efs = int(sys.argv[3]), int(sys.argv[4]), [int(ef) for ef in sys.argv[5:]]
    queries = np.random.default_rng(0).choice(len(vectors), QUERIES, replace=False)
    truth = exact(vectors, queries)
    index = hnswlib.Index("cosine", vectors.shape[1])
    index.init_index(len(vectors), M=links, ef_construction=ef_construction, random_seed=1)
    start = cpu_seconds()
    index.add_items(vectors)
    build = cpu_seconds() - start
    for ef in efs:
        index.set_ef(ef)
        start = cpu_seconds()
        labels, _ = index.knn_query(vectors, k=K + 1)
        search = cpu_seconds() - start
        hits = sum(len(set(labels[q]) & set(row)) for q, row in zip(queries, truth))
        recall = hits / truth.size
        print(
            f"hnswlib M {links} ef_construction {ef_construction} ef {ef}: "
            f"{build:.2f} + {search:.2f} = {build + search:.2f} cpu-s, recall@{K} {recall:.4f}",
            flush=True,
        )


main()
