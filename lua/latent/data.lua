-- latent.data: sets of examples.
--
-- Each set knows its recipe, a table of scalars from which from_recipe makes
-- it again, bit by bit: it is stored with every run, with the fingerprint.
local core = require "latent.core.data"
local json = require "latent.core.json"
local options = require "latent.options"
local shapes = require "latent.shape"
local sys = require "latent.core.sys"

local data = {}
options.register(core.meta, "set")

local function with_recipe(set, recipe)
  core.recipe(set, recipe)
  return set
end

local function derived(set, recipe)
  recipe.of = core.recipe(set)
  return recipe
end

-- ---- methods of a set ----

local methods, fields = {}, {}

function fields.n(set) return core.size(set) end
function fields.shape(set) return core.shape(set) end
function fields.elements(set) return shapes.elements(core.shape(set)) end
function fields.recipe(set) return core.recipe(set) end
function fields.has_labels(set) return core.label(set, 1) ~= nil end

local function check_set(set, what)
  return options.expect(set, "set", what)
end

-- set:take(n): the first n examples.
function methods.take(set, given)
  check_set(set, "set:take")
  local n = math.type(given) and math.tointeger(given)
  if not n or n < 1 or n > set.n then
    sys.fail(("set:take: found %s, wanted 1 to %d, the set's size"):format(options.show(given), set.n))
  end
  if n == set.n then return set end
  return with_recipe(core.view(set, 0, n), derived(set, { kind = "take", n = n }))
end

local FIRST <const> = { train = 1, valid = 2, test = 3 }

