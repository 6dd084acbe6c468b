#!/usr/bin/env bash
# What cspbench does on a real GPU, in one go, for a machine that is at hand for minutes only.
#
#   OUT=findings bash bench/gpu_check.sh               every step, 9 minutes at most
#   OUT=findings DEVICE=cpu bash bench/gpu_check.sh    the same path on a CPU
#   OUT=findings STEPS="versions ab" LIMIT_S=200 bash bench/gpu_check.sh
#
# The machine needs a torch of its own (2.11 or later), and no network: wheels of missing packages
# are taken from .whl/ (pip download --no-deps --only-binary=:all: --python-version 3.12 -d .whl
# thop prettytable wcwidth msgspec platformdirs). OUT then holds steps.tsv, one log of all steps, the
# figures that bench/gpu_check.py measured, and all run folders in one archive.
set -u
OUT=${OUT:?name a folder for the findings: OUT=findings}
DEVICE=${DEVICE:-cuda}
PYTHON=${PYTHON:-python3}
LIMIT_S=${LIMIT_S:-540}
STEPS=${STEPS:-versions timers suite peaks planted ab energy precisions options ceilings tests}
cd "$(dirname "$0")/.." || exit
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
WORK=$(mktemp -d)
RUNS=$WORK/runs
mkdir -p "$RUNS"
export PYTHONUNBUFFERED=1 MPLBACKEND=Agg

pack() {
    tar -C "$WORK" -czf "$OUT/runs.tar.gz" runs
    rm -rf "$WORK"
}
trap pack EXIT

# step NAME SECONDS COMMAND…: run it within its limit and the time that is left, and note how it went
step() {
    local name=$1 limit=$2 left began code
    shift 2
    left=$((LIMIT_S - SECONDS))
    if [ "$left" -lt 5 ]; then
        printf '%s\tno time left\n' "$name" | tee -a "$OUT/steps.tsv"
        return
    fi
    began=$SECONDS
    printf '\n===== %s: %s\n' "$name" "$*" >>"$OUT/log.txt"
    timeout --signal=INT --kill-after=10 "$((limit < left ? limit : left))" "$@" >>"$OUT/log.txt" 2>&1
    code=$?
    printf '%s\texit code %s\t%s s\n' "$name" "$code" "$((SECONDS - began))" | tee -a "$OUT/steps.tsv"
}

measure() { # measure NAME SECONDS WORDS…: a run into the folder NAME
    local name=$1 limit=$2
    shift 2
    step "$name" "$limit" "$PYTHON" -m cspbench run "$@" --device "$DEVICE" --out "$RUNS/$name"
}

check() { # check NAME SECONDS WORDS…: a command of gpu_check.py, its figures in OUT/NAME.json
    local name=$1 limit=$2
    shift 2
    step "$name" "$limit" "$PYTHON" bench/gpu_check.py "$@" --device "$DEVICE" --out "$OUT/$name.json"
}

on_gpu() { [ "$DEVICE" != cpu ]; }
BATCH=$(on_gpu && echo 64 || echo 1) # large enough to keep a GPU busy

versions() {
    step versions 60 "$PYTHON" -c 'import sys, torch; print(sys.version, torch.__version__, torch.version.cuda)'
    on_gpu && step nvidia-smi 60 nvidia-smi
    step doctor 60 "$PYTHON" -m cspbench doctor --device "$DEVICE"
}

timers() { check timers 60 timers; }

suite() { # at the defaults: the target is 4 minutes for 16 cases and 6 launches
    measure blocks 240 blocks $(on_gpu && echo --cuda-graph)
}

peaks() {
    cat >"$WORK/networks.toml" <<SUITE
description = "Six networks"
entries = ["densenet121", "csp_densenet121", "resnet50", "cspdarknet53", "peleenet", "csp_peleenet"]
SUITE
    check peaks-blocks 60 peaks blocks
    check peaks-networks 90 peaks "$WORK/networks.toml"
}

tests() {
    step tests 200 "$PYTHON" -m pytest tests/test_gpu.py -m gpu -q -p no:cacheprovider
}

precisions() { # batch 1 at the defaults is the step suite
    local precision
    for precision in fp32 $(on_gpu && echo tf32) bf16 amp; do
        measure "batch-$BATCH-$precision" 60 blocks --batch-size "$BATCH" --mode infer \
            --precision "$precision" --launches 3 --turns 5
    done
}

options() {
    on_gpu && measure cold 60 blocks --mode infer --batch-size 32 --cold --launches 2 --turns 5
    measure compiled 90 smoke --mode infer --compile --launches 2 --turns 5
}

energy() { on_gpu && measure energy 60 smoke --mode infer --batch-size 64 --energy --launches 2 --turns 5; }

# ab needs a repository: a copy that came without its history becomes one.
repository() {
    git rev-parse HEAD >/dev/null 2>&1 && return
    git init --quiet . && git add --all && git -c user.name=check -c user.email=check@localhost \
        commit --quiet --message 'as it came'
}

compare_revisions() { # compare_revisions NAME BASE HEAD
    step "$1" 90 "$PYTHON" -m cspbench ab "$2" "$3" blocks --device "$DEVICE" \
        --batch-size "$BATCH" --mode infer --launches 6 --out "$RUNS/$1"
}

ab() { # identical code: "same" and "undecided" are right; eight cases each
    local number
    for number in 1 2; do
        repository && compare_revisions "ab-$number" HEAD HEAD
    done
}

# More work in CSPNet's five designs, some percent; three cases are as they were. Values and layout of the
# data stay as they are: the half that is split off lies apart in memory, and a dense copy of it would
# make what follows faster.
planted() {
    repository
    local tree=$WORK/planted
    git worktree add --quiet --detach "$tree" HEAD
    sed -i 's/^        bypass, part = self.split(base)$/        for _ in range(16):\n            base = -base\n&/' \
        "$tree/cspbench/blocks/csp.py"
    git -C "$tree" -c user.name=check -c user.email=check@localhost commit --quiet --all \
        --message 'csp: more work'
    compare_revisions planted HEAD "$(git -C "$tree" rev-parse HEAD)"
    git worktree remove --force "$tree"
}

ceilings() { check ceilings 60 ceilings; }

export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
if compgen -G '.whl/*.whl' >/dev/null; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --target "$WORK/site" .whl/*.whl
    PYTHONPATH=$PYTHONPATH:$WORK/site
fi
for name in $STEPS; do
    "$name"
done
