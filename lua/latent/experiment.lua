-- latent.experiment{...}: checks a declaration, expands its sweep into
-- configs, and calls its run function with one of them.
--
-- A config is a flat table of scalars: every knob of `config`, changed by one
-- entry of the sweep. A value has the type of the knob's default; where the
-- default is a real number an integer is made one, so that 1 and 1.0 are not
-- two configs. Nothing here depends on the order of `pairs`.
local boot = require "latent.boot"
local json = require "latent.core.json"
local options = require "latent.options"
local sweeps = require "latent.sweep"
local sys = require "latent.core.sys"

local experiment = {}
local meta = options.register({ __name = "experiment" }, "experiment")

local spec = options.define("latent.experiment", {
  { "name", "string", required = true, help = "what the runs are filed under" },
  { "question", "string", default = "", help = "what the experiment asks" },
  { "config", "table", required = true, help = "every knob with its default, seed among them" },
  { "sweep", "sweep", help = "the knobs that vary" },
  { "targets", "table", default = function() return {} end, help = "published figures to compare with" },
  { "run", "function", required = true, help = "function(run, c)" },
})

local target_spec = options.define("latent.experiment: a target", {
  { "value", "number", required = true },
  { "better", "string", choices = { "lower", "higher" }, default = "lower" },
  { "source", "string", default = "" },
})

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function type_name(value)
  return math.type(value) or type(value)
end

-- ---- checks ----

local function check_defaults(config)
  for key, value in pairs(config) do
    if type(key) ~= "string" or not key:find("^[%a_][%w_]*$") then
      sys.fail(("config: found the knob %s, wanted names of letters, digits and _"):format(options.show(key)))
    end
    local kind = type(value)
    local finite = kind ~= "number" or (value == value and math.abs(value) ~= math.huge)
    if not (kind == "string" or kind == "boolean" or kind == "number") or not finite then
      sys.fail(("config.%s is %s, wanted a string, a finite number or a boolean"):format(key, options.show(value)))
    end
  end
  if config.seed == nil then sys.fail("config: seed is missing, wanted seed = 1") end
  if math.type(config.seed) ~= "integer" then
    sys.fail(("config.seed is %s, wanted an integer"):format(options.show(config.seed)))
  end
end

local function check_targets(targets)
  local out = {}
  for name, target in pairs(targets) do
    if type(name) ~= "string" or type(target) ~= "table" then
      sys.fail("targets: wanted [\"test.sse\"] = { value = 1, better = \"lower\", source = \"...\" }")
    end
    out[name] = target_spec:read(target)
  end
  return out
end

-- The value as the default's type has it; `source` begins error messages.
local function typed(defaults, knob, value, source, where)
  local default = defaults[knob]
  if default == nil then
    sys.fail(("%s: no knob '%s' in config%s"):format(source, knob, boot.hint(knob, sorted_keys(defaults))), where)
  end
  local want, found = type_name(default), type_name(value)
  if want == found then return value end
  if want == "float" and found == "integer" then return value + 0.0 end
  if want == "integer" and found == "float" then
    local whole = math.tointeger(value)
    if whole then return whole end
    sys.fail(("%s: %s is %s, but its default %s is an integer (for any number write %s.0)"):format(source, knob,
      options.show(value), default, default), where)
  end
  sys.fail(("%s: %s is %s, wanted %s as its default %s is"):format(source, knob, options.show(value),
    type(default) == "number" and "a number" or "a " .. type(default), options.show(default)), where)
end

local function check_configs(defaults, sweep)
  for _, config in ipairs(sweep.configs) do
    for _, knob in ipairs(sorted_keys(config)) do
      config[knob] = typed(defaults, knob, config[knob], "sweep", sweep.where)
    end
  end
end

-- latent.experiment{...}
function experiment.new(given)
  local e = spec:read(given)
  if not e.name:find("^[%w][%w._%-]*$") or #e.name > 64 then
    sys.fail(("latent.experiment: name is %s, wanted at most 64 letters, digits, dots, - and _"):format(
      options.show(e.name)))
  end
  check_defaults(e.config)
  e.targets = check_targets(e.targets)
  e.sweep = e.sweep or setmetatable({ configs = { {} }, where = sys.where() }, debug.getmetatable(sweeps.list {}))
  if #e.sweep.configs == 0 then sys.fail("sweep: it has no configs, wanted at least one", e.sweep.where) end
  check_configs(e.config, e.sweep)
  return setmetatable(e, meta)
end

-- ---- expansion ----

