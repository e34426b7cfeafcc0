"""HiGHS (through SciPy) on the programs that `cargo bench --profile dev --bench select -- … --write FOLDER` left.

    python benches/peers/select_highs.py SECONDS FILE…

needs numpy and scipy. Prints, for K = 8, 16 and automatic, the cost and the bound a text, the gap between them, and
the seconds.
"""

import sys
import time

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

LAMBDA, MU = 0.5, 1.0


def read(path):
    lines = [list(map(int, line.split())) for line in open(path)]
    weights = np.array([line[0] for line in lines], float)
    rows = np.repeat(np.arange(len(lines)), [len(line) - 1 for line in lines])
    columns = np.concatenate([line[1:] for line in lines]).astype(int)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(lines), 100)), weights


def solve(members, weights, k, seconds):
    """z = LAMBDA (y - 1) + (LAMBDA + MU) u, u >= 1 - y, which is the same program with one variable a row."""
    n, m = members.shape
    price = max(weights.sum() / 1000, 1) if k is None else 0
    costs = np.r_[LAMBDA * (members.T @ weights) + price, (LAMBDA + MU) * weights]
    limits = [LinearConstraint(sparse.hstack([members, sparse.eye(n)]).tocsr(), lb=1)]
    if k is not None:
        limits.append(LinearConstraint(sparse.csr_matrix(np.r_[np.ones(m), np.zeros(n)][None]), lb=k, ub=k))
    whole = np.r_[np.ones(m), np.zeros(n)]
    options = {"time_limit": seconds, "mip_rel_gap": 1e-4}
    found = milp(costs, constraints=limits, integrality=whole, bounds=Bounds(0, 1), options=options)
    constant = -LAMBDA * weights.sum()
    each = lambda value: np.nan if value is None else (value + constant) / weights.sum()
    return each(found.fun), each(found.mip_dual_bound)


for path in sys.argv[2:]:
    members, weights = read(path)
    for k in (8, 16, None):
        began = time.time()
        cost, bound = solve(members, weights, k, float(sys.argv[1]))
        print(f"{path} K {k}: {len(weights)} rows, cost {cost:.5f}, bound {bound:.5f}, gap {1 - bound / cost:.2%},", end=" ")
        print(f"{time.time() - began:.1f} s", flush=True)
