-- sandbox: what is left to a script by latent run --sandbox.
--
-- The script and its modules get globals of their own: copies of Lua's
-- libraries without those parts that reach files, programs, the environment,
-- native code, bytecode or the interpreter's insides. latent's own modules keep
-- theirs; the script cannot get at them: `require` gives it the public ones
-- only, no metatable leads to a table that they share with it, and there is no
-- debug library.
--
-- What latent does for a script with paths is checked one level down, at the
-- core's functions: read are the folders where data are looked for
-- ($LATENT_DATA, ./data, the user's cache) and the run's own folder, written is
-- the run's folder alone. A core function that is not in the list below is
-- closed: whoever adds one says here what it may do.
--
-- Time and memory are limited by the program, not here (src/bind/stop.c). What
-- its hooks cannot interrupt is kept small: no finalisers, no endless rep.
local sys = require "latent.core.sys"

local sandbox = {}

local getmetatable_of <const> = getmetatable -- heeds __metatable
local any_metatable <const> = debug.getmetatable
local load_text <const> = load
local HINT <const> = ": not in a sandbox (latent run --sandbox)"

local function closed(name)
  return function() sys.fail(name .. HINT) end
end

-- ---- globals ----

local BASIC <const> = { "_VERSION", "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal",
  "rawget", "rawlen", "rawset", "select", "tonumber", "tostring", "type", "xpcall" }

local LIBRARIES <const> = {
  coroutine = { "close", "create", "isyieldable", "resume", "running", "status", "wrap", "yield" },
  math = { "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max",
    "maxinteger", "min", "mininteger", "modf", "pi", "rad", "random", "randomseed", "sin", "sqrt", "tan", "tointeger",
    "type", "ult" },
  os = { "clock", "date", "difftime", "time" },
  string = { "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "pack", "packsize", "rep",
    "reverse", "sub", "unpack", "upper" },
  table = { "concat", "insert", "move", "pack", "remove", "sort", "unpack" },
  utf8 = { "char", "charpattern", "codepoint", "codes", "len", "offset" },
  io = {}, debug = {}, package = {},
}

local GONE <const> = { loadlib = true, dump = true, sethook = true } -- taken from all scripts

-- A copy of the named fields; the others that the library has are errors.
local function copy_library(name, fields)
  local library, copy = _G[name], {}
  for _, field in ipairs(fields) do copy[field] = library[field] end
  return setmetatable(copy, {
    __index = function(_, field)
      if library[field] ~= nil or GONE[field] then sys.fail(("%s.%s%s"):format(name, tostring(field), HINT)) end
    end,
    __metatable = false,
  })
end

-- These change Lua's own table of strings, whose functions are every string's
-- methods: for latent's modules too, which do without.
local function mend_strings()
  local rep <const> = string.rep
  string.dump = nil
  function string.rep(text, n, separator)
    if text == "" and (separator or "") == "" then return "" end -- else Lua counts to n
    return rep(text, n, separator)
  end
  any_metatable("").__metatable = false
end

local GC_OPTIONS <const> = { count = true, collect = true, step = true }

local function define_functions(env)
  function env.print(...) return print(...) end -- the one of now: a rehearsal is silent
  env.io.write = function(...) io.write(...) end
  env.debug.traceback = function(message) return message end
  env.dofile, env.loadfile, env.warn = closed "dofile", closed "loadfile", closed "warn"
  function env.collectgarbage(option, n)
    if option ~= nil and not GC_OPTIONS[option] then
      sys.fail(("collectgarbage '%s'%s"):format(tostring(option), HINT))
    end
    return collectgarbage(option, n)
  end
  function env.setmetatable(t, meta)
    if type(meta) == "table" and rawget(meta, "__gc") ~= nil then sys.fail("a metatable with __gc" .. HINT) end
    return setmetatable(t, meta)
  end
  function env.getmetatable(value) -- those of latent's own things are not for scripts
    local options = package.loaded["latent.options"]
    if options and options.type_of(value) ~= type(value) then return false end
    return getmetatable_of(value)
  end
  function env.load(chunk, name, _, ...)
    local globals = env
    if select("#", ...) > 0 then globals = ... end
    if type(name) == "string" and name:find("^[=@]") then name = "=(load)" end
    return load_text(chunk, name, "t", globals)
  end
end

-- ---- require ----

local PUBLIC <const> = { ["latent"] = true, ["latent.data"] = true, ["latent.plot"] = true, ["latent.prepare"] = true,
  ["latent.stats"] = true }

-- find: boot's searcher of the script's own modules.
local function make_require(env, find)
  local loaded = { _G = env }
  for name in pairs(LIBRARIES) do loaded[name] = env[name] end
  return function(name)
    if type(name) ~= "string" then sys.fail "require: wanted a module's name" end
    if loaded[name] ~= nil then return loaded[name] end
    if PUBLIC[name] then return require(name) end
    if name:find("^latent%f[.\0]") then sys.fail(("require '%s'%s"):format(name, HINT)) end
    local chunk, path = find(name)
    if type(chunk) == "string" then sys.fail(("module '%s' not found:%s"):format(name, chunk)) end
    loaded[name] = true
    local value = chunk(name, path)
    if value ~= nil then loaded[name] = value end
    return loaded[name], path
  end
end

-- ---- paths ----

local function is_below(path, folder)
  return folder ~= nil and (path == folder or path:sub(1, #folder + 1) == folder .. "/" or folder == "/")
end

local function run_folder()
  local info = require "latent.core.run".info()
  return info and info.dir
end

local function is_readable(path)
  local real = sys.real(path)
  if not real then return false end
  for _, place in ipairs(require "latent.sets".places()) do
    local folder = sys.real(place)
    local is_own = place:find("^/") or is_below(folder or "", sys.real ".") -- ./data may be a stranger's link
    if is_own and is_below(real, folder) then return true end
  end
  local folder = run_folder()
  return folder ~= nil and is_below(real, sys.real(folder))
end

local function show(path)
  return (path:gsub("%c", "?"))
end

local function check_read(path)
  if type(path) ~= "string" or is_readable(path) then return end
  sys.fail(("'%s': no such file in the folders that a sandbox may read: %s, and the run's own"):format(show(path),
    table.concat(require "latent.sets".places(), ", ")))
end

local function check_write(path, pattern)
  local folder, name = path:match("^(.*)/([^/]+)$")
  local own, there = run_folder(), folder and sys.real(folder)
  if there and own and name:find("^[%w_][%w_.%-]*$") and name:find(pattern or "") and is_below(there, sys.real(own))
    and (not sys.real(path) or is_below(sys.real(path), there)) then
    return
  end
  sys.fail(("'%s': a sandbox may write %s in the run's folder only (run.dir), by plain names"):format(show(path),
    pattern and "*" .. pattern:gsub("[%%$]", "") or "files"))
end

-- ---- the core's functions ----

local FREE <const> = true

local function reads_options(o)
  for _, name in ipairs { "path", "dir", "images", "labels", "train", "test" } do check_read(o[name]) end
end

local function reads_arguments(...)
  for i = 1, select("#", ...) do check_read((select(i, ...))) end
end

local function writes_figure(_, o)
  if o.path then check_write(o.path) end
end

local function free(names)
  local rules = {}
  for name in names:gmatch("%S+") do rules[name] = FREE end
  return rules
end

local function with(rules, more)
  for name, rule in pairs(more) do rules[name] = rule end
  return rules
end

local function writes_tensors(_, path) check_write(path, "%.safetensors$") end

-- module -> its functions: FREE, or a check of their arguments. What is not
-- named is closed. FREE has no path among its arguments.
local CORE <const> = {
  json = free "encode decode try",
  prepare = with(free "fit apply shapes numbers restore variances patches resize",
    { read = reads_arguments, write = function(path) check_write(path, "%.safetensors$") end }),
  probe = free "knn retrieval linear units pca encode act",
  recommend = free "predict best",
  train = free "fit pretrain divergence",
  sys = with(free [[guard fail where env suggest clock isatty wall columns terminal host sha256 git read real poll
    random rng randomseed]], { exists = FREE, place = reads_arguments }),
  data = with(free "rows view target shuffled size shape row label fingerprint recipe has",
    { pair = reads_options, idx = reads_arguments }),
  files = { npy = reads_options, csv = reads_options, pictures = reads_options, cifar10 = reads_options },
  sparse = with(free "topics count mean centre entries row_ids column_ids baselines",
    { ratings = reads_options, libsvm = reads_options, libsvm_pair = reads_options }),
  net = with(free "new map evaluate info summary to_json weight bias freeze",
    { load = reads_arguments, save = writes_tensors }),
  run = with(free "info metric note tag facts is_replaying recall remember",
    { artifact = function(_, _, path) check_write(path) end }),
  plot = with(free "script", { render = writes_figure }),
  fetch = free "size signal",
  store = {}, books = {}, exchange = {}, bench = {},
}

local function wrap(name, f, check)
  if check == FREE then return f end
  if not check then return closed(name) end
  return function(...)
    check(...)
    return f(...)
  end
end

local function guard_core(name, rules)
  local core = require("latent.core." .. name)
  for key, value in pairs(core) do
    if type(value) == "function" then core[key] = wrap(("latent.core.%s.%s"):format(name, key), value, rules[key]) end
  end
end

local function guard_cores()
  local exists <const> = sys.exists
  for name in pairs(package.preload) do
    local core = name:match("^latent%.core%.(.*)$")
    if core then guard_core(core, CORE[core] or {}) end
  end
  function sys.exists(path) return is_readable(path) and exists(path) end
end

-- Modules of which a sandbox gets nothing or little, whatever they come to have.
local NONE_OF <const> = { store = true, books = true, exchange = true, bench = true, fetch = true }

-- Names of core functions and modules that CORE does not know: for a test.
function sandbox.unknown()
  local unknown = {}
  for module in pairs(package.preload) do
    local core = module:match("^latent%.core%.(.*)$")
    local rules = core and CORE[core]
    if core and not rules then unknown[#unknown + 1] = module end
    for key, value in pairs(core and require(module) or {}) do
      if type(value) == "function" and not (rules and rules[key]) and not NONE_OF[core] then
        unknown[#unknown + 1] = module .. "." .. key
      end
    end
  end
  table.sort(unknown)
  return unknown
end

-- The globals of a script in a sandbox.
function sandbox.setup(find)
  local env = {}
  env._G = env
  for _, name in ipairs(BASIC) do env[name] = _G[name] end
  mend_strings()
  for name, fields in pairs(LIBRARIES) do env[name] = copy_library(name, fields) end
  define_functions(env)
  env.require = make_require(env, find)
  guard_cores()
  return env
end

return sandbox
