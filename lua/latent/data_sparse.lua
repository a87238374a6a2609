-- Sparse sets of latent.data: ratings, and counts of words.
--
-- A set of ratings is a pair whose test set has targets: its inputs are what
-- is known of a user (or item), its target is what was held out.
local core = require "latent.core.sparse"
local data = require "latent.data"
local data_core = require "latent.core.data"
local json = require "latent.core.json"
local options = require "latent.options"
local sys = require "latent.core.sys"

local SETS <const> = { "ml-100k", "ml-1m", "ml-20m", "ml-latest-small" }
local MOST <const> = 2147483647

local specs = {
  ratings = options.define("latent.data.ratings", {
    { "path", "string", help = "u.data, ratings.csv or ratings.dat, plain or gzip-compressed" },
    { "set", "string", choices = SETS, help = "a set of MovieLens, looked for in the usual places" },
    { "dir", "string", help = "a folder to look for the set in first" },
    { "generate", "table", help = "a generated low-rank set: { users =, items =, ... }, see below" },
    { "format", "string", choices = { "tab", "csv", "dat" }, help = "of the file; by default its first line tells" },
    { "by", "string", default = "user", choices = { "user", "item" }, help = "what a row is" },
    { "split", "string", default = "random", choices = { "random", "leave", "time" },
      help = "held out: a share of all ratings, or of every user n at random, or the n latest" },
    { "share", "number", default = 0.1, above = 0, below = 1, help = "held out by split = 'random'" },
    { "n", "integer", default = 1, min = 1, max = MOST,
      help = "held out of every user who has more, by split = 'leave' and 'time'" },
    { "seed", "integer", default = 1, help = "of the split" },
    { "centre", "boolean", default = false, help = "subtract the mean of the training ratings (set.centre)" },
  }),
  generate = options.define("latent.data.ratings: generate", {
    { "users", "integer", default = 2000, min = 1, max = MOST, help = "how many" },
    { "items", "integer", default = 1000, min = 1, max = MOST, help = "how many" },
    { "rank", "integer", default = 4, min = 1, max = 1000000, help = "of the signal, which has mean 3, variance 1" },
    { "density", "number", default = 0.1, above = 0, max = 1, help = "ratings / (users x items)" },
    { "noise", "number", default = 0.5, min = 0, help = "standard deviation: no expected RMSE is below it" },
    { "popularity", "number", default = 0, min = 0, max = 10,
      help = "item i's share goes with i^-popularity; 0: all alike" },
    { "seed", "integer", default = 1, help = "of the generator" },
  }),
  topics = options.define("latent.data.topics", {
    { "n_train", "integer", default = 5000, min = 1, max = 100000000, help = "training documents" },
    { "n_test", "integer", default = 1000, min = 1, max = 100000000, help = "test documents" },
    { "words", "integer", default = 1000, min = 2, max = 16777216, help = "in the vocabulary" },
    { "topics", "integer", default = 10, min = 1, max = 256, help = "a document mixes up to three" },
    { "length", "integer", default = 100, min = 1, max = 16777216, help = "words of a document, on average" },
    { "seed", "integer", default = 1, help = "of the generator" },
  }),
  baselines = options.define("latent.data.baselines", {
    { "user_ridge", "number", default = 15, min = 0, help = "of the bias model" },
    { "item_ridge", "number", default = 10, min = 0, help = "of the bias model" },
    { "sweeps", "integer", default = 10, min = 1, max = 100000, help = "alternations that fit it" },
  }),
}

local function define_libsvm(name, what)
  return options.define("latent.data." .. name, {
    { "path", "string", help = "one file of " .. what .. ": a set, or a pair with a share" },
    { "share", "number", above = 0, below = 1, help = "of path's examples that are the test set" },
    { "seed", "integer", default = 1, help = "draws them" },
    { "train", "string", help = "with test, instead of path: a pair from two files" },
    { "test", "string", help = "with train: the test set's file" },
    { "features", "integer", default = 0, min = 0, max = MOST, help = "elements of an example; 0: as the file has" },
    { "first", "integer", default = 1, min = 0, max = 1, help = "the file's lowest index" },
  })
end

specs.libsvm = define_libsvm("libsvm", "'label index:value ...' lines")
specs.words = define_libsvm("words", "word counts, '[label] word:count ...' lines")

-- ---- sets ----

local function with_part(o, kind, part)
  local recipe = { kind = kind, part = part }
  for key, value in pairs(o) do recipe[key] = value end
  return recipe
end

local function make_pair(kind, make, o)
  local train, test = make(o, json.encode(with_part(o, kind)))
  return { train = data.with_recipe(train, with_part(o, kind, "train")),
    test = data.with_recipe(test, with_part(o, kind, "test")) }
