"""openTSNE on the neighbours that `cargo bench --profile dev --bench tsne` left, and scikit-learn's word on both maps.

    python benches/peers/tsne.py VECTORS.npy FOLDER [THREADS]

needs numpy, scikit-learn and openTSNE. Prints processor seconds, trustworthiness (scikit-learn, cosine; up to 20,000 rows),
and the share of 15 neighbours kept.
"""

import os
import sys
import time

threads = sys.argv[3] if len(sys.argv) > 3 else "2"
for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = threads

import numpy as np
import openTSNE
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

K = 15


def fit(neighbours, distances, vectors):
    """openTSNE with its defaults; interpolation at any size."""
    known = PrecomputedNeighbors(neighbours.astype(np.int32), distances.astype(np.float64))
    affinities = PerplexityBasedNN(perplexity=30, knn_index=known, n_jobs=int(threads))
    start = openTSNE.initialization.pca(vectors, random_state=0)
    model = openTSNE.TSNE(n_jobs=int(threads), random_state=0, negative_gradient_method="fft")
    return np.asarray(model.fit(affinities=affinities, initialization=start))


def kept(neighbours, positions):
    near = NearestNeighbors(n_neighbors=K + 1).fit(positions).kneighbors(positions, return_distance=False)
    return np.mean([len(set(a[a != i][:K]) & set(b)) / K for i, (a, b) in enumerate(zip(near, neighbours[:, :K]))])


def report(name, neighbours, vectors, positions):
    line = f"{name}: kNN kept {kept(neighbours, positions):.4f}"
    if len(vectors) <= 20_000:
        line += f"  trustworthiness {trustworthiness(vectors, positions, n_neighbors=K, metric='cosine'):.4f}"
    print(line, flush=True)


def main():
    vectors_path, folder = sys.argv[1:3]
    neighbours = np.load(os.path.join(folder, "indices.npy"))
    distances = np.maximum(0, 1 - np.load(os.path.join(folder, "similarities.npy")))
    vectors = np.load(vectors_path, mmap_mode="r")[: len(neighbours)].astype(np.float32)
    report("semascope", neighbours, vectors, np.load(os.path.join(folder, "positions.npy")))

    began, wall = time.process_time(), time.perf_counter()
    positions = fit(neighbours, distances, vectors)
    print(f"openTSNE {openTSNE.__version__}: {time.process_time() - began:.2f} cpu-s {time.perf_counter() - wall:.2f} s")
    report("openTSNE", neighbours, vectors, positions)


main()
