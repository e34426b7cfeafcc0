"""Writes the points and what scikit-learn's HDBSCAN makes of them, for the test in src/math/hdbscan.rs.

    python benches/peers/hdbscan_figure.py > src/math/hdbscan_figure.csv

scikit-learn counts a point among its own neighbours, and we do not: its min_samples is one more than ours.
"""

import numpy as np
from sklearn.cluster import HDBSCAN

random = np.random.default_rng(5)
turn = random.uniform(0, np.pi, 90)
moon = np.stack([np.cos(turn), np.sin(turn)], 1) + random.normal(0, 0.06, (90, 2))
blobs = [random.normal(centre, spread, (n, 2)) for centre, spread, n in
         [((0, -1.2), 0.15, 60), ((0.8, -1.3), 0.1, 40), ((2.4, 0.5), 0.3, 60)]]
scatter = random.uniform((-2, -2.5), (4, 2), (50, 2))
# As the map holds them.
points = np.concatenate([moon, *blobs, scatter]).astype(np.float32).round(4).astype(np.float64)
eom, leaf = (
    HDBSCAN(min_cluster_size=12, min_samples=6, copy=True, cluster_selection_method=method).fit(points)
    for method in ("eom", "leaf")
)
print("x,y,eom,eom_membership,leaf,leaf_membership")
for (x, y), *of in zip(points, eom.labels_, eom.probabilities_, leaf.labels_, leaf.probabilities_):
    print(f"{x:.4f},{y:.4f},{of[0]},{of[1]:.4f},{of[2]},{of[3]:.4f}")
