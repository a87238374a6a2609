#!/bin/bash
# check_analyzer: check_tidy with the path-sensitive checks too; minutes.
# ctest: LABELS slow
# ctest: TIMEOUT 1800
# ctest: PROCESSORS 2

LATENT_TIDY_CHECKS='' exec bash "${LATENT_SOURCE:?}/tests/check_tidy.sh"
