#!/bin/bash
# test_crowd at its full length: 16 writers of 25 runs of 5000 points.
# ctest: LABELS slow
# ctest: TIMEOUT 3600
# ctest: PROCESSORS 2
LATENT_CROWD=full exec "${LATENT_BUILD:?the build folder}/tests/test_crowd"
