-- Preparation as scripts see it: pairs, recipes, errors. Run by
-- tests/test_script.c as it loads, then inside of a run.
local latent = require "latent"

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "no error")
  assert(tostring(message):find(pattern), ("found %s, wanted %s"):format(message, pattern))
end

local function near(a, b, tolerance)
  for i, x in ipairs(b) do
    assert(math.abs(a[i] - x) <= (tolerance or 1e-6), ("value %d is %g, wanted %g"):format(i, a[i], x))
  end
end

local P <const> = latent.prepare
local train = latent.data.rows { { 1, 5 }, { 3, 5 }, { 5, 5 } }
local test = latent.data.rows { { 9, 6 } }

-- ---- fitted ----

local prep = P.standardise { data = train }
assert(prep.kind == "standardise" and tostring(prep) == "preparation: standardise")
local pair = prep:apply { train = train, test = test }
near(pair.train:row(1), { -1.2247449, 0 })
near(pair.test:row(1), { 6 / math.sqrt(8 / 3), 1 })
near(prep:invert(pair.test):row(1), { 9, 6 })
near(prep:apply(test):row(1), pair.test:row(1))
near(P.standardise { data = train, per = "set" }:apply(test):row(1), { 6 / math.sqrt(4 / 3), 1 / math.sqrt(4 / 3) })
near(P.scale { data = train }:apply(test):row(1), { 2, 1.25 })
near(P.scale { data = train, per = "element" }:apply(test):row(1), { 2, 1 })

local curves = latent.data.curves { n_train = 300, n_test = 40, seed = 3 }
local whiten = P.whiten { data = curves.train, components = 20, epsilon = 1e-3 }
local white = whiten:apply(curves)
assert(table.concat(white.test.shape, " ") == "20" and white.test.n == 40 and white.train.n == 300)
local variances = whiten:variances()
assert(#variances == 784 and variances[1] >= variances[2])
local sum, sum2 = 0, 0
for i = 1, 300 do
  local x = white.train:row(i)[20]
  sum, sum2 = sum + x, sum2 + x * x
end
assert(math.abs(sum / 300) < 1e-5)
assert(math.abs(sum2 / 300 - variances[20] / (variances[20] + 1e-3)) < 1e-4)
local back = whiten:invert(white.test)
assert(table.concat(back.shape, " ") == "1 28 28")
local zca = P.whiten { data = curves.train, method = "zca", epsilon = 0.1 }
assert(table.concat(zca:apply(curves.test).shape, " ") == "1 28 28")
near(zca:invert(zca:apply(curves.test)):row(3), curves.test:row(3), 1e-4)

-- ---- drawn ----

local crops = P.crops { height = 20, width = 24, each = 3, seed = 5 }:apply(curves)
assert(crops.train.n == 900 and crops.test.n == 120 and table.concat(crops.test.shape, " ") == "1 20 24")
local shifts = P.shifts { most = 1, each = 2 }:apply(curves.test)
assert(shifts.n == 80 and table.concat(shifts.shape, " ") == "1 28 28")
local patches = P.patches { height = 7, width = 7, n = 50, rotate = { -90, 90 }, scale = { 1.4, 1.8 } }
assert(patches:apply(curves.test).n == 50)
assert(P.patches { height = 3, width = 3, rotate = 90 }:apply(curves.test).n == 40)
local small = P.resize { height = 14, width = 7 }:apply(curves.test)
assert(table.concat(small.shape, " ") == "1 14 7" and small.n == 40)

-- The same seed gives the same pictures; train and test draw from streams of
-- their own.
local again = P.crops { height = 20, width = 24, each = 3, seed = 5 }
assert(again:apply(curves).train:fingerprint() == crops.train:fingerprint())
local one = latent.data.curves { n_train = 1, n_test = 1 }.train
local both = P.crops { height = 5, width = 5, each = 20 }:apply { train = one, test = one }
assert(both.train:fingerprint() ~= both.test:fingerprint())

-- ---- recipes ----

local faces = P.standardise { data = crops.train, per = "set" }:apply(crops)
for _, set in ipairs { white.test, white.train, crops.train, shifts, small, faces.test, back,
  patches:apply(curves.test), zca:apply(curves.test:take(7)), faces.train:take(11),
  faces.train:split { train = 0.5, test = 0.5, seed = 3 }.train } do
  local recipe = set.recipe
  assert(latent.data.from_recipe(recipe):fingerprint() == set:fingerprint(), recipe.kind)
end
assert(white.test.recipe.how.kind == "whiten" and white.test.recipe.fitted_on.kind == "curves")
assert(crops.test.recipe.part == "test")

-- ---- errors ----

raises("latent.prepare.whitn: no such name, did you mean 'whiten'", function() return P.whitn end)
raises("latent.prepare.scale: data is missing, wanted a set", P.scale, {})
raises("data is a table, wanted a set", P.scale, { data = curves })
raises("per is 'elemnt', did you mean 'element'", P.scale, { data = train, per = "elemnt" })
raises("whiten: 3 components, wanted 1 to 2", P.whiten, { data = train, components = 3 })
raises("prepare: examples of 1x28x28, wanted 2", prep.apply, prep, curves.test)
raises("found 'tset', wanted a set, or sets called", prep.apply, prep, { tset = test })
raises("found no set", prep.apply, prep, {})
raises("prep:apply: found 3, wanted a set", prep.apply, prep, 3)
raises("crops cannot be undone", again.invert, again, test)
raises("found standardise, wanted a whitening", prep.variances, prep)
raises("examples of 2, wanted pictures", again.apply, again, test)
raises("wanted each or n, not both", P.patches, { height = 3, width = 3, each = 2, n = 4 })
raises("rotate: wanted a number or { least, most }", P.patches, { height = 3, width = 3, rotate = { 90, -90 } })
raises("a preparation has no fields to set", function() prep.x = 1 end)
raises("a preparation has no 'aply', did you mean 'apply'", function() return prep.aply end)

return latent.experiment {
  name = "prepare",
  config = { seed = 1 },
  run = function(run)
    local ready = prep:apply { train = train, test = test }
    local net = latent.autoencoder { input = ready.train.shape, encoder = { latent.dense { 1 } },
      output = "linear" }
    latent.fit(net, { train = ready.train, test = ready.test, epochs = 1, batch = 3, run = run })
    assert(prep:invert(net:reconstruct(ready.test)).n == 1)
  end,
}
