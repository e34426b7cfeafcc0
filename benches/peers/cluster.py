"""Times leidenalg (and scikit-learn's k-means) on what benches/cluster.rs is timed on.

    python benches/peers/cluster.py leiden KNN_DIR [--labels FILE] [--resolution R] [--seed N]
    python benches/peers/cluster.py kmeans VECTORS.npy --k N [--labels FILE]
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
    from sklearn.cluster import KMeans

    vectors = np.load(args.path).astype(np.float32)
    before = time.process_time()
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    labels = KMeans(args.k, n_init=3, max_iter=50, random_state=args.seed).fit_predict(vectors)
    return labels, f"{time.process_time() - before:.2f} CPU-s"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=["leiden", "kmeans"])
    parser.add_argument("path")
    parser.add_argument("--labels")
    parser.add_argument("--resolution", type=float, default=3.0)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    labels, told = (leiden if args.method == "leiden" else kmeans)(args)
    print(f"{args.path}: {len(labels)} points, {labels.max() + 1} clusters; {told}")
    if args.labels:
        truth = open(args.labels, encoding="utf-8").read().splitlines()
        ami, ari = adjusted_mutual_info_score(truth, labels), adjusted_rand_score(truth, labels)
        print(f"  AMI {ami:.4f}  ARI {ari:.4f}")


main()