end

local function check_source(o)
  local n = (o.path and 1 or 0) + (o.set and 1 or 0) + (o.generate and 1 or 0)
  if n ~= 1 then
    sys.fail(("latent.data.ratings: found %s of path, set and generate, wanted one"):format(n == 0 and "none" or n))
  end
end

-- A pair. pair.mean is that of the training ratings; pair.noise, of a
-- generated set, is the RMSE that no network goes below.
local function ratings(given)
  local o = specs.ratings:read(given or {})
  check_source(o)
  if o.generate then o.generate = specs.generate:read(o.generate) end
  local pair = make_pair("ratings", core.ratings, o)
  pair.mean = core.mean(pair.train)
  if o.centre then -- a fact, to be stored with the run
    pair.train.recipe.mean, pair.test.recipe.mean = pair.train.centre, pair.train.centre
  end
  pair.noise = o.generate and o.generate.noise
  return pair
end

local function libsvm(kind, given)
  local o = specs[kind]:read(given)
  o.counts = kind == "words"
  if (o.path and 1 or 0) + (o.train and o.test and 1 or 0) ~= 1 or (o.path and (o.train or o.test)) then
    sys.fail(("latent.data.%s: wanted path, or train and test"):format(kind))
  end
  if o.share and not o.path then
    sys.fail(("latent.data.%s: share is of path's examples; train and test are cut already"):format(kind))
  end
  if o.path and not o.share then return data.with_recipe(core.libsvm(o), with_part(o, kind)) end
  return make_pair(kind, core.libsvm_pair, o)
end

local names = { ratings = ratings }
function names.libsvm(given) return libsvm("libsvm", given) end
function names.words(given) return libsvm("words", given) end
function names.topics(given) return make_pair("topics", core.topics, specs.topics:read(given or {})) end

-- From a recipe, which is the options and some facts more.
local FACTS <const> = { kind = true, part = true, counts = true, mean = true }

local function remake(recipe)
  local o = {}
  for key, value in pairs(recipe) do
    if not FACTS[key] then o[key] = value end
  end
  local made = names[recipe.kind](o)
  return recipe.part and made[recipe.part] or made
end

local makers = { ratings = remake, libsvm = remake, words = remake, topics = remake }
function makers.target(recipe) return data_core.target(data.from_recipe(recipe.of)) end

-- ---- baselines ----

-- Whether rows are users or items.
local function rows_of(set)
  local recipe = set.recipe
  while recipe and recipe.of do recipe = recipe.of end
  return recipe and recipe.by or "user"
end

-- RMSE on the held-out ratings of a pair: of the global mean, the users' and
-- the items' means, and the bias model. To be logged beside a network's:
-- run:log { ["baseline.bias"] = latent.data.baselines(pair).bias }
function names.baselines(pair, given)
  options.expect(pair, "table", "latent.data.baselines")
  options.expect(pair.train, "set", "latent.data.baselines: train")
  options.expect(pair.test, "set", "latent.data.baselines: test")
  local o = specs.baselines:read(given or {})
  local by_user = rows_of(pair.train) == "user"
  local global, rows, columns, bias = core.baselines(pair.train, pair.test, {
    row_ridge = by_user and o.user_ridge or o.item_ridge,
    column_ridge = by_user and o.item_ridge or o.user_ridge,
    sweeps = o.sweeps,
  })
  return { global = global, user = by_user and rows or columns, item = by_user and columns or rows, bias = bias }
end

-- ---- what a set tells ----

local fields, methods = {}, {}

function fields.is_sparse(set) return core.count(set) ~= nil end
function fields.ratings(set) return core.count(set) end
function fields.density(set)
  local n = core.count(set)
  return n and n / set.n / set.elements
end
function fields.centre(set) return core.centre(set) end
function fields.row_ids(set) return core.row_ids(set) end
function fields.column_ids(set) return core.column_ids(set) end

-- What a network should give where that is not the set itself, or nil.
function fields.target(set)
  local target = data_core.target(set)
  return target and data.with_recipe(target, data.derived(set, { kind = "target" }))
end

-- The entries of example i: a list of columns, and a list of their values.
function methods.entries(set, i)
  options.expect(set, "set", "set:entries")
  if not core.count(set) then sys.fail("set:entries: the set is not sparse") end
  if not math.tointeger(i) or i < 1 or i > set.n then
    sys.fail(("set:entries: found %s, wanted 1 to %d"):format(tostring(i), set.n))
  end
  return core.entries(set, i)
end

return { names = names, makers = makers, fields = fields, methods = methods }
