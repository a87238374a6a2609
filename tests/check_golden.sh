#!/bin/bash
# The golden scripts, unchanged, to their ends. golden/mnist.lua only where
# $LATENT_DATA has MNIST.
source "$(dirname "$0")/cli_lib.sh"
golden=$LATENT_SOURCE/tests/golden
L=$LATENT

counts()
{
    ask "SELECT count(*) FROM runs WHERE experiment='$1' AND status='finished'"
}

# Runs of experiment $1 with a finite value of metric $2.
with_metric()
{
    ask "SELECT count(*) FROM finals f JOIN runs r ON r.id=f.run
        WHERE r.experiment='$1' AND f.name='$2' AND f.last IS NOT NULL"
}

expect 0 "" "$L" run "$golden/tied.lua" -j 2
same "tied: finished" "$(counts golden-tied)" 8
for metric in train.loss train.sse test.loss test.sse; do
    same "tied: $metric" "$(with_metric golden-tied $metric)" 8
done
same "tied: figures" \
    "$(ask "SELECT count(*) FROM artifacts WHERE kind='figure'")" 8
same "tied: epochs" "5 5" "$(ask \
    "SELECT min(n) || ' ' || max(n) FROM finals WHERE name='test.sse'")"
same "tied: pre-training is logged" 4 "$(ask \
    "SELECT count(DISTINCT run) FROM finals WHERE name LIKE 'pretrain.%'")"

expect 0 "" "$L" run "$golden/ties.lua" -j 2
same "ties: finished" "$(counts golden-ties)" 18
same "ties: rmse" "$(with_metric golden-ties test.rmse)" 18
same "ties: tags" "$(ask "SELECT count(*) FROM tags")" 18
same "ties: rmse is that of sse" 0 "$(ask "SELECT count(*)
    FROM finals a JOIN finals b USING (run)
    WHERE a.name='test.rmse' AND b.name='test.sse'
    AND abs(a.last*a.last*784 - b.last) > 1e-6 * b.last")"

if compgen -G "${LATENT_DATA:-/nonexistent}/mnist/train-images*" >/dev/null; then
    expect 0 "" "$L" run "$golden/mnist.lua" -j 2 \
        -s n=1000 -s epochs=1 -s pretrain_epochs=1
    runs=$(ask "SELECT count(*) FROM runs WHERE experiment='golden-mnist'")
    [[ $runs -gt 0 ]] || fail "mnist: no runs"
    same "mnist: finished" "$(counts golden-mnist)" "$runs"
    same "mnist: step.loss" "$(with_metric golden-mnist step.loss)" "$runs"
    same "mnist: weights" "$runs" "$(ask "SELECT count(*) FROM artifacts
        WHERE path LIKE '%.safetensors' AND run IN
        (SELECT id FROM runs WHERE experiment='golden-mnist')")"
else
    echo "no MNIST in \$LATENT_DATA: golden/mnist.lua not run"
fi
finish
