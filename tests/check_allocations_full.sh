#!/bin/bash
# test_allocations at its full length, beginning somewhere else each time.
# ctest: LABELS slow
# ctest: TIMEOUT 10800
# ctest: PROCESSORS 2
export LATENT_FAULTS=${LATENT_FAULTS:-7} LATENT_FAULTS_FROM=$RANDOM
echo "LATENT_FAULTS=$LATENT_FAULTS LATENT_FAULTS_FROM=$LATENT_FAULTS_FROM"
exec "${LATENT_BUILD:?the build folder}/tests/test_allocations"
