#!/bin/bash
# Every script of experiments/ at its smoke scale, without data files, so that
# each falls back on generated curves; then codes2d once on MNIST where
# $LATENT_DATA has it, because only labelled data colour its picture.
#     ctest: PROCESSORS 2
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT
data=${LATENT_DATA:-}
unset LATENT_DATA
export XDG_CACHE_HOME=$PWD/no-cache

# smoke NAME RUNS OPTION...: all runs finish, with a finite test.sse, a figure
# and a saved network each.
smoke()
{
    local name=$1 runs=$2
    shift 2
    expect 0 "" "$L" run "$LATENT_SOURCE/experiments/$name.lua" -j 2 "$@"
    same "$name: finished" "$runs" "$(ask "SELECT count(*) FROM runs
        WHERE experiment='$name' AND status='finished'")"
    same "$name: test.sse" "$runs" "$(ask "SELECT count(*)
        FROM finals f JOIN runs r ON r.id=f.run
        WHERE experiment='$name' AND f.name='test.sse' AND f.last > 0")"
    for kind in figure network; do
        same "$name: runs with a $kind" "$runs" "$(ask \
            "SELECT count(DISTINCT a.run) FROM artifacts a
            JOIN runs r ON r.id=a.run
            WHERE experiment='$name' AND a.kind='$kind'")"
    done
}

small=(-s n=300 -s epochs=1)
smoke quickstart 4 -s n_train=300 -s epochs=1 -s pretrain_epochs=1 -s seed=1
smoke seed_mirror 10 "${small[@]}" -s n_test=100 -s seed=1
smoke keras_latent 2 "${small[@]}"
smoke hinton2006_mnist 7 "${small[@]}" -s pretrain_epochs=1
smoke hinton2006_curves 6 "${small[@]}" -s n_test=100 -s pretrain_epochs=1 \
    -s seed=1
smoke codes2d 2 "${small[@]}" -s pretrain_epochs=1
smoke faces 5 "${small[@]}" -s pretrain_epochs=1
smoke conv_mnist 12 "${small[@]}" -s n_test=100 -s seed=1
smoke odd_shapes 6 "${small[@]}" -s seed=1
smoke denoising 10 "${small[@]}" -s n_test=100 -s seed=1
smoke sparse_contractive 15 "${small[@]}" -s n_test=100 -s seed=1
smoke vae_mnist 9 "${small[@]}" -s n_test=100 -s seed=1
smoke linear_pca 12 "${small[@]}" -s n_test=100 -s stages=1 -s seed=1
smoke recommender 11 -s users=300 -s items=100 -s epochs=1 -s seed=1
# Generated ratings are learned to within 5 % of their noise.
expect 0 "" "$L" run "$LATENT_SOURCE/experiments/recommender.lua" -j 1 \
    -s users=3000 -s items=500 -s density=0.3 -s epochs=20 -s seed=1 \
    -s variant=near -s depth=2 -s act=tanh -s code=4 -s tie=untied \
    -s by=user -s refeed=0 -s dropout=0
same "recommender: within 5 % of the floor" 1 "$(ask "SELECT count(*)
    FROM finals f JOIN params p ON p.run=f.run
    WHERE f.name='over_floor' AND f.last BETWEEN 0 AND 0.05
    AND p.key='variant' AND p.value='near'")"

# An experiment that is added is added here too.
self=$LATENT_SOURCE/tests/check_experiments.sh
listed=$(grep -o '^smoke [a-z0-9_]*' "$self" | sort -u | wc -l)
there=$(find "$LATENT_SOURCE/experiments" -name '*.lua' | wc -l)
same "experiments checked" "$there" "$listed"

if [[ -n $data ]] && compgen -G "$data/mnist/train-images*" >/dev/null; then
    export LATENT_DATA=$data
    expect 0 "" "$L" run "$LATENT_SOURCE/experiments/codes2d.lua" -j 2 \
        "${small[@]}" -s pretrain=none
    same "codes2d: on MNIST" mnist "$(ask "SELECT value FROM params
        WHERE key='data' AND run=(SELECT max(id) FROM runs)")"
else
    echo "no MNIST in \$LATENT_DATA: codes2d not run on it"
fi
finish
