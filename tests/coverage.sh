#!/bin/bash
# usage: tests/coverage.sh BUILD
# What the tests reached, after they ran in a build of the preset "coverage":
# lines of src/ by room, and what is worst. A line counts once however many
# programs were built from it (the engine is, in float and in double), and is
# reached when any of them came to it. What a killed process reached does not
# count: it could not say so.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd -- "${1:-$root/build/coverage}" && pwd)
cd "$build"

# One program may have left no data for a file: the .gcno alone counts lines.
find . -name '*.gcno' -not -path '*/tests/*' -print0 |
    xargs -0 -r gcov -t -r -s "$root" 2>/dev/null |
    awk -F: -v root="$root/" '
        $2 + 0 == 0 && $3 == "Source" {
            file = $4
            sub("^" root, "", file)
            ours = file ~ /^src\//
            next
        }
        ours && $2 + 0 > 0 && $1 !~ /-/ {
            key = file ":" ($2 + 0)
            if (!(key in seen)) { seen[key] = 0; lines[file]++ }
            if ($1 !~ /[#=]/ && !seen[key]) { seen[key] = 1; hit[file]++ }
        }
        END { for (f in lines) print f, lines[f], hit[f] + 0 }' |
    sort >coverage.txt

awk '
    { split($1, part, "/"); n[part[2]] += $2; h[part[2]] += $3
      all += $2; reached += $3 }
    END {
        printf "%-8s %7s %8s %7s\n", "room", "lines", "reached", "share"
        for (r in n)
            printf "%-8s %7d %8d %6.1f%%\n", r, n[r], h[r], 100 * h[r] / n[r] \
                | "sort"
        close("sort")
        printf "%-8s %7d %8d %6.1f%%\n", "src", all, reached,
            100 * reached / all
    }' coverage.txt
echo
echo "Files below 90 %, most lines missed first:"
awk '$3 < 0.9 * $2 { printf "%5d of %5d missed  %5.1f%%  %s\n", $2 - $3, $2,
    100 * $3 / $2, $1 }' coverage.txt | sort -rn | head -n 40
