# Shared by the check_*.sh that run the program: a folder of their own, and
# checks of exit status and output.

set -uo pipefail
export LC_ALL=C.UTF-8 NO_COLOR=1
unset LATENT_DB
: "${LATENT:?the program}" "${LATENT_SOURCE:?the source tree}"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
n_failed=0

fail()
{
    echo "FAILED: $*" >&2
    n_failed=$((n_failed + 1))
}

# expect STATUS TEXT COMMAND...: runs it and looks for TEXT (fixed, in stdout
# or stderr; "" for none). Output is left in the files out and err.
expect()
{
    local wanted=$1 text=$2 status

    shift 2
    "$@" >out 2>err </dev/null
    status=$?
    if [[ $status -ne $wanted ]]; then
        fail "$*: exit status $status, wanted $wanted"
        sed 's/^/    /' out err >&2
    elif [[ -n $text ]] && ! grep -qF -e "$text" out err; then
        fail "$*: no '$text' in its output:"
        sed 's/^/    /' out err >&2
    fi
}

# same WHAT FOUND WANTED
same()
{
    [[ $2 == "$3" ]] || fail "$1: found '$2', wanted '$3'"
}

# The answer of one SELECT, without its header and quotes.
ask()
{
    "$LATENT" sql --csv "$1" | tail -n +2 | tr -d '\r"'
}

# check_json FILE: runs the Python on standard input with that argument, where
# there is Python: an opinion on our JSON that is not our own.
check_json()
{
    command -v python3 >/dev/null || return 0
    python3 - "$1"
}

# wait_for SECONDS WHAT SQL: until the answer is not 0.
wait_for()
{
    local answer i

    for ((i = 0; i < $1 * 20; i++)); do
        answer=$(ask "$3" 2>/dev/null)
        [[ -z $answer || $answer == 0 ]] || return 0
        sleep 0.05
    done
    fail "no $2 after $1 seconds"
    return 1
}

# wait_for_deaths SECONDS: until no run is said to be running. Workers die with
# their supervisor, but not in the same moment; latent ls marks their runs.
wait_for_deaths()
{
    local i

    for ((i = 0; i < $1 * 20; i++)); do
        "$LATENT" ls >/dev/null 2>&1
        [[ $(ask "SELECT count(*) FROM runs WHERE status = 'running'") != 0 ]] ||
            return 0
        sleep 0.05
    done
    fail "runs still running after $1 seconds"
    return 1
}

finish()
{
    [[ $n_failed -eq 0 ]] || exit 1
    echo ok
}
