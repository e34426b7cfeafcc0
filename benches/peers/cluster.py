"""Times leidenalg, faiss's k-means and scikit-learn's HDBSCAN on what benches/cluster.rs is timed on.

    python benches/peers/cluster.py leiden KNN_DIR [--labels FILE] [--resolution R] [--seed N]
    python benches/peers/cluster.py kmeans VECTORS.npy --k N [--labels FILE] [--rounds N] [--all-rows] [--threads N]
    python benches/peers/cluster.py hdbscan MAP.npy --min-cluster-size N [--min-samples N] [--eom] [--labels FILE]

faiss settles its centres on 256 rows each, unless --all-rows is given, and assigns all rows in the end.
"""

import argparse
import time

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score


def leiden(args):
    import igraph
    import leidenalg

    indices = np.load(f"{args.path}/indices.npy").astype(np.int64)
    similarities = np.load(f"{args.path}/similarities.npy")
    n, k = indices.shape
    before = time.process_time()
    rows, columns = np.repeat(np.arange(n), k), indices.ravel()
    pairs = np.minimum(rows, columns) * n + np.maximum(rows, columns)
    pairs, first = np.unique(pairs, return_index=True)
    graph = igraph.Graph(n=n, edges=np.stack([pairs // n, pairs % n], 1))
    weights = similarities.ravel()[first].clip(0)
    partition = leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights=weights.tolist(),
        resolution_parameter=args.resolution,
        seed=args.seed,
    )
    seconds = time.process_time() - before
    # The package counts each edge once at both ends; our figure is in shares of the total strength.
    quality = partition.quality() / (2 * weights.sum(dtype=np.float64))
    return np.array(partition.membership), f"resolution {args.resolution:g}, quality {quality:.4f}; {seconds:.2f} CPU-s"


def kmeans(args):
    import faiss

    faiss.omp_set_num_threads(args.threads)
    vectors = np.load(args.path).astype(np.float32)
    before = time.process_time()
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    rows = len(vectors) if args.all_rows else 256
    fitted = faiss.Kmeans(
        vectors.shape[1], args.k, niter=args.rounds, nredo=1, spherical=True, seed=args.seed + 1, max_points_per_centroid=rows
    )
    fitted.train(vectors)
    similarities, labels = fitted.index.search(vectors, 1)
    seconds = time.process_time() - before
    return labels[:, 0], f"similarity {similarities.mean():.5f}; {seconds:.2f} CPU-s"


def hdbscan(args):
    from sklearn.cluster import HDBSCAN

    points = np.load(args.path).astype(np.float64)
    before = time.process_time()
    labels = HDBSCAN(
        min_cluster_size=args.min_cluster_size,
        # A point counts among its own neighbours there.
        min_samples=args.min_samples + 1,
        cluster_selection_method="eom" if args.eom else "leaf",
        copy=True,
    ).fit_predict(points)
    return labels, f"{(labels < 0).mean():.1%} left out; {time.process_time() - before:.2f} CPU-s"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=["leiden", "kmeans", "hdbscan"])
    parser.add_argument("path")
    parser.add_argument("--labels")
    parser.add_argument("--resolution", type=float, default=3.0)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--all-rows", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--min-cluster-size", type=int, default=15)
    parser.add_argument("--min-samples", type=int, default=10)
    parser.add_argument("--eom", action="store_true")
    args = parser.parse_args()
    labels, told = {"leiden": leiden, "kmeans": kmeans, "hdbscan": hdbscan}[args.method](args)
    print(f"{args.path}: {len(labels)} points, {labels.max() + 1} clusters; {told}")
    if args.labels:
        truth = np.array(open(args.labels, encoding="utf-8").read().splitlines())[labels >= 0]
        labels = labels[labels >= 0]
        ami, ari = adjusted_mutual_info_score(truth, labels), adjusted_rand_score(truth, labels)
        print(f"  AMI {ami:.4f}  ARI {ari:.4f}")


main()
