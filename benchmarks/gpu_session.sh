#!/bin/bash
# One session on a machine with a GPU: what it is, a training, steps, feeding. Under ten minutes.
#
#   benchmarks/gpu_session.sh OUT
#
# From the root of a checkout. WHEELS (default .whl) may hold wheels of what the machine lacks; they
# go to a folder of their own. PARTS names some of the parts. QUICK=1 tries the same commands on a CPU with little work.
set -u
OUT=$(realpath "$1") && mkdir -p "$OUT" && cd "$(dirname "$0")/.." || exit 2
exec > >(tee "$OUT/session.log") 2>&1
PYTHON=${PYTHON:-python3} WHEELS=${WHEELS:-.whl} QUICK=${QUICK:-}
WORK=$(mktemp -d) SITE=$WORK/site
export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True PYTHONUNBUFFERED=1 GEORET_CACHE=${GEORET_CACHE:-$WORK/cache}
export NUMBA_CACHE_DIR=$WORK/numba PYTHONDONTWRITEBYTECODE=1
mkdir -p "$SITE"
if compgen -G "$WHEELS/*.whl" > /dev/null; then
  $PYTHON -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade \
    --target "$SITE" "$WHEELS"/*.whl || exit 3
fi
# georet runs from the checkout; its entry points, which name the plugins, are read from metadata.
$PYTHON - "$SITE" <<'PY' || exit 3
import sys, tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
folder = Path(sys.argv[1]) / f"georet-{project['version']}.dist-info"
folder.mkdir()
name = f"Metadata-Version: 2.1\nName: georet\nVersion: {project['version']}\n"
needs = [f"Requires-Dist: {need}\n" for need in project["dependencies"]]
(folder / "METADATA").write_text(name + "".join(needs))
lines = [f"{key} = {value}\n" for key, value in project["entry-points"]["georet"].items()]
(folder / "entry_points.txt").write_text("[georet]\n" + "".join(lines))
PY
export PYTHONPATH=$SITE:$PWD:$PWD/export
for plugin in sample4geo orbitview datasets pml faiss example_triplet; do
  PYTHONPATH=$PYTHONPATH:$PWD/plugins/$plugin
done

PARTS=${PARTS:-doctor tests training steps feeding}
part() { # part NAME SECONDS COMMAND...
  local name=$1 limit=$2 begun=$SECONDS
  [[ " $PARTS " == *" $name "* ]] || return 0
  shift 2
  echo "== $name"
  timeout --signal=TERM --kill-after=10 "$limit" "$@"
  echo "== $name ended with $? after $((SECONDS - begun)) s of at most $limit"
}

doctor() { $PYTHON -m georet doctor --json > "$OUT/doctor.json"; }
export -f doctor
export PYTHON OUT

SETS=(--set precision=bf16 --set train.compile=true --set data.workers=12)
STEP=(--seconds 175)
if [ -n "$QUICK" ]; then
  SETS=(--set precision=bf16 --set dataset.size=mini --set train.epochs=1 --set data.workers=1)
  STEP=(--device cpu --quick --seconds 60)
fi
part doctor 20 bash -c doctor
part tests 60 "$PYTHON" -m pytest -q -m gpu -p no:cacheprovider tests/train
part training 165 "$PYTHON" -m georet train --plugins sample4geo "${SETS[@]}" --out "$WORK/run"
for file in events.jsonl timing.jsonl manifest.json report.html; do
  [ -f "$WORK/run/$file" ] && cp "$WORK/run/$file" "$OUT/"
done
part steps 190 "$PYTHON" benchmarks/step_gpu.py "${STEP[@]}" --out "$OUT/step_gpu.json"
if [ -f benchmarks/feeding_gpu.py ]; then
  part feeding 125 "$PYTHON" benchmarks/feeding_gpu.py --out "$OUT/feeding_gpu.json"
fi
rm -rf "$WORK"
ls -l "$OUT"
sleep 1
