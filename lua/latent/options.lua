-- Options of a function, declared once: defaults, checks, errors and help come
-- from the same table.
--
--   local spec = options.define("latent.fit", {
--     { "train", "set", required = true, help = "what to learn from" },
--     { "epochs", "integer", default = 10, min = 0, help = "..." },
--     { "rate", "number", default = 0.01, above = 0, help = "..." },
--     { "loss", "string", choices = { "bce", "mse" }, help = "..." },
--     { 1, "integer", name = "units", required = true, help = "..." },
--   })                               -- { 30 } and { units = 30 } are the same
--   local o = spec:read(given)       -- a new table, complete and checked
--
-- `wanted` says in words what the types of an item cannot.
--
-- Types: Lua's own, "integer" (2.0 is one, 2.5 is not), "any", and those that
-- options.register names ("set", "net", "run"). A list of types is a choice.
-- Errors are raised at the line of the script that called.
local boot = require "latent.boot"
local sys = require "latent.core.sys"

local options = { all = {} } -- every spec that was defined

local getmetatable <const> = debug.getmetatable
local kinds = setmetatable({}, { __mode = "k" }) -- metatable -> name
local ARTICLES <const> = { integer = "an integer", experiment = "an experiment", optimizer = "an optimizer",
  any = "a value", ["nil"] = "nothing" }

function options.register(metatable, name)
  kinds[metatable] = name
  return metatable
end

-- "set", "integer", "number", "table" ...
function options.type_of(value)
  local mt = getmetatable(value)
  if mt and kinds[mt] then return kinds[mt] end
  return type(value)
end

local function with_article(name)
  return ARTICLES[name] or "a " .. name
end

-- A value as an error message shows it.
function options.show(value)
  local kind = options.type_of(value)
  if kind == "string" then return ("'%s'"):format(value) end
  if kind == "number" and math.type(value) == "float" then return ("%.14g"):format(value) end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  return with_article(kind)
end

local function range_text(item)
  if item.min and item.max then return (" from %s to %s"):format(item.min, item.max) end
  if item.min and item.below then return (" of at least %s and below %s"):format(item.min, item.below) end
  if item.above and item.max then return (" above %s, at most %s"):format(item.above, item.max) end
  if item.above and item.below then return (" above %s and below %s"):format(item.above, item.below) end
  if item.min then return (" of at least %s"):format(item.min) end
  if item.above then return (" above %s"):format(item.above) end
  return ""
end

local function types_of(item)
  return type(item.type) == "table" and item.type or { item.type }
end