local function parse_value(knob, default, text, source)
  local kind = type(default)
  if kind == "string" and not utf8.len(text) then sys.fail(("%s: %s is not UTF-8"):format(source, knob), "") end
  if kind == "string" then return text end
  if kind == "boolean" and (text == "true" or text == "false") then return text == "true" end
  local number = kind == "number" and tonumber(text)
  if number and number - number == 0 then return number end
  if number then sys.fail(("%s: %s is '%s', wanted a finite number"):format(source, knob, text), "") end
  sys.fail(("%s: %s is '%s', wanted %s as its default %s is"):format(source, knob, text,
    kind == "number" and "a number" or "true or false", options.show(default)), "")
end

-- "code=2,6,30" -> { name = "code", values = { 2, 6, 30 } }
local function parse_set(defaults, text)
  local source = "-s " .. text
  local knob, list = text:match("^%s*([%a_][%w_]*)%s*=(.*)$")
  if not knob then sys.fail(source .. ": wanted key=value or key=value,value", "") end
  if defaults[knob] == nil then typed(defaults, knob, "", source, "") end
  local values = {}
  for item in (list .. ","):gmatch("([^,]*),") do
    local value = parse_value(knob, defaults[knob], item:match("^%s*(.-)%s*$"), source)
    values[#values + 1] = typed(defaults, knob, value, source, "")
  end
  return { name = knob, values = values }
end

local function axes_of(e, sets, seeds)
  local axes, seen = {}, {}
  for _, text in ipairs(sets) do
    local axis = parse_set(e.config, text)
    if seen[axis.name] then sys.fail(("-s %s: '%s' is given twice"):format(text, axis.name), "") end
    seen[axis.name] = true
    axes[#axes + 1] = axis
  end
  if seeds > 0 then
    if seen.seed then sys.fail("--seeds: seed is also given by -s", "") end
    if seeds > sweeps.most then sys.fail(("--seeds: found %d, wanted at most %d"):format(seeds, sweeps.most), "") end
    local axis = { name = "seed", values = {} }
    for i = 1, seeds do axis.values[i] = i end
    axes[#axes + 1] = axis
  end
  return axes
end

local function complete(defaults, partial)
  local config = {}
  for knob, default in pairs(defaults) do
    config[knob] = default
    if partial[knob] ~= nil then config[knob] = partial[knob] end
  end
  return config
end

-- A config's identity but for its seed.
local function hash_without_seed(config)
  local rest = {}
  for knob, value in pairs(config) do
    if knob ~= "seed" then rest[knob] = value end
  end
  return sys.sha256(json.encode(rest))
end

-- All configs, in order, each once: { { config =, json =, seed =, hash = } }.
function experiment.expand(e, sets, seeds)
  local partials = sweeps.override(e.sweep.configs, axes_of(e, sets or {}, seeds or 0))
  local items, seen = {}, {}
  for _, partial in ipairs(partials) do
    local config = complete(e.config, partial)
    local text = json.encode(config)
    if not seen[text] then
      seen[text] = true
      items[#items + 1] = { config = config, json = text, seed = config.seed, hash = hash_without_seed(config) }
    end
  end
  return items
end

-- What the store keeps of the experiment.
function experiment.describe(e)
  return { name = e.name, question = e.question, targets = json.encode(e.targets),
    defaults = json.encode(e.config) }
end

-- ---- running ----

-- A config that cannot be changed and knows its knobs.
local function read_only(config)
  local knobs = sorted_keys(config)
  return setmetatable({}, {
    __index = function(_, knob)
      local value = config[knob]
      if value == nil then
        sys.fail(("config has no knob '%s'%s"):format(tostring(knob), boot.hint(knob, knobs)))
      end
      return value
    end,
    __newindex = function(_, knob)
      sys.fail(("config.%s: a run's config cannot be changed"):format(tostring(knob)))
    end,
    __pairs = function()
      local i = 0
      return function()
        i = i + 1
        return knobs[i], config[knobs[i]]
      end
    end,
    __metatable = false,
  })
end

-- Calls the run function; `text` is the stored config.
function experiment.execute(e, text, run)
  local config = json.decode(text, "config")
  for _, knob in ipairs(sorted_keys(config)) do
    config[knob] = typed(e.config, knob, config[knob], "stored config", "")
  end
  for _, knob in ipairs(sorted_keys(e.config)) do
    if config[knob] == nil then sys.fail(("stored config: no value for '%s'"):format(knob), "") end
  end
  e.run(run, read_only(config))
end

return experiment
