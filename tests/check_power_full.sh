#!/bin/bash
# test_power at its full length, other disks each time.
# ctest: LABELS slow
# ctest: TIMEOUT 7200
# ctest: PROCESSORS 2
export LATENT_POWER=${LATENT_POWER:-5000} LATENT_POWER_SEED=$RANDOM
echo "LATENT_POWER=$LATENT_POWER LATENT_POWER_SEED=$LATENT_POWER_SEED"
exec "${LATENT_BUILD:?the build folder}/tests/test_power"
