#!/bin/bash
# The same seed gives the same bits: with one worker and two, with one thread
# and two, and twice over.
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT

cat >same.lua <<'END'
local latent = require "latent"
return latent.experiment {
  name = "same",
  config = { tie = "untied", pretrain = "none", seed = 3, noise = 0 },
  sweep = latent.grid { tie = { "untied", "tied" }, pretrain = { "none", "rbm" } },
  run = function(run, c)
    local data = latent.data.curves { n_train = 600, n_test = 200, seed = 2 }
    local net = latent.autoencoder {
      input = data.train.shape,
      encoder = {
        latent.dense { 120, act = "sigmoid" }, latent.dense { 10, act = "linear" },
      },
      output = "sigmoid", tie = c.tie, seed = c.seed,
    }
    if c.pretrain ~= "none" then
      latent.pretrain(net, {
        method = c.pretrain, data = data.train, epochs = 2, run = run,
      })
    end
    latent.fit(net, {
      train = data.train, test = data.test, loss = "bce",
      optimizer = latent.adam { rate = 1e-3 }, epochs = 3, batch = 100,
      run = run, log_every = 1,
    })
    run:log { epoch = 3, ["script.random"] = math.random() }
  end,
}
END

# All metric values of sweep $1, in an order that does not hang on run ids.
series()
{
    "$L" sql --csv "SELECT r.config, m.name, m.step, m.epoch, m.value, m.kind
        FROM metrics m JOIN runs r ON r.id=m.run WHERE r.sweep=$1
        ORDER BY r.config, m.name, m.step, m.seq" >"$2"
}

expect 0 "" "$L" run same.lua -j 1
expect 0 "" "$L" run same.lua -j 2
expect 0 "" "$L" run same.lua -j 1
expect 0 "" "$L" run same.lua -j 1 --threads 1
expect 0 "" "$L" run same.lua -j 1 --threads 2
expect 0 "" "$L" run same.lua -j 1 --threads 3
same "threads" "1,2,3" \
    "$(ask "SELECT group_concat(DISTINCT threads) FROM runs WHERE sweep > 3")"
for sweep in 1 2 3 4 5 6; do
    series $sweep s$sweep.csv
    [[ $(wc -l <s$sweep.csv) -gt 100 ]] || fail "sweep $sweep logged too little"
    cmp -s s1.csv s$sweep.csv || {
        fail "sweep $sweep differs from sweep 1"
        diff s1.csv s$sweep.csv | head -n 5 >&2
    }
done
expect 0 "" "$L" run same.lua -j 1 -s seed=4
series 7 s7.csv
sed 's/"seed"":4/"seed"":3/' s7.csv | cmp -s s1.csv - &&
    fail "another seed gives the same values"
finish
