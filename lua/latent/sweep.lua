-- Sweeps: lists of partial configs, made by grid, random and list, joined by
-- * (product) and + (concatenation).
--
-- A sweep is expanded when it is made. Axes go in the order of their names,
-- values in the order given; the last axis runs fastest. A random sweep draws
-- from the engine's generator and its own seed only. Which knobs exist is
-- known to the experiment alone, which checks them (experiment.lua) and drops
-- duplicates; `where` keeps the script's line for its errors.
local options = require "latent.options"
local sys = require "latent.core.sys"

local sweep = { most = 1000000 } -- configs, before duplicates go
local meta = options.register({}, "sweep")
local axis_meta = options.register({}, "distribution")

local function new(configs)
  return setmetatable({ configs = configs, where = sys.where() }, meta)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function check_scalar(owner, knob, value)
  local kind = type(value)
  if kind == "string" or kind == "boolean" then return end
  if kind == "number" and value == value and math.abs(value) ~= math.huge then return end
  sys.fail(("%s: %s is %s, wanted a string, a finite number or a boolean"):format(owner, knob, options.show(value)))
end

local function check_name(owner, name)
  if type(name) ~= "string" then
    sys.fail(("%s: found the value %s without a name, wanted knob = { values }"):format(owner, tostring(name)))
  end
end

local function merged(a, b)
  local out = {}
  for key, value in pairs(a) do out[key] = value end
  for key, value in pairs(b) do
    if out[key] ~= nil then
      sys.fail(("sweep: '%s' is in both factors of *"):format(key))
    end
    out[key] = value
  end
  return out
end

local function check_size(owner, n, where)
  if n > sweep.most then
    sys.fail(("%s: %d configs, wanted at most %d"):format(owner, n, sweep.most), where)
  end
end

local function product(first, second, where)
  check_size("sweep", #first * #second, where)
  local configs = {}
  for _, a in ipairs(first) do
    for _, b in ipairs(second) do configs[#configs + 1] = merged(a, b) end
  end
  return configs
end

local function expect_sweeps(a, b, sign)
  for _, side in ipairs { a, b } do
    if options.type_of(side) ~= "sweep" then
      sys.fail(("sweep %s: found %s, wanted a sweep on both sides"):format(sign, options.show(side)))
    end
  end
end

function meta.__mul(a, b)
  expect_sweeps(a, b, "*")
  return new(product(a.configs, b.configs))
end

function meta.__add(a, b)
  expect_sweeps(a, b, "+")
  local configs = {}
  for _, side in ipairs { a, b } do
    for _, config in ipairs(side.configs) do configs[#configs + 1] = config end
  end
  return new(configs)
end

function meta.__len(s)
  return #s.configs
end

-- latent.grid { axis = { values }, ... }: the product of the axes.
function sweep.grid(axes)
  options.expect(axes, "table", "latent.grid")
  local configs = { {} }
  for _, name in ipairs(sorted_keys(axes)) do
    check_name("latent.grid", name)
    local values, axis = axes[name], {}
    if type(values) ~= "table" or getmetatable(values) or #values == 0 then
      sys.fail(("latent.grid: %s is %s, wanted a list of values: %s = { 1, 2 }"):format(name,
        options.show(values), name))
    end
    for i, value in ipairs(values) do
      check_scalar("latent.grid", name, value)
      axis[i] = { [name] = value }
    end
    configs = product(configs, axis)
  end
  return new(configs)
end

-- latent.list { {...}, {...} }: these configs.
function sweep.list(list)
  options.expect(list, "table", "latent.list")
  local configs = {}
  for i, item in ipairs(list) do
    if type(item) ~= "table" then
      sys.fail(("latent.list: item %d is %s, wanted a table of knobs"):format(i, options.show(item)))
    end
    local config = {}
    for _, name in ipairs(sorted_keys(item)) do
      check_name("latent.list", name)
      check_scalar("latent.list", name, item[name])
      config[name] = item[name]
    end
    configs[i] = config
  end
  for key in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > #configs then
      sys.fail(("latent.list: unexpected '%s', wanted a list of tables"):format(tostring(key)))
    end
  end
  return new(configs)
end

-- ---- random sweeps ----

local function distribution(draw)
  return setmetatable({ draw = draw }, axis_meta)
end

local function bounds(owner, low, high, integer)
  local ok = math.type(low) and math.type(high) and low <= high and high - low < math.huge
  if ok and integer then ok = math.tointeger(low) and math.tointeger(high) end
  if not ok then
    sys.fail(("%s: found (%s, %s), wanted two %s, the smaller first"):format(owner, options.show(low),
      options.show(high), integer and "integers" or "numbers"))
  end
end

function sweep.uniform(low, high)
  bounds("latent.uniform", low, high)
  return distribution(function(rng) return low + (high - low) * rng() end)
end

function sweep.loguniform(low, high)
  bounds("latent.loguniform", low, high)
  if low <= 0 then
    sys.fail(("latent.loguniform: found %s, wanted bounds above 0"):format(options.show(low)))
  end
  local from, to = math.log(low), math.log(high)
  return distribution(function(rng) return math.exp(from + (to - from) * rng()) end)
end

function sweep.integers(low, high)
  bounds("latent.integers", low, high, true)
  low, high = math.tointeger(low), math.tointeger(high)
  return distribution(function(rng) return rng(low, high) end)
end

function sweep.choice(values)
  if type(values) ~= "table" or #values == 0 then
    sys.fail(("latent.choice: found %s, wanted a list of values"):format(options.show(values)))
  end
  for i, value in ipairs(values) do check_scalar("latent.choice", "value " .. i, value) end
  return distribution(function(rng) return values[rng(#values)] end)
end

-- latent.random { n =, seed =, axis = distribution, ... }
function sweep.random(given)
  options.expect(given, "table", "latent.random")
  for _, name in ipairs { "n", "seed" } do
    if not math.tointeger(given[name]) or (name == "n" and given.n < 1) then
      sys.fail(("latent.random: %s is %s, wanted an integer"):format(name, options.show(given[name])))
    end
  end
  check_size("latent.random", math.tointeger(given.n))
  local axes = {}
  for _, name in ipairs(sorted_keys(given)) do
    check_name("latent.random", name)
    if name ~= "n" and name ~= "seed" then
      if options.type_of(given[name]) ~= "distribution" then
        sys.fail(("latent.random: %s is %s, wanted latent.uniform, loguniform, choice or integers"):format(name,
          options.show(given[name])))
      end
      axes[#axes + 1] = name
    end
  end
  local rng, configs = sys.rng(math.tointeger(given.seed), "sweep"), {}
  for i = 1, math.tointeger(given.n) do
    configs[i] = {}
    for _, name in ipairs(axes) do configs[i][name] = given[name].draw(rng) end
  end
  return new(configs)
end

-- `configs` with each knob in `axes` ({ name =, values = } in order) taking
-- all its values in place of what it had; duplicates stay.
function sweep.override(configs, axes)
  for _, axis in ipairs(axes) do
    local rest, values = {}, {}
    for i, config in ipairs(configs) do
      rest[i] = {}
      for key, value in pairs(config) do
        if key ~= axis.name then rest[i][key] = value end
      end
    end
    for i, value in ipairs(axis.values) do values[i] = { [axis.name] = value } end
    configs = product(rest, values, "")
  end
  return configs
end

return sweep
