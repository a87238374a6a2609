#!/bin/bash
# check_bench: latent bench and latent doctor measure, print tables and CSV,
# and refuse what they do not know. Times are not judged.

set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
cd "$work"

fail()
{
    echo "check_bench: $*" >&2
    exit 1
}

"$LATENT" bench --seconds 0.02 --rows 1000 --only small-32 --only together \
    --only logging --only recording --only checkpoint --only sparse --csv |
    tr -d '\r' >bench.csv
# Prints column $2 of the row named $1.
cell()
{
    awk -F, -v row="$1" -v column="$2" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i }
        $1 == row { print $at }' bench.csv
}
[ "$(cut -d, -f1 bench.csv | tr '\n' ' ')" = \
    "name small-32 together logging recording checkpoint sparse " ] ||
    fail "odd rows: $(cat bench.csv)"
[ "$(cell small-32 network)" = 784-32 ] || fail "odd: $(cat bench.csv)"
awk -v share="$(cell small-32 share)" -v step="$(cell small-32 step_ms)" \
    -v floor="$(cell small-32 floor_ms)" -v rate="$(
        cell small-32 examples_per_second)" \
    'BEGIN { exit !(share > 0 && share < 2 && step > 0 && floor > 0 &&
        rate > 0) }' || fail "odd figures: $(cat bench.csv)"
awk -v x="$(cell together value)" -v s="$(cell recording value)" \
    -v r="$(cell sparse value)" \
    'BEGIN { exit !(x > 0 && s > 0 && r > 1) }' || fail "odd values: $(cat bench.csv)"
# Convolutions; PyTorch by a Python that is not there, and by one that is.
"$LATENT" bench --seconds 0.02 --only conv-100 --only conv-tied-100 --csv |
    tr -d '\r' >bench.csv
[ "$(cell conv-100 network)" = 1x28x28-16-32 ] || fail "$(cat bench.csv)"
[ "$(cell conv-tied-100 tie)" = tied ] || fail "$(cat bench.csv)"
awk -v a="$(cell conv-100 share)" -v b="$(cell conv-tied-100 share)" \
    'BEGIN { exit !(a > 0 && a < 3 && b > 0 && b < 3) }' ||
    fail "odd shares: $(cat bench.csv)"
LATENT_PYTHON=$work/none "$LATENT" bench --seconds 0.02 --only pytorch --csv |
    tr -d '\r' >bench.csv
grep -q 'PyTorch is not installed: skipped' bench.csv ||
    fail "no word of PyTorch: $(cat bench.csv)"
printf '%s\n' '#!/bin/sh' 'echo 9.8.7 1e9' >python
chmod +x python
LATENT_PYTHON=$work/python "$LATENT" bench --seconds 0.02 --only pytorch --csv |
    tr -d '\r' >bench.csv
grep -q 'a step of PyTorch 9.8.7' bench.csv || fail "odd: $(cat bench.csv)"
awk -v x="$(cell pytorch value)" 'BEGIN { exit !(x > 1e5) }' ||
    fail "odd ratio: $(cat bench.csv)"

leftovers=$(find "$work" -name 'latent-bench-*')
[ -z "$leftovers" ] || fail "left behind: $leftovers"

"$LATENT" bench --list | grep '^deep-100 .*784-1000-500-250-30' >/dev/null ||
    fail "--list does not list"

status=0
"$LATENT" bench --only smal-32 2>err >out || status=$?
[ "$status" = 2 ] || fail "unknown name: exit status $status, wanted 2"
grep -q "did you mean 'small-32'" err || fail "no suggestion: $(cat err)"
[ ! -s out ] || fail "an error wrote to standard output"

"$LATENT" doctor --seconds 0.02 >doctor.txt
for item in "BLAS core" "BLAS speed" SQLite Lua gnuplot "data: mnist" store; do
    grep -q "^$item  " doctor.txt || fail "no $item: $(cat doctor.txt)"
done
grep -q '^BLAS core  *ok ' doctor.txt || fail "core: $(cat doctor.txt)"
"$LATENT" doctor --seconds 0.02 --json >doctor.json
grep -q '"item": *"BLAS core"' doctor.json ||
    fail "doctor --json: $(cat doctor.json)"

# A core that the user chose is used, and remarked upon.
if grep -qw avx2 /proc/cpuinfo 2>/dev/null; then
    OPENBLAS_CORETYPE=Prescott "$LATENT" doctor --seconds 0.02 >doctor.txt
    grep -q 'BLAS core  *check  *Prescott (by OPENBLAS_CORETYPE)' doctor.txt ||
        fail "doctor: the user's core: $(cat doctor.txt)"
    grep -q 'unset OPENBLAS_CORETYPE' doctor.txt ||
        fail "doctor: no remedy: $(cat doctor.txt)"
fi
