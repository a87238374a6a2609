-- latent.probe: what it refuses, what it finds on sets whose answers are
-- known, and what a run has of it afterwards. Run by tests/test_script.c:
-- first as it loads, then inside of a run.
local latent = require "latent"

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "no error")
  assert(tostring(message):find(pattern, 1, true), ("found %s, wanted %s"):format(message, pattern))
end

local function near(a, b, most)
  assert(math.abs(a - b) <= (most or 1e-9), ("found %.12g, wanted %.12g"):format(a, b))
end

-- Pictures of 4 x 4: label 0 is bright in the left half, 1 in the right one.
local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

local function labelled(n, seed)
  local images, labels = {}, {}
  for i = 1, n do
    local label = (i * 7 + seed) % 2
    labels[i] = string.char(label)
    for k = 0, 15 do
      local is_bright = (k % 4 >= 2) == (label == 1)
      images[#images + 1] = string.char((is_bright and 150 or 0) + (i * 31 + k * 17 * seed + i * k) % 100)
    end
  end
  local base = os.tmpname()
  write(base .. ".images", string.pack(">I4I4I4I4", 0x803, n, 4, 4) .. table.concat(images))
  write(base .. ".labels", string.pack(">I4I4", 0x801, n) .. table.concat(labels))
  local set = latent.data.idx { images = base .. ".images", labels = base .. ".labels" }
  os.remove(base)
  os.remove(base .. ".images")
  os.remove(base .. ".labels")
  return set
end

local train, test = labelled(60, 1), labelled(24, 3)
local bare = latent.data.curves { n_train = 30, n_test = 10, seed = 1 }

local function new(act, units)
  return latent.autoencoder { input = train.shape, output = "sigmoid",
    encoder = { latent.dense { units or 3, act = act or "sigmoid" } }, seed = 1 }
end

local net = new()

-- ---- what is refused ----

raises("wanted either net or codes", latent.probe, { train = train, test = test })
raises("test is missing", latent.probe, { net = net, train = train })
raises("unknown option 'retreival', did you mean 'retrieval'", latent.probe,
  { net = net, train = train, test = test, retreival = true })
raises("train has examples of 1x28x28, the network takes 1x4x4", latent.probe,
  { net = net, train = bare.train, test = test })
raises("knn: found 0, wanted 1 to 60 neighbours", latent.probe, { net = net, train = train, test = test, knn = 0 })
raises("knn: found 61,", latent.probe, { net = net, train = train, test = test, knn = { 1, 61 } })
raises("knn: found 24, wanted 1 to 23", latent.probe,
  { net = net, train = train, test = test, knn = 24, among = "test" })
raises("knn: found 'x'", latent.probe, { net = net, train = train, test = test, knn = { "x" } })
raises("knn: unexpected 'k'", latent.probe, { net = net, train = train, test = test, knn = { 1, k = 2 } })
raises("linear: l2 is -1, wanted a number of at least 0", latent.probe,
  { net = net, train = train, test = test, linear = { l2 = -1 } })
raises("pca: the code has 20 units, the inputs 16 elements", latent.probe,
  { net = new("relu", 20), train = train, test = test, pca = true })
raises("name is 'a b'", latent.probe, { net = net, train = train, test = test, name = "a b" })

local codes = { train = net:encode(train), test = net:encode(test) }
raises("pca wants train and test", latent.probe, { codes = codes, pca = true })
raises("unknown option 'tset'", latent.probe, { codes = { train = codes.train, tset = codes.test } })
raises("train has 60 examples, codes.train 24", latent.probe,
  { codes = { train = codes.test, test = codes.test }, train = train, test = test })

local plain = latent.data.rows { { 1, 2 }, { 3, 5 }, { 4, 4 } }
raises("knn, retrieval: codes.test has no labels, wanted examples with labels", latent.probe,
  { codes = { train = plain, test = plain }, knn = true, retrieval = true })

-- ---- what is found ----

-- Without labels: units and, of inputs, PCA.
local r = latent.probe { codes = { train = plain, test = plain } }
assert(not r.knn and not r.linear and not r.retrieval and not r.pca and r.units.effective > 1)
near(r.units.means[1], 8 / 3)
near(r.units.variances[2], 14 / 9)
near(r.units.variance, (14 / 9 + 14 / 9) / 2)
assert(r.units.dead == 0 and #r.units.dead_units == 0 and r.units.saturated == nil)
assert(r.metrics["probe.units.variance"] == r.units.variance and r.metrics["probe.knn.1"] == nil)

r = latent.probe { net = net, train = train, test = test }
assert(r.code == 3 and r.knn[1] and r.knn[5] and r.linear.converged and r.units.saturated)
assert(r.pca.knn[1] == 1 and r.pca.linear.accuracy == 1 and r.pca.sse > 0 and r.pca.explained > 0.3)
assert(r.metrics["pca.linear.accuracy"] == 1 and r.metrics["pca.sse"] == r.pca.sse)
assert(r.metrics["probe.map"] == r.retrieval.map and r.metrics["probe.retrieval.31"])
assert(table.concat(r.retrieval.n, " ") == "1 3 7 15 31")

-- Inputs are codes too; an overcomplete code has no PCA of its size.
r = latent.probe { codes = { train = train, test = test }, knn = { 3, 1, 3 }, units = false }
assert(r.knn[1] == 1 and r.knn[3] == 1 and r.linear.accuracy == 1 and r.retrieval.precision[1] == 1)
assert(r.units == nil and r.pca == nil)
assert(latent.probe { net = new("relu", 20), train = train, test = test }.pca == nil)

-- Among the other test examples; no example finds itself.
r = latent.probe { codes = { train = train, test = test }, among = "test", distance = "cosine", name = "x.y" }
assert(r.knn[1] == 1 and table.concat(r.retrieval.n, " ") == "1 3 7 15")
assert(r.metrics["x.y.knn.1"] == 1 and not r.metrics["probe.knn.1"])

-- ---- figures ----

local one = latent.probe { net = net, train = train, test = test }
local figure = latent.plot.retrieval(one)
assert(#figure.panels[1].series == 2 and figure.panels[1].x.log)
assert(figure.panels[1].series[1].label == "code of 3" and figure.panels[1].series[2].label == "PCA of 3")
assert(figure.panels[1].series[2].y[5] == one.pca.retrieval.precision[5])
figure = latent.plot.retrieval({ one, one }, { labels = { "a", "b" }, title = "t" })
assert(#figure.panels[1].series == 3 and figure.panels[1].series[2].label == "b" and figure.title == "t")
assert(#latent.plot.retrieval(one, { pca = false }).panels[1].series == 1)
raises("no results", latent.plot.retrieval, {})
raises("result 1 has no retrieval", latent.plot.retrieval, { { 1 } })

return latent.experiment {
  name = "probe", question = "does it log?", config = { seed = 1 },
  run = function(run)
    local result = latent.probe { net = net, train = train, test = test, run = run, knn = { 1 } }
    latent.probe { net = net, train = train, test = test, run = run, name = "late", pca = true, knn = false,
      linear = { iterations = 1 }, retrieval = false }
    run:figure("retrieval", latent.plot.retrieval(result))
  end,
}
