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

-- ---- files ----

local path <const> = os.tmpname()

local function write(bytes)
  local out <close> = assert(io.open(path, "wb"))
  out:write(bytes)
end

local function saved(which, notes)
  which:save(path, notes)
  local back_again = P.load(path)
  assert(back_again.kind == which.kind)
  return back_again
end

for _, which in ipairs { prep, P.scale { data = train }, P.standardise { data = train, per = "set" } } do
  local loaded = saved(which)
  assert(loaded:apply(test):fingerprint() == which:apply(test):fingerprint())
  assert(loaded:invert(test):fingerprint() == which:invert(test):fingerprint())
end
for _, which in ipairs { whiten, zca } do
  local loaded = saved(which, { ["latent.run"] = "calm" })
  local made = which:apply(curves.test)
  assert(loaded:apply(curves.test):fingerprint() == made:fingerprint())
  assert(loaded:invert(made):fingerprint() == which:invert(made):fingerprint())
  assert(loaded:variances()[3] == which:variances()[3])
  assert(latent.data.from_recipe(loaded:apply(curves.test).recipe):fingerprint() == made:fingerprint())
end
for _, which in ipairs { patches, P.shifts { most = 2 }, P.resize { height = 3, width = 4 }, again } do
  local made = which:apply(curves)
  assert(saved(which):apply(curves).test:fingerprint() == made.test:fingerprint())
end
raises("cannot be undone", saved(again).invert, again, test)

-- Whatever became of the file: an error, or a preparation.
local function read_bytes()
  local input <close> = assert(io.open(path, "rb"))
  return input:read("a")
end
prep:save(path)
local bytes <const> = read_bytes()
for i = 1, #bytes do
  write(bytes:sub(1, i - 1))
  assert(not pcall(P.load, path), i)
  write(bytes:sub(1, i - 1) .. string.char(bytes:byte(i) ~ 1 << i % 8) .. bytes:sub(i + 1))
  local ok, damaged = pcall(P.load, path)
  if ok then pcall(damaged.apply, damaged, test) end
end
local function broken(from, to, message)
  local at, last = bytes:find(from, 1, true)
  assert(at and #from == #to, from)
  write(bytes:sub(1, at - 1) .. to .. bytes:sub(last + 1))
  raises(message, P.load, path)
end
broken("latent preparation", "latent_preparation", "found no preparation, wanted what prep:save wrote")
broken("standardise", "standardize", "latent.how: wanted one of the known preparations")
broken('"shift":', '"shfit":', "wanted shift, and either factor or forward")
broken('"factor":', '"fucter":', "wanted shift, and either factor or forward")
broken('"F64"', '"F16"', "found numbers of type F16, wanted F64")
broken("[2]", "[3]", ": shift: found 16 bytes, wanted 3 numbers of 8")
write("")
raises("found no header of a safetensors file", P.load, path)
write(string.pack("<I8", 1 << 40) .. "{}")
raises("found no header of a safetensors file", P.load, path)
again:save(path)
local drawn = read_bytes()
write((drawn:gsub('\\"seed\\":5', '\\"sead\\":5')))
raises("latent.how: wanted one of the known preparations", P.load, path)
os.remove(path)
raises("cannot open", P.load, path)
raises("prep:save: found 3, wanted a string", prep.save, prep, 3)

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
    local file = run:save("ready", prep)
    assert(P.load(file):apply(test):fingerprint() == ready.test:fingerprint())
  end,
}
