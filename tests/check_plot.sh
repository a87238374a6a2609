#!/bin/bash
# latent plot, from a trained sweep to pictures in files and in the terminal.
set -u
[ -x "${LATENT:-}" ] || { echo "no program in \$LATENT"; exit 77; }
command -v gnuplot >/dev/null || { echo "no gnuplot"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

fail() { echo "FAILED: $*"; failed=1; }

# wanted-status part-of-output command...
expect() {
    local status=$1 part=$2
    shift 2
    "$LATENT" "$@" >out 2>&1
    local got=$?
    [ $got -eq "$status" ] ||
        fail "latent $*: status $got, wanted $status: $(cat out)"
    grep -qF -- "$part" out || fail "latent $*: no '$part' in: $(cat out)"
}

cat >small.lua <<'LUA'
local latent = require "latent"
return latent.experiment {
  name = "small", question = "Do figures come out?",
  config = { tie = "untied", rate = 1e-2, seed = 1 },
  sweep = latent.grid {
    tie = { "untied", "tied" }, rate = { 1e-3, 1e-2 }, seed = { 1, 2, 3 },
  },
  run = function(run, c)
    local data = latent.data.curves { n_train = 120, n_test = 40, seed = 7 }
    local net = latent.autoencoder {
      input = data.train.shape,
      encoder = { latent.dense { 20, act = "tanh" }, latent.dense { 2 } },
      output = "sigmoid", tie = c.tie, seed = c.seed,
    }
    latent.fit(net, { train = data.train, test = data.test, loss = "bce",
      optimizer = latent.adam { rate = c.rate }, epochs = 4, batch = 40, run = run })
    local figure = latent.plot.codes(net, data.test)
    figure.title = "a `touch PWNED` 'title'"
    run:figure("codes", figure)
    run:save("net", net)
  end,
}
LUA
"$LATENT" run small.lua -j 2 >run.log 2>&1 || fail "run: $(cat run.log)"
ls results/runs/*/codes.svg >/dev/null || fail "no figure of a run"
[ -e PWNED ] && fail "a title ran as a command"

expect 0 "small: test.sse, mean and 95 % interval, 12 runs" \
    plot curves --by tie
expect 0 "untied (n = 3)" plot curves "rate=0.001" --by tie
expect 0 "test sse (squared error per example)" plot curves --by tie,rate --log-y
expect 0 "small: train.loss, 1 run" plot curves 3 -m train.loss --x-axis step --smooth 3
expect 0 "time (s)" plot curves @last --x-axis time
expect 0 "final test.sse, mean and 95 % interval, 12 runs" \
    plot sweep --x rate --log-x --by tie
expect 0 "tied (n = 3)" plot sweep --x rate
expect 0 "the runs of a line differ also in rate" \
    plot sweep -m "min(test.sse)" --x tie --by seed
expect 0 "reconstruction" plot reconstructions @last
expect 0 "layer 1 weights, 20 units" plot filters @last
expect 0 "code unit 1" plot codes @last
for kind in curves sweep reconstructions filters codes; do
    for ending in svg png pdf; do
        expect 0 "wrote $kind.$ending" plot $kind --x rate -o $kind.$ending
        [ -s $kind.$ending ] && [ -s $kind.gp ] || fail "$kind.$ending is not there"
    done
done
head -c 4 curves.pdf | grep -q '%PDF' || fail "curves.pdf is no PDF"
head -c 8 curves.png | grep -q PNG || fail "curves.png is no PNG"
grep -q '<svg' curves.svg || fail "curves.svg is no SVG"

expect 3 "no run matches" plot curves tie=mirrored
expect 3 "did you mean 'test.sse'" plot curves -m test.see
expect 3 "did you mean 'tie'" plot curves --by tei
expect 2 "did you mean 'curves'" plot curve
expect 2 "wanted a name that ends in .svg" plot curves -o x.jpg
expect 2 "--x is needed" plot sweep
expect 4 "no/where" plot curves -o no/where/x.svg
expect 3 "saved no network named 'other'" plot filters --network other

# A list of named variants: the knobs that a name stands for are neither pooled
# nor lines of their own, and the names stay in the sweep's order.
sed -e 's/"small"/"named"/' -e '/  sweep = /,/^  },/d' small.lua |
    sed '/  config = /a\
  sweep = latent.list { { variant = "one", tie = "tied" },\
    { variant = "four", rate = 1e-3 }, { variant = "a third", rate = 2e-2 } },
s/config = { /config = { variant = "", /' >named.lua
"$LATENT" run named.lua >run.log 2>&1 || fail "run: $(cat run.log)"
"$LATENT" plot sweep experiment=named --x variant -o n.svg >out 2>&1
[ "$(cat out)" = "wrote n.svg" ] || fail "variants: $(cat out)"
[ "$(grep -o '<text>\(one\|four\|a third\)<' n.svg | tr -d '\n')" = \
    "<text>one<<text>four<<text>a third<" ] || fail "order of the variants"
"$LATENT" plot curves experiment=named --by variant -o n.svg >out 2>&1
[ "$(cat out)" = "wrote n.svg" ] || fail "variants: $(cat out)"

# Without gnuplot the script is there, and the message says what to install.
PATH=/nonexistent "$LATENT" plot curves -o bare.svg >out 2>&1
[ $? -eq 4 ] || fail "no gnuplot: status"
grep -q "install" out || fail "no gnuplot: $(cat out)"
[ -s bare.gp ] && [ ! -e bare.svg ] || fail "no gnuplot: script"
gnuplot bare.gp >bare.svg 2>/dev/null || fail "the script does not draw"
grep -q '<svg' bare.svg || fail "the script draws no SVG"

# A run without gnuplot finishes, and its sweep's end says what is missing.
PATH=/nonexistent "$LATENT" run named.lua >out 2>&1 || fail "run: $(cat out)"
grep -q "^note    run .*gnuplot" out || fail "no note: $(cat out)"

exit $failed
