-- latent.prepare: sets made ready for a network.
--
--   local prep = latent.prepare.standardise { data = data.train }
--   local ready = prep:apply(data)            -- a pair, or one set
--   local pixels = prep:invert(net:reconstruct(ready.test))
--   run:save("prep", prep)                    -- latent.prepare.load reads it
--
-- scale, standardise and whiten learn from `data`, the training set, and use
-- what they learnt on every set. crops, shifts, patches and resize learn
-- nothing: they make pictures from pictures, drawn by a seed.
--
-- A set knows how it was made: { kind = "prepared", how =, fitted_on =, of = }.
local core = require "latent.core.prepare"
local data = require "latent.data"
local file = require "latent.prepared_file"
local options = require "latent.options"
local sys = require "latent.core.sys"

local PER <const> = { "element", "set" }
local data_option <const> = { "data", "set", required = true, help = "what to learn from: the training set" }
local seed_option <const> = { "seed", "integer", default = 1, help = "of the draw; train and test differ" }
local height <const> = { "height", "integer", required = true, min = 1, max = 32768 }
local width <const> = { "width", "integer", required = true, min = 1, max = 32768 }
local each <const> = { "each", "integer", default = 1, min = 1, max = 1000000, help = "so many of each picture" }

local function per_option(default)
  return { "per", "string", choices = PER, default = default, help = "numbers of its own for each element, "
    .. "or one for all" }
end

local specs = {
  scale = options.define("latent.prepare.scale", { data_option, per_option "set" }),
  standardise = options.define("latent.prepare.standardise", { data_option, per_option "element" }),
  whiten = options.define("latent.prepare.whiten", {
    data_option,
    { "method", "string", choices = { "pca", "zca" }, default = "pca",
      help = "codes along the axes, or turned back into pictures" },
    { "components", "integer", default = 0, min = 0, max = 1000000, help = "only the first so many axes; 0: all" },
    { "epsilon", "number", default = 0.0, min = 0, help = "added to each variance" },
  }),
  crops = options.define("latent.prepare.crops", {
    height, width, each,
    { "pad", "integer", default = 0, min = 0, max = 1000, help = "zeros around the picture first" },
    seed_option,
  }),
  shifts = options.define("latent.prepare.shifts", {
    { "most", "integer", default = 2, min = 1, max = 1000, help = "pixels up, down, left or right; zeros come in" },
    each, seed_option,
  }),
  patches = options.define("latent.prepare.patches", {
    height, width,
    { "each", "integer", min = 1, max = 1000000, help = "so many of each picture (1 when n is not given)" },
    { "n", "integer", min = 1, max = 100000000, help = "or so many in all, of random pictures" },
    { "rotate", { "table", "number" }, help = "degrees, counter-clockwise: { least, most }" },
    { "scale", { "table", "number" }, help = "the picture's pixels a pixel of the patch: { least, most }" },
    { "pad", "integer", default = 0, min = 0, max = 1000, help = "zeros around the picture first" },
    seed_option,
  }),
  resize = options.define("latent.prepare.resize", { height, width }),
}

-- ---- how each is done ----

-- { least, most }, or one number for both.
local function read_range(name, value, default)
  if value == nil then return { default, default } end
  if type(value) == "number" then value = { value, value } end
  local low, high = value[1], value[2]
  if #value ~= 2 or type(low) ~= "number" or type(high) ~= "number" or low > high then
    sys.fail(("latent.prepare.patches: %s: wanted a number or { least, most }"):format(name))
  end
  return { low + 0.0, high + 0.0 }
end

-- From checked options to what is kept in recipes: plain values.
local drawn = {}

function drawn.crops(o)
  return { height = o.height, width = o.width, each = o.each, n = 0, pad = o.pad, seed = o.seed,
    rotate = { 0.0, 0.0 }, scale = { 1.0, 1.0 } }
end

function drawn.shifts(o)
  return { most = o.most, each = o.each, n = 0, pad = o.most, seed = o.seed, rotate = { 0.0, 0.0 },
    scale = { 1.0, 1.0 } }
end

function drawn.patches(o)
  if o.each and o.n then sys.fail("latent.prepare.patches: wanted each or n, not both") end
  return { height = o.height, width = o.width, each = o.each or 1, n = o.n or 0, pad = o.pad, seed = o.seed,
    rotate = read_range("rotate", o.rotate, 0.0), scale = read_range("scale", o.scale, 1.0) }
end

function drawn.resize(o)
  return { height = o.height, width = o.width }
end

-- A preparation: how, what it was fitted on (a recipe), and the engine's part.
local meta = options.register({ __name = "preparation" }, "preparation")

local function new_fitted(how, train, fitted_on)
  local handle = core.fit(how.kind, train, how)
  return setmetatable({ how = how, fitted_on = fitted_on, handle = handle }, meta)
end

local function draw(how, set, part)
  if how.kind == "resize" then return core.resize(set, how.height, how.width) end
  local o = {}
  for key, value in pairs(how) do o[key] = value end
  o.stream = part
  if how.kind == "shifts" then
    local shape = set.shape
    o.height, o.width = shape[2] or 1, shape[3] or 1
  end
  return core.patches(set, o)
end

