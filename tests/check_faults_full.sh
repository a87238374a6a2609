#!/bin/bash
# check_faults.sh with every write call.
# ctest: LABELS slow
# ctest: TIMEOUT 5400
# ctest: PROCESSORS 2
STEP=${STEP:-1} exec bash "$(dirname "$0")/check_faults.sh"