local function wanted(item)
  if item.wanted then return item.wanted end
  if item.choices then
    local shown = {}
    for i, choice in ipairs(item.choices) do shown[i] = ("'%s'"):format(choice) end
    return (#shown > 1 and "one of " or "") .. table.concat(shown, ", ")
  end
  local names = {}
  for i, name in ipairs(types_of(item)) do names[i] = with_article(name) .. range_text(item) end
  return table.concat(names, " or ")
end

local function in_range(item, x)
  return x == x and math.abs(x) ~= math.huge
    and (not item.min or x >= item.min) and (not item.max or x <= item.max)
    and (not item.above or x > item.above) and (not item.below or x < item.below)
end

-- The value as the type has it, or nil.
local function convert(name, item, value)
  local kind = options.type_of(value)
  if name == "any" then return value end
  if name == "integer" then
    local whole = kind == "number" and math.tointeger(value)
    return whole and in_range(item, whole) and whole or nil
  end
  if name == "number" then return kind == "number" and in_range(item, value) and value + 0.0 or nil end
  if kind == name then return value end
  return nil
end

local function has(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function label(item)
  return item.name or tostring(item[1])
end

local function check(spec, item, value)
  for _, name in ipairs(types_of(item)) do
    local converted = convert(name, item, value)
    if converted ~= nil then
      if not item.choices or has(item.choices, converted) then return converted end
    end
  end
  local hint = item.choices and type(value) == "string" and boot.hint(value, item.choices) or ""
  sys.fail(("%s: %s is %s%s%s %s"):format(spec.owner, label(item), options.show(value), hint,
    hint == "" and ", wanted" or " Wanted", wanted(item)))
end

local function check_names(spec, given)
  local unknown = {}
  for name in pairs(given) do
    if not spec.by_name[name] then unknown[#unknown + 1] = name end
  end
  if #unknown == 0 then return end
  table.sort(unknown, function(a, b) return tostring(a) < tostring(b) end)
  local name = unknown[1]
  if type(name) ~= "string" then
    sys.fail(("%s: unexpected value %s at place %s"):format(spec.owner, options.show(given[name]), tostring(name)))
  end
  local hint = boot.hint(name, spec.names)
  if hint == "" then hint = #spec.names > 0 and " (known: " .. table.concat(spec.names, ", ") .. ")" or "" end
  sys.fail(("%s: unknown option '%s'%s"):format(spec.owner, name, hint))
end

-- What was given for the item: at its place, or by name where that is another.
local function value_of(spec, item, given)
  local value, named = given[item[1]], item.name and given[item.name]
  if value == nil then return named end
  if named ~= nil and item.name then
    sys.fail(("%s: %s is given twice, as %s and as %s"):format(spec.owner, item.name, options.show(value),
      options.show(named)))
  end
  return value
end

local methods = {}

-- The options, defaults filled in; a default that is a function is called.
function methods:read(given)
  if type(given) ~= "table" or getmetatable(given) then
    sys.fail(("%s: found %s, wanted a table of options: %s { ... }"):format(self.owner,
      options.show(given), self.owner))
  end
  check_names(self, given)
  local out = {}
  for _, item in ipairs(self) do
    local key, value = item[1], value_of(self, item, given)
    if value ~= nil then
      out[key] = check(self, item, value)
    elseif item.required then
      sys.fail(("%s: %s is missing, wanted %s"):format(self.owner, label(item), wanted(item)))
    elseif type(item.default) == "function" then
      out[key] = item.default()
    else
      out[key] = item.default
    end
  end
  return out
end

-- Lines for people: name, type, default, help.
function methods:help()
  local lines, width = { self.owner, #self == 0 and "  (no options)" or nil }, 16
  for _, item in ipairs(self) do width = math.max(width, #label(item)) end
  for _, item in ipairs(self) do
    local default = item.required and "required"
      or item.default ~= nil and type(item.default) ~= "function" and "default " .. options.show(item.default)
    local place = math.type(item[1]) == "integer" and (", place %d"):format(item[1]) or ""
    lines[#lines + 1] = ("  %-" .. width .. "s %s%s: %s"):format(label(item), wanted(item),
      default and " (" .. default .. place .. ")" or place:gsub("^, (.*)", " (%1)"), item.help or "")
  end
  return table.concat(lines, "\n")
end

function options.define(owner, list)
  local spec = { owner = owner, by_name = {}, names = {} }
  for i, item in ipairs(list) do
    item.type = item[2]
    spec[i] = item
    spec.by_name[item[1]] = item
    local name = type(item[1]) == "string" and item[1] or item.name
    spec.by_name[name] = item
    spec.names[#spec.names + 1] = name
  end
  table.sort(spec.names)
  options.all[#options.all + 1] = spec
  return setmetatable(spec, { __index = methods })
end

-- An __index for objects: methods, computed fields, and an error that names
-- the nearest known one for anything else.
function options.index(name, object_methods, fields)
  local names = {}
  for key in pairs(object_methods) do names[#names + 1] = key end
  for key in pairs(fields or {}) do names[#names + 1] = key end
  table.sort(names)
  return function(self, key)
    local method = object_methods[key]
    if method then return method end
    local field = fields and fields[key]
    if field then return field(self) end
    sys.fail(("%s has no '%s'%s"):format(name, tostring(key), boot.hint(key, names)))
  end
end

-- Raises unless `value` is of the kind; `what` names the argument.
function options.expect(value, kind, what)
  if options.type_of(value) ~= kind then
    sys.fail(("%s: found %s, wanted %s"):format(what, options.show(value), with_article(kind)))
  end
  return value
end

return options