-- part: "train" in a pair.
local function prepared(prep, set, part, is_inverse)
  local made
  if prep.handle then
    made, part = core.apply(prep.handle, set, is_inverse), nil
  else
    made = draw(prep.how, set, part)
  end
  local of = set.recipe
  if not of then return made end -- a network's output: nothing tells how
  return data.with_recipe(made, { kind = "prepared", how = prep.how, fitted_on = prep.fitted_on, of = of,
    part = part, inverse = is_inverse or nil })
end

-- ---- methods ----

local methods, fields = {}, {}

local PARTS <const> = { train = true, valid = true, test = true }

-- prep:apply(set), or of a pair: prep:apply { train =, test = }
function methods.apply(prep, what)
  options.expect(prep, "preparation", "prep:apply")
  if options.type_of(what) ~= "table" then
    return prepared(prep, options.expect(what, "set", "prep:apply"))
  end
  local out = {}
  for name, set in pairs(what) do
    if not PARTS[name] then
      sys.fail(("prep:apply: found %s, wanted a set, or sets called train, valid, test"):format(options.show(name)))
    end
    out[name] = prepared(prep, options.expect(set, "set", "prep:apply: " .. name), name)
  end
  if next(out) == nil then sys.fail("prep:apply: found no set, wanted train, valid or test") end
  return out
end

-- Back from prepared values: to look at them, or to score in old units.
function methods.invert(prep, set)
  options.expect(prep, "preparation", "prep:invert")
  options.expect(set, "set", "prep:invert")
  if not prep.handle then
    sys.fail(("prep:invert: %s cannot be undone; scale, standardise and whiten can"):format(prep.how.kind))
  end
  return prepared(prep, set, nil, true)
end

-- Into a file, from which latent.prepare.load makes it again: also where the
-- training set is not. notes: strings for the file's metadata, or nil.
function methods.save(prep, path, notes)
  options.expect(prep, "preparation", "prep:save")
  options.expect(path, "string", "prep:save")
  if require "latent.core.run".is_replaying() and sys.exists(path) then return end -- as net:save
  core.write(path, file.encode(prep, notes))
end

-- The training set's variances along all axes, largest first.
function methods.variances(prep)
  options.expect(prep, "preparation", "prep:variances")
  if prep.how.kind ~= "whiten" then
    sys.fail(("prep:variances: found %s, wanted a whitening"):format(prep.how.kind))
  end
  return core.variances(prep.handle)
end

function fields.kind(prep) return prep.how.kind end

local index <const> = options.index("a preparation", methods, fields)
function meta.__index(prep, key)
  if key == "handle" or key == "fitted_on" then return nil end -- of what learns nothing
  return index(prep, key)
end
function meta.__newindex(_, key)
  sys.fail(("prep.%s: a preparation has no fields to set"):format(tostring(key)))
end
function meta.__tostring(prep)
  return "preparation: " .. prep.how.kind
end

-- ---- the public functions ----

local prepare = {}

for _, kind in ipairs { "scale", "standardise", "whiten" } do
  prepare[kind] = function(given)
    local o = specs[kind]:read(given or {})
    local train = o.data
    o.data, o.kind = nil, kind
    return new_fitted(o, train, train.recipe)
  end
end

for kind, plain in pairs(drawn) do
  prepare[kind] = function(given)
    local how = plain(specs[kind]:read(given or {}))
    how.kind = kind
    return setmetatable({ how = how }, meta)
  end
end

-- The set of a recipe that `prepared` wrote.
local function remake(recipe)
  local how = recipe.how
  local prep = drawn[how.kind] and setmetatable({ how = how }, meta)
    or new_fitted(how, data.from_recipe(recipe.fitted_on), recipe.fitted_on)
  return prepared(prep, data.from_recipe(recipe.of), recipe.part, recipe.inverse)
end

-- What each of those that learn nothing is asked for by.
local ASKED <const> = { crops = { "height", "width", "each", "pad", "seed" }, shifts = { "most", "each", "seed" },
  patches = { "height", "width", "each", "rotate", "scale", "pad", "seed" }, resize = { "height", "width" } }

local function is_same(a, b)
  if type(a) == "table" and type(b) == "table" then return is_same(a[1], b[1]) and is_same(a[2], b[2]) end
  return math.type(a) == math.type(b) and a == b
end

-- Whether a `how` that came from a file learns anything; nil when it is none
-- that these functions could have made.
local function learns(how)
  local make <const> = drawn[how.kind]
  if not make then return specs[how.kind] and true or nil end
  local given = {}
  for _, name in ipairs(ASKED[how.kind]) do given[name] = how[name] end
  if how.kind == "patches" and how.n ~= 0 then given.each, given.n = nil, how.n end
  local ok, made = pcall(function() return make(specs[how.kind]:read(given)) end)
  for key, value in pairs(ok and made or {}) do ok = ok and is_same(how[key], value) end
  if ok then return false end
  return nil
end

-- What prep:save or run:save wrote.
function prepare.load(path)
  options.expect(path, "string", "latent.prepare.load")
  return setmetatable(file.decode(path, core.read(path), learns), meta)
end

local names = {}
for name in pairs(prepare) do names[#names + 1] = name end
setmetatable(prepare, {
  __index = function(_, name)
    sys.fail(("latent.prepare.%s: no such name%s"):format(tostring(name),
      require "latent.boot".hint(name, names)))
  end,
})

return { public = prepare, names = {}, makers = { prepared = remake } }
