#!/bin/bash
# The campaign of check_kill_campaign.sh at its full length.
# ctest: LABELS slow
# ctest: TIMEOUT 5400
# ctest: PROCESSORS 2
KILLS=${KILLS:-300} exec bash "$(dirname "$0")/check_kill_campaign.sh"
