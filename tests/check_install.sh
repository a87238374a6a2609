#!/bin/bash
# check_install: the installed program is whole: it runs from another folder,
# with nothing of the source tree in reach.

set -euo pipefail

prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "${LATENT_BUILD:?}" --prefix "$prefix/in stall" >/dev/null
cd "$prefix"
version=$("$prefix/in stall/bin/latent" version)
case $version in
"latent "[0-9]*) ;;
*)
    echo "latent version: found '$version', wanted 'latent NUMBER...'"
    exit 1
    ;;
esac

# A script that requires a module beside it, from a folder of its own.
mkdir "$prefix/else where"
cd "$prefix/else where"
echo 'return { units = 4 }' >sizes.lua
cat >tiny.lua <<'END'
local latent = require "latent"
local sizes = require "sizes"

return latent.experiment {
  name = "tiny",
  config = { seed = 1 },
  run = function(run, c)
    local data = latent.data.curves { n_train = 50, n_test = 20, seed = 7 }
    local net = latent.autoencoder {
      input = data.train.shape,
      encoder = { latent.dense { sizes.units, act = "tanh" } },
      output = "sigmoid", tie = "tied", seed = c.seed,
    }
    latent.fit(net, {
      train = data.train, test = data.test, loss = "bce",
      optimizer = latent.adam { rate = 1e-3 }, epochs = 1, batch = 10, run = run,
    })
    run:save("net", net)
  end,
}
END
unset LATENT_DB
latent="$prefix/in stall/bin/latent"
"$latent" run tiny.lua -j 1 >/dev/null 2>log || {
    cat log
    exit 1
}
found=$("$latent" sql --csv "SELECT count(*) AS n FROM finals
    WHERE name = 'test.sse' AND last > 0" | tail -n 1)
if [[ $found != 1* ]]; then
    echo "results/latent.db: found '$found' runs with test.sse, wanted 1"
    exit 1
fi
if [[ -z $(find results/runs -name '*.safetensors') ]]; then
    echo "results/runs: found no saved network"
    exit 1
fi