local function split_names(parts)
  local names = {}
  for name in pairs(parts) do
    if type(name) ~= "string" then
      sys.fail(("set:split: found %s at place %s, wanted parts by name: { train = 0.8, valid = 0.2 }"):format(
        options.show(parts[name]), options.show(name)))
    end
    if name ~= "seed" then names[#names + 1] = name end
  end
  if #names == 0 then sys.fail("set:split: no parts, wanted { train = 0.8, valid = 0.2 }") end
  table.sort(names, function(a, b)
    local x, y = FIRST[a] or 4, FIRST[b] or 4
    if x ~= y then return x < y end
    return a < b
  end)
  return names
end

local function split_sizes(set, parts, names)
  local sizes, total = {}, 0
  for _, name in ipairs(names) do
    local part = parts[name]
    if type(part) ~= "number" or not (part > 0) or (part > 1 and not math.tointeger(part)) then
      sys.fail(("set:split: %s is %s, wanted a share (0.8) or a number of examples"):format(name,
        options.show(part)))
    end
    local is_share = math.type(part) == "float" and part <= 1
    sizes[name] = is_share and math.floor(part * set.n + 1e-9) or math.tointeger(part)
    total = total + sizes[name]
    if sizes[name] < 1 then sys.fail(("set:split: %s would have no examples"):format(name)) end
  end
  if total > set.n then
    sys.fail(("set:split: the parts have %d examples, the set only %d"):format(total, set.n))
  end
  return sizes
end

-- set:split { train = 0.8, valid = 0.2, seed = 1 }: parts by name; with a seed
-- the examples are put in a random order first. train, valid, test come first.
function methods.split(set, parts)
  check_set(set, "set:split")
  options.expect(parts, "table", "set:split")
  local names = split_names(parts)
  local sizes = split_sizes(set, parts, names)
  local from, out, first = set, {}, 0
  if parts.seed ~= nil then
    local seed = math.tointeger(parts.seed) or sys.fail("set:split: seed is no integer")
    from = with_recipe(core.shuffled(set, seed), derived(set, { kind = "shuffled", seed = seed }))
  end
  for _, name in ipairs(names) do
    out[name] = with_recipe(core.view(from, first, sizes[name]),
      derived(from, { kind = "part", first = first, n = sizes[name] }))
    first = first + sizes[name]
  end
  return out
end

-- The number of an example.
local function check_index(set, i, what)
  if not (math.type(i) and math.tointeger(i)) or i < 1 or i > set.n then
    sys.fail(("%s: found %s, wanted 1 to %d"):format(what, options.show(i), set.n))
  end
  return math.tointeger(i)
end

-- Example i as a flat list of numbers.
function methods.row(set, i)
  check_set(set, "set:row")
  return core.row(set, check_index(set, i, "set:row"))
end

-- n examples from the first-th on, in one flat list.
function methods.rows(set, first, n)
  check_set(set, "set:rows")
  first = check_index(set, first, "set:rows")
  if not (math.type(n) and math.tointeger(n)) or n < 0 or n > set.n + 1 - first then
    sys.fail(("set:rows: found %s examples, wanted 0 to %d"):format(options.show(n), set.n + 1 - first))
  end
  return core.row(set, first, math.tointeger(n))
end

function methods.label(set, i)
  check_set(set, "set:label")
  return core.label(set, check_index(set, i, "set:label"))
end

-- All labels as a list, or nil.
function methods.labels(set)
  check_set(set, "set:labels")
  if not set.has_labels then return nil end
  local labels = {}
  for i = 1, set.n do labels[i] = core.label(set, i) end
  return labels
end

function methods.fingerprint(set)
  check_set(set, "set:fingerprint")
  return core.fingerprint(set)
end

core.meta.__index = options.index("a set", methods, fields)
core.meta.__newindex = function(_, key)
  sys.fail(("set.%s: a set has no fields to set"):format(tostring(key)))
end
core.meta.__len = function(set) return core.size(set) end
core.meta.__tostring = function(set)
  return ("set of %d x %s"):format(set.n, table.concat(set.shape, "x"))
end

-- ---- where sets come from ----

local dir_option <const> = { "dir", "string", help = "a folder to look in first" }

local specs = {
  curves = options.define("latent.data.curves", {
    { "n_train", "integer", default = 20000, min = 1, max = 10000000, help = "training examples" },
    { "n_test", "integer", default = 10000, min = 1, max = 10000000, help = "test examples" },
    { "seed", "integer", default = 1, help = "of the generator" },
  }),
  mnist = options.define("latent.data.mnist", {
    dir_option,
    { "n_train", "integer", min = 1, help = "the first training examples, at most so many; by default all" },
    { "n_test", "integer", min = 1, help = "the first test examples, likewise" },
  }),
  faces = options.define("latent.data.faces", {
    dir_option,
    { "train_people", "integer", default = 25, min = 1, max = 39, help = "the first ones train, the rest test" },
  }),
  idx = options.define("latent.data.idx", {
    { "images", "string", help = "one file: gives one set" },
    { "labels", "string", help = "of images" },
    { "train_images", "string", help = "with test_images: gives a pair" },
    { "train_labels", "string" },
    { "test_images", "string" },
    { "test_labels", "string" },
    { "limit", "integer", default = 0, min = 0, help = "at most so many examples; 0: all" },
  }),
}

local function make_pair(kind, given)
  local o = specs[kind]:read(given or {})
  o.kind = kind
  local train, test = core.pair(o, json.encode(o))
  local function recipe(part)
    local r = { part = part }
    for key, value in pairs(o) do r[key] = value end
    return r
  end
  return { train = with_recipe(train, recipe("train")), test = with_recipe(test, recipe("test")) }
end

function data.curves(given) return make_pair("curves", given) end

local function first_of(set, n) return n and n < set.n and set:take(n) or set end

function data.mnist(given)
  local o = specs.mnist:read(given or {})
  local pair = make_pair("mnist", { dir = o.dir })
  return { train = first_of(pair.train, o.n_train), test = first_of(pair.test, o.n_test) }
end

function data.faces(given) return make_pair("faces", given) end

local function load_idx(images, labels, limit)
  return with_recipe(core.idx(images, labels, limit), { kind = "idx", images = images, labels = labels,
    limit = limit })
end

-- Raises unless the sets of a pair have examples of one shape.
function data.same_shape(owner, pair, train_path, test_path)
  local wanted, found = table.concat(pair.train.shape, "x"), table.concat(pair.test.shape, "x")
  if wanted ~= found then
    sys.fail(("%s: %s: found examples of %s, wanted %s, as %s has"):format(owner, test_path, found, wanted, train_path))
  end
end

-- One file, or a pair of sets from two.
function data.idx(given)
  local o = specs.idx:read(given)
  if o.images then return load_idx(o.images, o.labels, o.limit) end
  if not o.train_images or not o.test_images then
    sys.fail("latent.data.idx: wanted images, or train_images and test_images")
  end
  local pair = { train = load_idx(o.train_images, o.train_labels, o.limit),
    test = load_idx(o.test_images, o.test_labels, o.limit) }
  data.same_shape("latent.data.idx", pair, o.train_images, o.test_images)
  return pair
end

local NEED_FILES <const> = { mnist = true, faces = true, cifar10 = true }

-- Whether a set that needs files is there.
function data.has(kind)
  if kind == "curves" then return true end
  if not NEED_FILES[kind] and not (type(kind) == "string" and kind:find("^ml%-")) then
    sys.fail(("latent.data.has: found %s, wanted 'curves', 'mnist', 'faces', 'cifar10', or a set of ratings "
      .. "('ml-100k')"):format(options.show(kind)))
  end
  return core.has(kind)
end

local MOST <const> = 2147483647

-- A copy of a shape that a script gives, { elements } or { channels, height,
-- width }.
function data.read_shape(owner, given)
  options.expect(given, "table", owner .. ": shape")
  local shape, elements = {}, 1
  for i, size in ipairs(given) do
    shape[i] = math.type(size) and math.tointeger(size)
    if not shape[i] or shape[i] < 1 or shape[i] > MOST then
      sys.fail(("%s: shape: found %s, wanted sizes of at least 1"):format(owner, options.show(size)))
    end
    elements = math.min(elements * shape[i], MOST + 1)
  end
  if (#shape ~= 1 and #shape ~= 3) or elements > MOST then
    sys.fail(owner .. ": shape: wanted { elements } or { channels, height, width }")
  end
  return shape, elements
end

local function check_value(value, row)
  if type(value) == "number" and math.abs(value) ~= math.huge then return value end
  sys.fail(("latent.data.rows: row %d holds %s, wanted finite numbers (or NaN where one is missing)"):format(row,
    options.show(value)))
end

-- data.rows { { 0.1, 0.2 }, ... [, shape = { 1, 1, 2 }] }: a set from numbers.
function data.rows(given)
  options.expect(given, "table", "latent.data.rows")
  for key in pairs(given) do
    if key ~= "shape" and not (math.type(key) == "integer" and key >= 1 and key <= #given) then
      sys.fail(("latent.data.rows: unexpected %s, wanted rows and shape"):format(options.show(key)))
    end
  end
  local flat, width = {}, type(given[1]) == "table" and #given[1] or 0
  for i, row in ipairs(given) do
    if type(row) ~= "table" or #row ~= width or width == 0 then
      sys.fail(("latent.data.rows: row %d: wanted a list of %d numbers"):format(i, width))
    end
    for _, value in ipairs(row) do flat[#flat + 1] = check_value(value, i) end
  end
  if width == 0 then sys.fail("latent.data.rows: no rows") end
  local shape, elements = data.read_shape("latent.data.rows", given.shape or { width })
  if elements ~= width then
    sys.fail(("latent.data.rows: rows have %d numbers, the shape %d"):format(width, elements))
  end
  return with_recipe(core.rows(flat, #given, shape), { kind = "rows", n = #given })
end

-- ---- sets of other modules ----

-- What a module with sets of its own needs: it returns a table whose `names`
-- become latent.data.NAME, and whose `makers` are, by a recipe's kind,
-- function(recipe) -> set. It may give all sets more `methods` and `fields`.
data.with_recipe = with_recipe
data.derived = derived

local makers = {}

local function include(module)
  for name, value in pairs(module.names) do data[name] = value end
  for kind, make in pairs(module.makers) do makers[kind] = make end
  for name, method in pairs(module.methods or {}) do methods[name] = method end
  for name, field in pairs(module.fields or {}) do fields[name] = field end
  core.meta.__index = options.index("a set", methods, fields)
end

-- The set that a recipe describes.
function data.from_recipe(recipe)
  options.expect(recipe, "table", "latent.data.from_recipe")
  if makers[recipe.kind] then return with_recipe(makers[recipe.kind](recipe), recipe) end
  local kind = recipe.kind
  if kind == "take" then return data.from_recipe(recipe.of):take(recipe.n) end
  if kind == "part" or kind == "shuffled" then
    local of = data.from_recipe(recipe.of)
    local set = kind == "part" and core.view(of, recipe.first, recipe.n) or core.shuffled(of, recipe.seed)
    return with_recipe(set, recipe)
  end
  if kind == "idx" then return load_idx(recipe.images, recipe.labels, recipe.limit) end
  if not specs[kind] then
    sys.fail(("latent.data.from_recipe: a set of kind %s cannot be made again"):format(options.show(kind)))
  end
  local o = {}
  for key, value in pairs(recipe) do
    if key ~= "kind" and key ~= "part" then o[key] = value end
  end
  return make_pair(kind, o)[recipe.part]
end

-- For the run's facts: how the set is made, and the hash that proves it.
function data.describe(set)
  return { recipe = core.recipe(set), sha256 = core.fingerprint(set) }
end

package.loaded["latent.data"] = data -- the modules below require it
for _, name in ipairs { "latent.prepared", "latent.data_sparse", "latent.data_files" } do include(require(name)) end

local names = {}
for name in pairs(data) do names[#names + 1] = name end
return setmetatable(data, {
  __index = function(_, name)
    local boot = require "latent.boot"
    sys.fail(("latent.data.%s: no such name%s"):format(tostring(name), boot.hint(name, names)))
  end,
})
