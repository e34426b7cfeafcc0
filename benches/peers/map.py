"""umap-learn on the neighbours that `cargo bench --profile dev --bench map` left, and scikit-learn's word on both maps.

    python benches/peers/map.py VECTORS.npy FOLDER [THREADS]

needs numpy, scikit-learn and umap-learn. Prints processor seconds (the compiled code warmed up before), trustworthiness
(scikit-learn, cosine), and the share of neighbours kept.
"""

import os
import sys
import time

threads = sys.argv[3] if len(sys.argv) > 3 else "2"
for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = threads

import numpy as np
import umap
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors


def fit(neighbours, distances, vectors):
    """umap-learn with its defaults; the graph counts a point as its own first neighbour."""
    n = len(vectors)
    indices = np.hstack([np.arange(n)[:, None], neighbours]).astype(np.int32)
    distances = np.hstack([np.zeros((n, 1)), distances]).astype(np.float32)
    model = umap.UMAP(
        n_neighbors=indices.shape[1], metric="cosine", precomputed_knn=(indices, distances), n_jobs=int(threads)
    )
    return model.fit_transform(vectors)


def kept(neighbours, positions):
    k = neighbours.shape[1]
    near = NearestNeighbors(n_neighbors=k + 1).fit(positions).kneighbors(positions, return_distance=False)
    return np.mean([len(set(a[a != i][:k]) & set(b)) / k for i, (a, b) in enumerate(zip(near, neighbours))])


def triplets(vectors, positions, count=50_000):
    a, b, c = np.random.default_rng(0).integers(0, len(vectors), (3, count))
    space = np.einsum("ij,ij->i", vectors[a], vectors[b]) > np.einsum("ij,ij->i", vectors[a], vectors[c])
    plane = np.square(positions[a] - positions[b]).sum(1) < np.square(positions[a] - positions[c]).sum(1)
    return (space == plane).mean()


def report(name, neighbours, vectors, positions):
    line = f"{name}: kNN kept {kept(neighbours, positions):.4f}  triplets {triplets(vectors, positions):.4f}"
    if len(vectors) <= 20_000:
        line += f"  trustworthiness {trustworthiness(vectors, positions, n_neighbors=neighbours.shape[1], metric='cosine'):.4f}"
    print(line, flush=True)


def main():
    vectors_path, folder = sys.argv[1:3]
    neighbours = np.load(os.path.join(folder, "indices.npy"))
    distances = np.maximum(0, 1 - np.load(os.path.join(folder, "similarities.npy")))
    n = len(neighbours)
    vectors = np.load(vectors_path, mmap_mode="r")[:n].astype(np.float32)
    report("semascope", neighbours, vectors, np.load(os.path.join(folder, "positions.npy")))

    few = min(n, 500)
    inside = np.random.default_rng(0).integers(0, few, (few, neighbours.shape[1]))
    fit(inside, np.sort(np.random.default_rng(1).random(inside.shape)), vectors[:few])
    began, wall = time.process_time(), time.perf_counter()
    positions = fit(neighbours, distances, vectors)
    print(f"umap-learn {umap.__version__}: {time.process_time() - began:.2f} cpu-s {time.perf_counter() - wall:.2f} s")
    report("umap-learn", neighbours, vectors, positions)


main()
